// What a test file starts or makes, and has to end or remove. check-leftovers.ts fails the file for
// what is left.
import { randomBytes } from 'node:crypto';
import {
  endProcesses,
  listMarked,
  listProcesses,
  listTree,
  type Running,
} from '../../scripts/processes.mjs';
import { until } from './wait.js';

const NAME = 'TEST_FILE_MARK';
const pending = new Map<symbol, { what: string; remove: () => Promise<void> }>();
const expected = new Set<number>();

/**
 * Every process that this file starts inherits this `NAME=value`, however far it detaches itself; a
 * test that starts one with an environment of its own copies it.
 */
export function processMark(): string {
  return `${NAME}=${(process.env[NAME] ??= randomBytes(8).toString('hex'))}`;
}

/**
 * Notes that `what` must be gone at the end of the file.
 *
 * @param remove what the end of the file does about it when it has to fail
 * @returns to be called once it is gone
 */
export function expectGone(what: string, remove: () => Promise<void>): () => void {
  const key = Symbol(what);
  pending.set(key, { what, remove });
  return () => void pending.delete(key);
}

/** A process which lives as long as the file does and is no leftover. */
export function expectAlive(pid: number): void {
  expected.add(pid);
}

/** Ends and removes all leftovers, and names them. */
export async function clearLeftovers(): Promise<string[]> {
  const left = [...pending.values()];
  await Promise.allSettled(left.map(({ remove }) => remove()));
  pending.clear();
  // An ending process may need a moment; a forgotten one stays.
  const none = until(async () => (await listLeftProcesses()).length === 0, { timeout: 3000 });
  const processes = await none.then(() => [], listLeftProcesses);
  await endProcesses(processes.map(({ pid }) => pid));
  return [
    ...left.map(({ what }) => what),
    ...processes.map(({ pid, command }) => `process ${String(pid)}: ${command}`),
  ];
}

async function listLeftProcesses(): Promise<Running[]> {
  const tree = await listTree([process.pid]);
  const marked = new Set(await listMarked(processMark()));
  const known = new Set(tree.map(({ pid }) => pid));
  const detached = (await listProcesses()).filter(({ pid }) => marked.has(pid) && !known.has(pid));
  return [...tree, ...detached].filter(({ pid }) => pid !== process.pid && !expected.has(pid));
}
