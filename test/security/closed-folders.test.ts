import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { areas, prepareAreas } from '../../src/replica/areas.js';
import { cleanTmp, cleanTrash } from '../../src/replica/clean.js';
import { resolveLeftovers } from '../../src/replica/replaced.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { photos } from '../transport/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { startAttacker, type Attacker } from './attacker.js';

/**
 * Another host makes working folders of this one such that their own user may not read, change or
 * enter them: by SFTP, with mode 0 for a new folder and through a handle for one that is there,
 * which is a directory opened as a file.
 */
const hostile = countHostileInputs();
const modes = [0o000, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600, 0o077];
let attacker: Attacker;
beforeAll(async () => {
  attacker = await startAttacker();
}, 30_000);
afterAll(() => attacker.close());

const at = (name: string): string => join(attacker.there, name);
const modeOf = async (name: string): Promise<number | undefined> =>
  (await stat(at(name)).catch(() => undefined))?.mode;

async function close(name: string, mode: number): Promise<void> {
  const handle = await new Promise<Buffer>((resolve, reject) => {
    attacker.sftp.open(at(name), 'r', (error, opened) => {
      if (error) reject(error);
      else resolve(opened);
    });
  });
  await attacker.ask((done) => {
    attacker.sftp.fsetstat(handle, { mode }, done);
  });
  await attacker.ask((done) => {
    attacker.sftp.close(handle, done);
  });
}

test('working folders that another host closed are open again once this host resolves and cleans them', async () => {
  const place = { disk: nodeDisk, dirPath: attacker.there, dir: photos.path };
  await prepareAreas(place);
  for (const mode of modes) {
    const name = `old-${mode.toString(8)}`,
      rest = `${areas.replaced}/${name}/folder`;
    for (const folder of [rest, `${areas.trash}/${name}/folder`, `${areas.tmp}/${name}/folder`]) {
      await mkdir(at(folder), { recursive: true });
      await writeFile(at(`${folder}/a.jpg`), 'a');
      await close(folder, mode);
      await close(folder.slice(0, folder.lastIndexOf('/')), mode);
    }
    expect(((await modeOf(`${areas.replaced}/${name}`)) ?? 0) & 0o777).toBe(mode);
    await attacker.ask((done) => {
      attacker.sftp.mkdir(at(`${areas.partial}/${name}`), { mode }, done);
    });
    for (const area of [areas.replaced, areas.trash, areas.tmp, areas.partial])
      await close(area, mode);
    // As before each scan.
    await prepareAreas(place);
    const resolved = await resolveLeftovers(place, () => Promise.resolve('conflict'), 0);
    await cleanTmp(place, 0);
    await cleanTrash(place, { olderThanMs: 0, maxBytes: 0 });
    const left = await Promise.all(
      [areas.replaced, areas.trash, areas.tmp, areas.partial].map((area) =>
        nodeDisk.list(at(area)),
      ),
    );
    const areModes = await Promise.all(
      [areas.replaced, areas.trash, areas.tmp, areas.partial].map(
        async (area) => ((await modeOf(area)) ?? 0) & 0o700,
      ),
    );
    hostile.tried(mode, resolved.length !== 1 || left.flat().length > 0);
    expect([mode, resolved.map(({ path }) => path), left, areModes]).toEqual([
      mode,
      [`${photos.path}/folder/a.jpg`],
      [[], [], [], []],
      [0o700, 0o700, 0o700, 0o700],
    ]);
  }
});
