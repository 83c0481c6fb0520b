import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Backend } from '../../../src/transport/backend.js';
import type { BackendOptions } from '../../../src/transport/options.js';
import { SyncMediaError } from '../../../src/model/errors.js';
import type { Change } from '../../../src/model/change.js';
import { makeKey } from '../ssh/login.js';
import {
  changeOf,
  collect,
  differences,
  makeSite,
  never,
  photos,
  put,
  results,
  type Site,
  type SiteOptions,
} from '../site.js';

const dir = photos.path;

/** What comes of hosts that are down, strange, or locked. */
export function describeFailures(name: string, create: (options: BackendOptions) => Backend): void {
  describe(`${name}: hosts that fail`, () => {
    const withSite = async (
      options: SiteOptions,
      run: (site: Site) => Promise<void>,
    ): Promise<void> => {
      const site = await makeSite(create, options);
      try {
        await run(site);
      } finally {
        await site.close();
      }
    };
    const failures = async (site: Site, expected: string): Promise<void> => {
      await put(site.here, `${dir}/photo.jpg`, 'photo');
      const change = await changeOf(site.here, `${dir}/photo.jpg`);
      const prepared = await site.backend.prepare(site.host, [photos], never);
      expect(prepared).toMatchObject({ scope: 'host' });
      expect(await results(site.backend.send(site.host, [change], never))).toEqual({
        [change.path]: `failed: ${prepared?.code ?? ''} of host`,
      });
      expect(await results(site.backend.fetch(site.host, [change], never))).toEqual({
        [change.path]: `failed: ${prepared?.code ?? ''} of host`,
      });
      expect(prepared?.code).toBe(expected);
      await expect(
        differences(site.backend.compare(site.host, photos, 'time', never)),
      ).rejects.toBeInstanceOf(SyncMediaError);
      await expect(site.backend.read(site.host, change.path, never)).rejects.toBeInstanceOf(
        SyncMediaError,
      );
    };

    test('a host that is down fails, and works once it is back', () =>
      withSite({}, async (site) => {
        expect(await site.backend.takesConnection(site.host, never)).toBe(true);
        await site.there.stop();
        expect(await site.backend.takesConnection(site.host, never)).toBe(false);
        await failures(site, 'HOST_UNREACHABLE');
        await site.there.start();
        expect(
          await results(
            site.backend.send(site.host, [await changeOf(site.here, `${dir}/photo.jpg`)], never),
          ),
        ).toEqual({ [`${dir}/photo.jpg`]: 'delivered' });
        // A connection that was open and is broken by now is found out, too.
        await site.there.stop({ hard: true });
        await site.there.start();
        await put(site.here, `${dir}/second.jpg`, 'second');
        const second = await changeOf(site.here, `${dir}/second.jpg`);
        const tried = await results(site.backend.send(site.host, [second], never));
        const again =
          tried[second.path] === 'delivered'
            ? tried
            : await results(site.backend.send(site.host, [second], never));
        expect(again).toEqual({ [second.path]: 'delivered' });
      }));

    test('a host that shows another host key', () =>
      withSite({}, async (site) => {
        site.host.hostKeys = [await makeKey(join(site.there.dir, 'another'))];
        await failures(site, 'HOST_KEY_MISMATCH');
      }));

    test('a host that does not accept our key', () =>
      withSite({}, async (site) => {
        await writeFile(site.there.authorizedKeysFile, '');
        await failures(site, 'AUTH_FAILED');
      }));

    test('a host without SFTP', () =>
      withSite({ there: { sftp: false } }, async (site) => {
        await failures(site, 'NO_SFTP');
      }));

    test('several outcomes come as soon as they are known, each once', () =>
      withSite({}, async (site) => {
        const changes: Change[] = [];
        for (let index = 0; index < 40; index++) {
          await put(site.here, `${dir}/${index % 4}/${index}.jpg`, String(index));
          changes.push(await changeOf(site.here, `${dir}/${index % 4}/${index}.jpg`));
        }
        const outcomes = await collect(site.backend.send(site.host, changes, never));
        expect([...outcomes.values()].filter(({ result }) => result === 'delivered')).toHaveLength(
          40,
        );
        expect([...outcomes.values()].reduce((sum, { bytes }) => sum + bytes, 0)).toBe(70);
      }));
  });
}
