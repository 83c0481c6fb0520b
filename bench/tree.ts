import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import type { Connection } from 'mongoose';
import { getNativeCollection } from '../src/util/collections.js';
import { stderrLog } from '../src/model/log.js';
import { UnreadableRows } from '../src/database/unreadable-rows.js';
import { Ledger } from '../src/ledger/ledger.js';
import type { LedgerRow } from '../src/ledger/filters.js';
import { makeVersionEntry } from '../src/decisions/entries.js';
import type { HostId } from '../src/model/host.js';
import type { Path } from '../src/model/path.js';
import { dir, type Machine } from '../test/flow/site.js';
import { run } from './baselines.js';

const perFolder = 100;
const mtime = 1_700_000_000;

/**
 * Files that every host has, and the ledger knows: what a site has grown to. @returns their paths
 */
export async function fillTree(
  connection: Connection,
  machines: readonly Machine[],
  me: HostId,
  holders: readonly HostId[],
  files: number,
  pending: readonly HostId[] = [],
  folder = 'tree',
  bytes = 1_000,
): Promise<Path[]> {
  const [first, ...others] = machines;
  if (!first || files === 0) return [];
  const rows = getNativeCollection<LedgerRow>(connection, 'syncmedia_ledger');
  await new Ledger(
    () => rows,
    UnreadableRows.forConnection(connection, { collectionPrefix: 'syncmedia_', log: stderrLog }),
  ).ensureIndexes();
  const paths: Path[] = [];
  for (let begin = 0; begin < files; begin += perFolder) {
    const index = begin / perFolder;
    const way = `${dir}/${folder}/${String(Math.floor(index / 100))}/${String(index)}`;
    await mkdir(first.path(way), { recursive: true });
    const own = Array.from(
      { length: Math.min(perFolder, files - begin) },
      (_, i) => `${way}/${String(begin + i)}.jpg` as Path,
    );
    const docs = await Promise.all(
      own.map(async (path): Promise<LedgerRow> => {
        const content = `the file ${path}`.padEnd(bytes, '.');
        await writeFile(first.path(path), content);
        await utimes(first.path(path), mtime, mtime);
        const facts = {
          size: content.length,
          mtime,
          nanos: 0,
          sha256: createHash('sha256').update(content).digest('hex'),
        };
        const { path: _id, ...entry } = makeVersionEntry(undefined, facts, {
          path,
          version: `tree-${path}`,
          me,
          wantedBy: pending,
          now: new Date(),
          alsoHeldBy: holders,
        });
        return { _id, ...entry };
      }),
    );
    await rows.insertMany(docs, { ordered: false });
    paths.push(...own);
  }
  for (const machine of others)
    await run('rsync', [
      '-a',
      '--exclude=.syncmedia',
      `${first.path(dir)}/`,
      `${machine.path(dir)}/`,
    ]);
  return paths;
}
