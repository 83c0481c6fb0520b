import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/backends/backend.js';
import type { RsyncBackendOptions } from '../../src/backends/options.js';
import { localDisk } from '../../src/root/local-disk.js';
import { writeMarker } from '../../src/root/marker.js';
import { describeFailures } from './contract/failures.js';
import { describeListings } from './contract/listings.js';
import { describeTransfers } from './contract/transfers.js';
import { makeSite, namesIn, never, photos, self, type Site } from './site.js';

const dir = photos.path;

/** What every backend has to do. `create` gets what the composition root gives. */
export function describeBackend(name: string, create: (options: RsyncBackendOptions) => Backend): void {
  describe(name, () => {
    let site: Site;
    const there = (path: string): string => join(site.rootThere, path);

    beforeAll(async () => {
      site = await makeSite(create);
    });
    afterAll(async () => {
      await site.close();
    });
    beforeEach(async () => {
      for (const [root, id] of [[site.here, self], [site.rootThere, site.host.id]] as const) {
        await rm(join(root, 'uploads'), { recursive: true, force: true });
        await mkdir(join(root, dir), { recursive: true });
        await writeMarker(localDisk, join(root, dir), id, dir);
      }
      site.judged.length = 0;
      site.calls.length = 0;
      site.warnings.length = 0;
      site.verdicts.clear();
    });

    test('prepare says nothing of a host that can receive, twice', async () => {
      expect(await site.backend.prepare(site.host, [photos], never)).toBeUndefined();
      expect(await site.backend.prepare(site.host, [photos], never)).toBeUndefined();
    });

    test('prepare answers with a failure where the marker is missing', async () => {
      await rm(there(`${dir}/.syncmedia`), { recursive: true });
      expect(await site.backend.prepare(site.host, [photos], never)).toMatchObject({ code: 'NO_MARKER', of: 'host' });
      await expect(namesIn(there(dir))).resolves.toEqual([]);
    });

    describeTransfers(() => site);
    describeListings(() => site);
  });

  describeFailures(name, create);
}
