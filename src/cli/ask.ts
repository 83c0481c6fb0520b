import { createInterface } from 'node:readline/promises';
import { SyncMediaError } from '../errors/errors.js';

export interface Question<T> {
  readonly text: string;
  /** What an empty answer means, for people. */
  readonly otherwise: string;
  /** Throws an Error with what was expected. */
  readonly read: (answer: string) => T;
}

/** Asks for a yes; anything else is a no. */
export async function confirm(text: string, signal: AbortSignal): Promise<boolean> {
  return (await ask({ text: `${text} (yes/no)`, otherwise: 'no', read: (answer) => /^y(es)?$/i.test(answer) }, signal)) ?? false;
}

/** Whether somebody is there to answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/**
 * Asks one question on the terminal until the answer can be used; undefined for an empty one. The prompt goes to stderr.
 *
 * @throws SyncMediaError CANCELLED at the end of the input
 */
export async function ask<T>(question: Question<T>, signal: AbortSignal): Promise<T | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // Where the input ends the question would never be answered.
  const ended = new AbortController();
  lines.on('close', () => { ended.abort(); });
  // In raw mode ctrl-C comes as a key: readline turns it into this event, and the signal the rest of the program knows.
  lines.on('SIGINT', () => { process.kill(process.pid, 'SIGINT'); });
  try {
    for (;;) {
      const answer = (await lines.question(`${question.text} [${question.otherwise}]: `, { signal: AbortSignal.any([signal, ended.signal]) })).trim();
      if (answer === '') return undefined;
      try {
        return question.read(answer);
      } catch (error) {
        process.stderr.write(`${(error as Error).message}\n`);
      }
    }
  } catch (error) {
    throw ended.signal.aborted ? new SyncMediaError('CANCELLED', 'the input ended before all was answered', { cause: error }) : error;
  } finally {
    lines.close();
  }
}
