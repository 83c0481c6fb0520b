import { CommanderError } from 'commander';
import { messageOf, SyncMediaError } from '../model/errors.js';
import type { Run } from './command-context.js';
import { type ExitCode, exitCodeOf } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { type InstanceOptions, openInstance } from './open-instance.js';
import { createProgram } from './program.js';
import { Screen } from './screen.js';

interface GlobalOptions extends InstanceOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
}

/**
 * How long handles that a library left open may keep a finished command alive. In milliseconds.
 */
const lingerMs = 3_000;

/** Runs one command, sets the exit code, and never rejects. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  endQuietlyOnClosedPipe();
  const screen = new Screen(process.stdout, process.stderr);
  const interruption = new Interruption();
  let exitCode: ExitCode = 0;
  const run: Run = async (command, work) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const { sync, environment, close } = await interruption.guard(
      openInstance(options, screen.log),
    );
    try {
      exitCode = await interruption.guard(
        work({
          sync,
          environment,
          screen,
          json: options.json ?? false,
          signal: interruption.signal,
        }),
      );
    } finally {
      if (interruption.exitCode !== undefined)
        screen.note('syncmedia: stopping; press ctrl-C again to exit at once');
      await close();
    }
  };
  const program = createProgram(run, screen);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    exitCode = exitCodeOf(error);
    // Commander has printed its own errors; an interruption needs no message.
    if (!(error instanceof CommanderError) && interruption.exitCode === undefined) {
      report(error, screen, program.opts<GlobalOptions>().debug ?? false);
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

function report(error: unknown, screen: Screen, debug: boolean): void {
  screen.note(
    `syncmedia: ${error instanceof SyncMediaError ? error.code : 'INTERNAL'}: ${messageOf(error)}`,
  );
  if (debug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
}

/**
 * Exits without an error if the reader of stdout closes it early, as in
 * `syncmedia hosts | head -1`.
 */
function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(process.exitCode ?? 0);
  });
}
