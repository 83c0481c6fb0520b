import { Writable } from 'node:stream';
import { type Command, CommanderError } from 'commander';
import { createProgram } from '../../src/cli/program.js';
import { Layout } from '../../src/cli/layout.js';
import { Screen } from '../../src/cli/screen.js';
import type { SyncMedia } from '../../src/api/sync-media.js';

export interface CliAnswer {
  readonly text: string;
  readonly error: unknown;
}

/**
 * The command line in this process, on an instance that is open: a process for each of thousands of
 * inputs would take too long.
 */
export async function runInProcess(sync: SyncMedia, args: readonly string[]): Promise<CliAnswer> {
  let text = '';
  const sink = (): NodeJS.WritableStream =>
    new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
  const screen = new Screen(sink(), sink());
  const program = createProgram(async (_command, work) => {
    await work({
      sync,
      environment: {},
      screen,
      layout: new Layout(false, undefined),
      json: true,
      signal: new AbortController().signal,
    });
  }, screen);
  try {
    await program.parseAsync(args, { from: 'user' });
    return { text, error: undefined };
  } catch (error) {
    return { text, error: error instanceof CommanderError ? error.code : error };
  }
}

const create = (): Command =>
  createProgram(() => Promise.resolve(), new Screen(process.stdout, process.stderr));

/** Every command of the command line, as the words that call it. */
export function listCommands(): string[][] {
  const list = (command: Command, words: string[]): string[][] =>
    command.commands.length === 0
      ? [words]
      : command.commands.flatMap((one) => list(one, [...words, one.name()]));
  return create().commands.flatMap((one) => list(one, [one.name()]));
}

/** A place of a command where a name can be given, and the words that give it there. */
export interface Slot {
  readonly slot: string;
  readonly args: (name: string) => string[];
}

/**
 * @param usual what the other arguments that are needed are given, by name @param options what
 *   makes the command complete
 */
export function listSlots(
  words: readonly string[],
  usual: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): Slot[] {
  let command = create();
  for (const word of words)
    command = command.commands.find((one) => one.name() === word) ?? command;
  const needed = command.registeredArguments.map((argument) => ({
    name: argument.name(),
    value: usual[argument.name()] ?? argument.name(),
  }));
  const values = needed.map(({ value }) => value);
  return [
    ...needed.map(({ name }, index) => ({
      slot: name,
      args: (given: string) => [
        ...words,
        ...options,
        '--',
        ...values.slice(0, index),
        given,
        ...values.slice(index + 1),
      ],
    })),
    ...command.options
      .filter(({ required, optional }) => required || optional)
      .map((option) => ({
        slot: option.long ?? option.flags,
        args: (given: string) => [
          ...words,
          ...options,
          `${option.long ?? option.flags}=${given}`,
          ...values,
        ],
      })),
  ];
}
