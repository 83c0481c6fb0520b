import { Command } from 'commander';
import { version } from '../util/version.js';
import type { RunCommand } from './command-context.js';
import { addAdoptCommand } from './commands/adopt.js';
import { addApproveCommand } from './commands/approve.js';
import { addAuditCommand } from './commands/audit.js';
import { addCompletionCommands } from './commands/completion.js';
import { addConflictsCommands } from './commands/conflicts.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addHistoryCommands, addRestoreCommand } from './commands/history.js';
import { addHostsCommands } from './commands/hosts.js';
import { addInitCommand } from './commands/init.js';
import { addKeysCommands } from './commands/keys.js';
import { addPullCommand } from './commands/pull.js';
import { addPushCommand } from './commands/push.js';
import { addRemovalsCommands } from './commands/removals.js';
import { addRunsCommands } from './commands/runs.js';
import { addStatusCommand } from './commands/status.js';
import { addTrashCommands } from './commands/trash.js';
import { addUnregisterCommand } from './commands/unregister.js';
import { addVerifyCommand } from './commands/verify.js';
import { addWhereCommand } from './commands/where.js';
import { exitCodes } from './exit-codes.js';
import type { Screen } from './screen.js';

/** Creates the command line with its commands, its global options and its help. */
export function createProgram(runCommand: RunCommand, screen: Screen): Command {
  const program = new Command('syncmedia')
    .description('Keeps the uploads of an Express and Mongoose site on all of its machines.')
    .version(version)
    .exitOverride()
    .configureOutput({
      outputError: (message) => {
        screen.printNotice(
          `syncmedia: BAD_OPTION: ${message
            .replace(/^error: /, '')
            .trimEnd()
            .replaceAll('\n', ' ')}`,
        );
      },
    })
    .option(
      '--env-file <file>',
      'read environment variables from this file too; variables that are set already stay',
    )
    .option(
      '--state-dir <dir>',
      'where this host keeps its id (default: SYNCMEDIA_STATE_DIR, else ~/.local/state/syncmedia)',
    )
    .option('--json', 'print data as JSON, in the shapes of the admin router')
    .option('--wide', 'on a terminal, print names and times in full, whatever the line length')
    .option('--debug', 'print the stack of an error too');
  const commands = [
    addInitCommand,
    addUnregisterCommand,
    addHostsCommands,
    addApproveCommand,
    addKeysCommands,
    addPushCommand,
    addPullCommand,
    addVerifyCommand,
    addAdoptCommand,
    addStatusCommand,
    addWhereCommand,
    addDoctorCommand,
    addRunsCommands,
    addTrashCommands,
    addConflictsCommands,
    addHistoryCommands,
    addRestoreCommand,
    addRemovalsCommands,
    addAuditCommand,
  ];
  for (const addCommand of commands) addCommand(program, runCommand);
  addCompletionCommands(program, runCommand, screen);
  return program.addHelpText(
    'after',
    `\nSYNCMEDIA_MONGODB_URI names the database.\n\nExit codes:\n${Object.entries(exitCodes)
      .map(([code, meaning]) => `  ${code.padEnd(5)}${meaning}\n`)
      .join('')}`,
  );
}
