import { join } from 'node:path';
import type { Collection, mongo } from 'mongoose';
import type { Entry } from '../../src/model/entry.js';
import type { RecordedVersion } from '../../src/model/history.js';
import type { Path } from '../../src/model/path.js';
import { listVersions, readVersion } from '../../src/transport/git/list.js';
import { Repository } from '../../src/transport/git/repository.js';
import { hashOf } from './disks.js';

/** Of one path: far more than a seed makes. */
const listLimit = 100_000;
const never = new AbortController().signal;

type Row = Omit<Entry, 'path'> & { _id: string };

/** A version that was current at some time. */
export interface SeenVersion {
  readonly path: Path;
  readonly version: string;
  readonly kind: Entry['kind'];
  readonly sha256: string | undefined;
}

/** The time of the database's log, from which `listSeenVersions` can read. */
export async function readLogTime(db: mongo.Db): Promise<mongo.Timestamp> {
  return (await db.command({ ping: 1 }))['operationTime'] as mongo.Timestamp;
}

/** Lists every version that the ledger has had since, as the database's own log tells. */
export async function listSeenVersions(
  ledger: Collection<Row>,
  since: mongo.Timestamp,
): Promise<SeenVersion[]> {
  const end = 'the end of the log';
  await ledger.insertOne({ _id: end } as never);
  const log = ledger.watch<Row>([], { startAtOperationTime: since });
  const seen = new Map<string, SeenVersion>();
  try {
    for await (const event of log) {
      if (event.operationType !== 'insert' && event.operationType !== 'replace') continue;
      const { _id, version, kind, info } = event.fullDocument;
      if (_id === end) break;
      seen.set(version, { path: _id as Path, version, kind, sha256: info?.sha256 });
    }
  } finally {
    await log.close();
    await ledger.deleteOne({ _id: end });
  }
  return [...seen.values()];
}

/** The history of a host, opened where it lies. */
export class HostHistory {
  private readonly repository: Repository;
  private readonly listed = new Map<Path, Promise<RecordedVersion[]>>();

  constructor(
    readonly host: string,
    stateDir: string,
    id: string,
  ) {
    this.repository = new Repository(join(stateDir, 'git'), id, 60_000);
  }

  async find({ path, version }: SeenVersion): Promise<RecordedVersion | undefined> {
    const listed = this.listed.get(path) ?? listVersions(this.repository, path, listLimit, never);
    this.listed.set(path, listed);
    const found = (await listed).filter((one) => one.version === version);
    return found.find(({ as }) => as !== 'named') ?? found[0];
  }

  /** The sha256 of the bytes that it has of a version. */
  async hash(version: RecordedVersion): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const bytes of readVersion(this.repository, version, never)) chunks.push(bytes);
    return hashOf(Buffer.concat(chunks));
  }

  /** What git finds wrong with the repository. */
  async check(): Promise<string> {
    const { output } = await this.repository.run(['fsck', '--strict', '--no-dangling'], {
      signal: never,
      doing: 'checking',
    });
    return output.toString();
  }
}

/** Says what the histories of all hosts together have of a version; undefined: all of it. */
export async function explainLack(
  histories: readonly HostHistory[],
  seen: SeenVersion,
): Promise<string | undefined> {
  const wrong: string[] = [];
  for (const history of histories) {
    const found = await history.find(seen);
    const as = seen.kind === 'tombstone' ? 'removed' : 'stored';
    if (found?.as !== as) {
      wrong.push(`${history.host} has ${found ? `it as ${found.as}` : 'nothing of it'}`);
      continue;
    }
    if (as === 'removed') return undefined;
    const sha256 = await history.hash(found);
    if (sha256 === (seen.sha256 ?? found.info?.sha256)) return undefined;
    wrong.push(`${history.host} has other bytes`);
  }
  return wrong.join(', ');
}
