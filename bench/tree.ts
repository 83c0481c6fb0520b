import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { createHash, randomUUID } from 'node:crypto';
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

export interface TreeOptions {
  /** Hosts that the files are pending for. Default none. */
  readonly pending?: readonly HostId[];
  /** Below the sync dir. Default `tree`. */
  readonly folder?: string;
  /** Of each file. Default 1,000. */
  readonly bytes?: number;
  /** Whether this host's history has to record them. Default false. */
  readonly isToRecord?: boolean;
}

/**
 * Files that every host has, and the ledger knows: what a site has grown to. @returns their paths
 */
export async function fillTree(
  connection: Connection,
  machines: readonly Machine[],
  me: HostId,
  holders: readonly HostId[],
  files: number,
  { pending = [], folder = 'tree', bytes = 1_000, isToRecord = false }: TreeOptions = {},
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
          version: randomUUID(),
          me,
          wantedBy: pending,
          now: new Date(),
          alsoHeldBy: holders,
          ...(isToRecord && { recording: { mayLack: () => false } }),
        });
        return { _id, ...entry };
      }),
    );
    await rows.insertMany(docs, { ordered: false });
    paths.push(...own);
  }
  await Promise.all(
    others.map((machine) =>
      run('cp', ['-a', '--', first.path(`${dir}/${folder}`), `${machine.path(dir)}/`]),
    ),
  );
  return paths;
}
