import { Writable } from 'node:stream';
import { CommanderError } from 'commander';
import { createProgram } from '../../src/cli/program.js';
import { Screen } from '../../src/cli/screen.js';
import type { SyncMedia } from '../../src/instance.js';

export interface CliAnswer { readonly text: string; readonly error: unknown }

/** The command line in this process, on an instance that is open: a process for each of thousands of inputs would take too long. */
export async function runInProcess(sync: SyncMedia, args: readonly string[]): Promise<CliAnswer> {
  let text = '';
  const sink = (): NodeJS.WritableStream => new Writable({ write(chunk, _encoding, done) { text += String(chunk); done(); } });
  const screen = new Screen(sink(), sink());
  const program = createProgram(async (_command, work) => { await work({ sync, environment: {}, screen, json: true, signal: new AbortController().signal }); }, screen);
  try {
    await program.parseAsync(args, { from: 'user' });
    return { text, error: undefined };
  } catch (error) {
    return { text, error: error instanceof CommanderError ? error.code : error };
  }
}

/** Every command of the command line, as the words that call it. */
export function listCommands(): string[][] {
  const program = createProgram(() => Promise.resolve(), new Screen(process.stdout, process.stderr));
  const list = (command: typeof program, words: string[]): string[][] =>
    (command.commands.length === 0 ? [words] : command.commands.flatMap((one) => list(one as typeof program, [...words, one.name()])));
  return program.commands.flatMap((one) => list(one as typeof program, [one.name()]));
}
