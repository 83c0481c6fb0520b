import { CommanderError } from 'commander';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { RunCommand } from './command-context.js';
import { type ExitCode, getExitCode } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { type OpenInstanceOptions, openInstance } from './open-instance.js';
import { Layout } from './layout.js';
import { createProgram } from './program.js';
import { Screen } from './screen.js';

interface GlobalOptions extends OpenInstanceOptions {
  readonly json?: boolean;
  readonly wide?: boolean;
  readonly debug?: boolean;
}

/**
 * How long handles that a library left open may keep a finished command alive. In milliseconds.
 */
const lingerMs = 3_000;

/** Runs one command, sets the exit code, and never rejects. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  exitOnClosedPipe();
  const screen = new Screen(process.stdout, process.stderr);
  const interruption = new Interruption();
  let exitCode: ExitCode = 0;
  const runCommand: RunCommand = async (command, action) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const { sync, environment, close } = await interruption.guard(
      openInstance(options, screen.log),
    );
    try {
      exitCode = await interruption.guard(
        action({
          sync,
          environment,
          screen,
          layout: new Layout(process.stdout.isTTY && options.wide !== true, process.stdout.columns),
          json: options.json ?? false,
          signal: interruption.signal,
        }),
      );
    } finally {
      if (interruption.exitCode !== undefined)
        screen.printNotice('syncmedia: stopping; press ctrl-C again to exit at once');
      await close();
    }
  };
  const program = createProgram(runCommand, screen);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    exitCode = getExitCode(error);
    // Commander has printed its own errors; an interruption needs no message.
    if (!(error instanceof CommanderError) && interruption.exitCode === undefined) {
      printError(error, screen, program.opts<GlobalOptions>().debug ?? false);
    }
  } finally {
    interruption.close();
  }
  // After an interruption nothing is worth waiting for: a connection attempt would last until its
  // timeout.
  if (interruption.exitCode !== undefined) process.exit(interruption.exitCode);
  process.exitCode = exitCode;
  setTimeout(() => {
    process.exit();
  }, lingerMs).unref();
}

function printError(error: unknown, screen: Screen, debug: boolean): void {
  screen.printNotice(
    `syncmedia: ${error instanceof SyncMediaError ? error.code : 'INTERNAL'}: ` +
      `${getErrorMessage(error)}`,
  );
  if (debug && error instanceof Error)
    for (const line of (error.stack ?? '').split('\n')) screen.printNotice(line);
}

/**
 * Exits without an error if the reader of stdout closes it early, as in
 * `syncmedia hosts | head -1`.
 */
function exitOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(process.exitCode ?? 0);
  });
}
