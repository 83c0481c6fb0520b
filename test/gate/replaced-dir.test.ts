import { cp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { createRsyncBackend } from '../../src/transport/rsync/rsync-backend.js';
import { changeOf, makeSite, never, photos, put, results } from '../transport/site.js';
import { gateIsMissing } from './confined.js';

afterEach(() => vi.restoreAllMocks());

test.skipIf(gateIsMissing !== undefined)(
  'a sync dir that was replaced since the login, as by a restored backup, is served by a new login',
  async () => {
    const now = performance.now.bind(performance);
    let aheadMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
    const site = await makeSite(createRsyncBackend, { confined: true });
    const path = `${photos.path}/a.jpg`;
    const send = async (content: string): Promise<Record<string, string>> => {
      await put(site.here, path, content);
      return results(site.backend.send(site.host, [await changeOf(site.here, path)], never));
    };
    const countLogins = async (): Promise<number> =>
      (await site.there.log()).split('Accepted publickey').length - 1;
    try {
      expect(await send('first')).toEqual({ [path]: 'delivered' });
      const dir = join(site.rootThere, photos.path);
      await rename(dir, `${dir}-before`);
      // A marker with another date is read again, which ends the connection at once.
      await cp(`${dir}-before`, dir, { recursive: true, preserveTimestamps: true });
      await rm(`${dir}-before`, { recursive: true });
      const logins = await countLogins();
      const refused = { [path]: 'failed: PERMISSION_DENIED of path' };
      // The login is recent: a directory that belongs to another user would refuse a new one, too.
      expect(await send('second')).toEqual(refused);
      expect(await send('second')).toEqual(refused);
      expect(await countLogins()).toBe(logins);
      aheadMs += 11_000;
      expect(await send('second')).toEqual(refused);
      expect(await send('second')).toEqual({ [path]: 'delivered' });
      expect(await readFile(join(dir, 'a.jpg'), 'utf8')).toBe('second');
    } finally {
      await site.close();
    }
  },
);
