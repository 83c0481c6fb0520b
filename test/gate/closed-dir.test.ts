import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createRsyncBackend } from '../../src/transport/rsync/rsync-backend.js';
import { openGateDirs } from '../../src/access/gate.js';
import { requireSafePath } from '../../src/replica/paths.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { changeOf, makeSite, never, photos, put, results } from '../transport/site.js';
import { gateIsMissing } from './confined.js';

test.skipIf(gateIsMissing !== undefined)(
  'a sync dir that is marked and not open there fails by itself, and is served once it is open',
  async () => {
    const late: SyncDir = { ...photos, path: requireSafePath('late') };
    const site = await makeSite(createRsyncBackend, { confined: true, dirs: [photos, late] });
    try {
      const rules = join(site.there.stateDir, 'gate/rules.json');
      const all = JSON.parse(await readFile(rules, 'utf8')) as object;
      await writeFile(rules, JSON.stringify({ ...all, dirs: [photos.path] }));
      await put(site.here, `${photos.path}/a.jpg`, 'a');
      await put(site.here, 'late/b.jpg', 'b');
      const changes = [
        await changeOf(site.here, 'late/b.jpg', undefined, late),
        await changeOf(site.here, `${photos.path}/a.jpg`),
      ];
      expect(await results(site.backend.send(site.host, changes, never))).toEqual({
        'late/b.jpg': 'failed: NO_MARKER of host',
        [`${photos.path}/a.jpg`]: 'delivered',
      });
      await openGateDirs(site.there.stateDir, { root: site.rootThere, syncDirs: [] }, [late.path]);
      expect(await results(site.backend.send(site.host, changes.slice(0, 1), never))).toEqual({
        'late/b.jpg': 'delivered',
      });
      expect(await readFile(join(site.rootThere, 'late/b.jpg'), 'utf8')).toBe('b');
    } finally {
      await site.close();
    }
  },
);
