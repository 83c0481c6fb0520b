import { createInterface } from 'node:readline/promises';
import { SyncMediaError } from '../model/errors.js';

interface PromptQuestion<T> {
  readonly text: string;
  /** What an empty answer means, as text for people. */
  readonly emptyMeans: string;
  /** Parses an answer. Throws an Error that names the expected form. */
  readonly parse: (answer: string) => T;
}

/** Asks for a yes; every other answer is a no. */
export async function askToConfirm(text: string, signal: AbortSignal): Promise<boolean> {
  return (
    (await askQuestion(
      { text: `${text} (yes/no)`, emptyMeans: 'no', parse: (answer) => /^y(es)?$/i.test(answer) },
      signal,
    )) ?? false
  );
}

/** Whether a person can answer: stdin and stderr are terminals. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/**
 * Asks one question on the terminal until the answer is valid; undefined for an empty one. The
 * prompt goes to stderr.
 *
 * @throws SyncMediaError CANCELLED at the end of the input
 */
export async function askQuestion<T>(
  question: PromptQuestion<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // Without this signal the question would wait forever after the end of the input.
  const ended = new AbortController();
  lines.on('close', () => {
    ended.abort();
  });
  // In raw mode readline receives ctrl-C as a key and emits this event. The rest of the program
  // listens for the signal.
  lines.on('SIGINT', () => {
    process.kill(process.pid, 'SIGINT');
  });
  try {
    for (;;) {
      const answer = (
        await lines.question(`${question.text} [${question.emptyMeans}]: `, {
          signal: AbortSignal.any([signal, ended.signal]),
        })
      ).trim();
      if (answer === '') return undefined;
      try {
        return question.parse(answer);
      } catch (error) {
        process.stderr.write(`${(error as Error).message}\n`);
      }
    }
  } catch (error) {
    throw ended.signal.aborted
      ? new SyncMediaError('CANCELLED', 'the input ended before all was answered', { cause: error })
      : error;
  } finally {
    lines.close();
  }
}
