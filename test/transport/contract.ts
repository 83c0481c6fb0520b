import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/transport/backend.js';
import type { BackendOptions } from '../../src/transport/options.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { writeMarker } from '../../src/replica/marker.js';
import { describeFailures } from './contract/failures.js';
import { describeListings } from './contract/listings.js';
import { describeTransfers } from './contract/transfers.js';
import { makeSite, namesIn, never, photos, self, type Site, type SiteOptions } from './site.js';

const dir = photos.path;

/** What every backend has to do. `create` gets what the composition root gives. */
export function describeBackend(
  name: string,
  create: (options: BackendOptions) => Backend,
  options: SiteOptions = {},
): void {
  describe(name, () => {
    let site: Site;
    const there = (path: string): string => join(site.rootThere, path);

    beforeAll(async () => {
      site = await makeSite(create, options);
    });
    afterAll(async () => {
      await site.close();
    });
    beforeEach(async () => {
      // A confined connection reaches the sync dirs that were there when it began.
      await site.ssh.connections.use(site.host, (connection) => {
        connection.retire();
        return Promise.resolve();
      });
      for (const [root, id] of [
        [site.here, self],
        [site.rootThere, site.host.id],
      ] as const) {
        await rm(join(root, 'uploads'), { recursive: true, force: true });
        await mkdir(join(root, dir), { recursive: true });
        await writeMarker(nodeDisk, join(root, dir), id, dir);
      }
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

    describeTransfers(() => site);
    describeListings(() => site);
  });

  // They put other programs in the place of rsync, which a confined key does not reach.
  if (!options.confined) describeFailures(name, create);
}
