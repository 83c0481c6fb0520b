import { createHash } from 'node:crypto';
import { hasCode } from '../../errors/errors.js';
import type { Root } from '../../root/root.js';
import { seenFrom } from '../../root/seen.js';
import type { Outcome } from '../../words.js';
import { asFailure, cancelled, failed } from '../failure.js';
import { inParallel } from '../in-parallel.js';
import type { Ready } from '../look.js';
import { sameFacts, type Put, type Route } from '../route.js';
import { putFile } from './put.js';

/** Files in memory at once. */
const AT_ONCE = 8;

/**
 * Sends small files by SFTP, one answer for each as soon as it is known. What the server cannot take this way (it lacks an
 * extension) is not answered but given to `onUnable`, for rsync.
 */
export async function* sendSmallFiles(
  root: Root, route: Route, files: readonly Ready[], mode: number, known: Set<string>, onUnable: (file: Ready) => void, signal: AbortSignal,
): AsyncGenerator<Outcome> {
  const outcomes = inParallel(files, AT_ONCE, async (file) => {
    if (signal.aborted) return failed(file.change, 'sftp', cancelled());
    try {
      return await sendOne(root, route, file.change, mode, known);
    } catch (error) {
      if (!hasCode(error, 'NO_SFTP')) return failed(file.change, 'sftp', asFailure(error, 'path'));
      onUnable(file);
      return undefined;
    }
  });
  for await (const outcome of outcomes) if (outcome !== undefined) yield outcome;
}

async function sendOne(root: Root, route: Route, change: Put, mode: number, known: Set<string>): Promise<Outcome> {
  const answer = { change, via: 'sftp', bytes: 0 } as const;
  const file = await root.open(change.path);
  if (file === undefined) return { ...answer, result: 'vanished' };
  let bytes: Buffer;
  try {
    if (!sameFacts(file.seen, change.facts)) return { ...answer, result: 'changed' };
    bytes = await file.handle.readFile();
    const after = seenFrom(await file.handle.stat({ bigint: true }));
    if (!sameFacts(after, file.seen) || after.nanos !== file.seen.nanos || bytes.length !== after.size) return { ...answer, result: 'changed' };
  } finally {
    await file.handle.close();
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (change.facts.sha256 !== undefined && change.facts.sha256 !== sha256) return { ...answer, result: 'changed' };
  await putFile(route.connection.sftp, route.there, change.path, { bytes, mtime: change.facts.mtime, mode }, route.judge, known);
  return { ...answer, bytes: bytes.length, result: 'delivered', sha256 };
}
