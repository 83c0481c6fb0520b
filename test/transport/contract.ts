import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/transport/backend.js';
import type { BackendOptions } from '../../src/transport/options.js';
import { describeFailures } from './contract/failures.js';
import { Histories } from './contract/histories.js';
import { describeListings } from './contract/listings.js';
import { describeThreeHosts, films, hasFilms } from './contract/three-hosts.js';
import { describeTransfers } from './contract/transfers.js';
import {
  makeDirs,
  makeSite,
  namesIn,
  never,
  photos,
  self,
  type Site,
  type SiteOptions,
} from './site.js';

const dir = photos.path;

/**
 * What every backend has to do. `create` gets what the composition root gives. There are three
 * other hosts, each with its own sshd: the tests of details use the first one.
 */
export function describeBackend(
  name: string,
  create: (options: BackendOptions) => Backend,
  options: SiteOptions = {},
): void {
  describe(name, () => {
    let site: Site, histories: Histories | undefined;
    const there = (path: string): string => join(site.rootThere, path);

    beforeAll(async () => {
      site = await makeSite(create, {
        ...options,
        hosts: 3,
        dirs: [photos, films],
        dirsOf: (host) => (hasFilms(host) ? [photos, films] : [photos]),
      });
      histories = await Histories.open(site, create, options);
    });
    afterAll(async () => {
      await histories?.close();
      await site.close();
    });
    beforeEach(async () => {
      await site.hosts[0]?.reset();
      await rm(join(site.here, 'uploads'), { recursive: true, force: true });
      await makeDirs(site.here, self, [photos, films]);
      site.resolved.length = 0;
      site.calls.length = 0;
      site.warnings.length = 0;
      site.resolutions.clear();
    });

    test('prepare says nothing of a host that can receive, twice', async () => {
      expect(await site.backend.prepare(site.host, [photos], never)).toBeUndefined();
      expect(await site.backend.prepare(site.host, [photos], never)).toBeUndefined();
    });

    test('prepare answers with a failure where the marker is missing', async () => {
      await rm(there(`${dir}/.syncmedia`), { recursive: true });
      expect(await site.backend.prepare(site.host, [photos], never)).toMatchObject({
        code: 'NO_MARKER',
        scope: 'host',
      });
      await expect(namesIn(there(dir))).resolves.toEqual([]);
    });

    describeThreeHosts(
      () => site,
      () => histories as Histories,
      create,
    );
    describeTransfers(() => site);
    describeListings(() => site);
  });

  // They put other programs in the place of rsync, which a confined key does not reach.
  if (!options.confined) describeFailures(name, create);
}
