import { Command } from 'commander';
import { version } from '../util/version.js';
import type { Run } from './command-context.js';
import { addAdopt } from './commands/adopt.js';
import { addApprove } from './commands/approve.js';
import { addAudit } from './commands/audit.js';
import { addConflicts } from './commands/conflicts.js';
import { addDoctor } from './commands/doctor.js';
import { addHosts } from './commands/hosts.js';
import { addInit } from './commands/init.js';
import { addKeys } from './commands/keys.js';
import { addPull } from './commands/pull.js';
import { addPush } from './commands/push.js';
import { addRuns } from './commands/runs.js';
import { addRemovals, addTrash } from './commands/trash.js';
import { addStatus } from './commands/status.js';
import { addUnregister } from './commands/unregister.js';
import { addVerify } from './commands/verify.js';
import { exitCodes } from './exit-codes.js';
import type { Screen } from './screen.js';

/** Creates the command line with its commands, its global options and its help. */
export function createProgram(run: Run, screen: Screen): Command {
  const program = new Command('syncmedia')
    .description('Keeps the uploads of an Express and Mongoose site on all of its machines.')
    .version(version)
    .exitOverride()
    .configureOutput({
      outputError: (message) => {
        screen.note(
          `syncmedia: BAD_OPTION: ${message
            .replace(/^error: /, '')
            .trimEnd()
            .replaceAll('\n', ' ')}`,
        );
      },
    })
    .option(
      '--env-file <file>',
      'read environment variables from this file too; those that are set already stay',
    )
    .option(
      '--state-dir <dir>',
      'where this host keeps its id (default: SYNCMEDIA_STATE_DIR, else ~/.local/state/syncmedia)',
    )
    .option('--json', 'print data as JSON, in the shapes of the admin router')
    .option('--debug', 'print the stack of an error too');
  const commands = [
    addInit,
    addUnregister,
    addHosts,
    addApprove,
    addKeys,
    addPush,
    addPull,
    addVerify,
    addAdopt,
    addStatus,
    addDoctor,
    addRuns,
    addTrash,
    addConflicts,
    addRemovals,
    addAudit,
  ];
  for (const add of commands) add(program, run);
  return program.addHelpText(
    'after',
    `\nThe database is the one that SYNCMEDIA_MONGODB_URI names.\n\nExit codes:\n${Object.entries(
      exitCodes,
    )
      .map(([code, meaning]) => `  ${code.padEnd(5)}${meaning}\n`)
      .join('')}`,
  );
}
