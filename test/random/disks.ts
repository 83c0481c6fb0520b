import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const own = '.syncmedia';
/** The folders of replaced, removed and losing files. */
const keeping = ['trash', 'conflicts', 'replaced'];

export interface Copy {
  readonly host: string;
  readonly at: string;
  readonly sha256: string;
}

/** The sync dir of a host, where it lies on this machine. */
export interface Replica {
  readonly host: string;
  readonly dirPath: string;
}

export function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function look({ host, dirPath }: Replica, at: string): Copy | undefined {
  try {
    const file = join(dirPath, at);
    const stat = statSync(file);
    return stat.isFile() ? { host, at, sha256: hashOf(readFileSync(file)) } : undefined;
  } catch {
    return undefined;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Copies of the files that were at the path, there and below `.syncmedia`. */
export function findCopies(replicas: readonly Replica[], rest: string): Copy[] {
  return replicas.flatMap((replica) =>
    [
      rest,
      ...keeping.flatMap((area) =>
        list(join(replica.dirPath, own, area)).map((name) => join(own, area, name, rest)),
      ),
    ].flatMap((at) => look(replica, at) ?? []),
  );
}

/**
 * Contents that deliveries on that host have replaced at the path, and that are not resolved yet.
 */
export function listUnresolved(replica: Replica, rest: string): string[] {
  return findCopies([replica], rest)
    .filter(({ at }) => at.startsWith(`${own}/replaced/`))
    .map(({ sha256 }) => sha256);
}

/** Every file of a sync dir, recoverable and replaced ones too, without markers and `tmp`. */
export function readAll(replica: Replica): Copy[] {
  const files = readdirSync(replica.dirPath, { recursive: true, withFileTypes: true });
  return files.flatMap((entry) => {
    const at = join(entry.parentPath, entry.name).slice(replica.dirPath.length + 1);
    const isOurs =
      at.startsWith(`${own}/`) && !keeping.some((area) => at.startsWith(`${own}/${area}/`));
    return !entry.isFile() || isOurs ? [] : (look(replica, at) ?? []);
  });
}

/** The files a visitor can see: path below the sync dir → sha256. */
export function treeOf(copies: readonly Copy[]): Map<string, string> {
  return new Map(
    copies.filter(({ at }) => !at.startsWith(`${own}/`)).map(({ at, sha256 }) => [at, sha256]),
  );
}
