import { StringDecoder } from 'node:string_decoder';
import type { GitProcess } from './git-process.js';

type Output = Pick<GitProcess, 'stdout' | 'touch' | 'exited'>;

/**
 * Reads the standard output of git. That of a git which its owner has ended just stops, and
 * `exited` says why.
 */
export async function* readOutput(git: Output): AsyncGenerator<Buffer> {
  try {
    for await (const bytes of git.stdout as AsyncIterable<Buffer>) {
      git.touch();
      yield bytes;
    }
  } catch (error) {
    // The stream was destroyed before its end.
    if ((await git.exited).endedBy === undefined) throw error;
  }
}

/** The same, line by line. readline would wait for ever for the end of a destroyed stream. */
export async function* readLines(git: Output): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const bytes of readOutput(git)) {
    const lines = (rest + decoder.write(bytes)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
