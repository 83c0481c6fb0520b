import type { Command } from 'commander';
import type { ConflictComparison, RecoverableFile } from '../../api/reports.js';
import type { RecoverableDecision } from '../../api/requests.js';
import type { SyncMedia } from '../../api/sync-media.js';
import { SyncMediaError } from '../../model/errors.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { followRun } from '../follow-run.js';
import { formatConflictTable } from '../format-conflicts.js';
import { describeUser } from '../open-instance.js';
import { formatBytes } from '../progress.js';
import { makeLimitParser } from '../parse-limit.js';
import { formatTable } from '../table.js';

interface HostOption {
  readonly host?: string;
}

export function addConflictsCommands(program: Command, runCommand: RunCommand): void {
  const conflicts = program
    .command('conflicts')
    .description('Shows files that lost against another version, and decides on them.');
  addHostOption(conflicts.command('list', { isDefault: true }))
    .description('Lists them, the newest first.')
    .option('--limit <number>', 'how many at most', makeLimitParser(1_000), 100)
    .action((query: HostOption & { limit: number }, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const files = await sync.conflicts.list(query);
        if (json) screen.printJson({ files });
        else screen.print(formatConflictTable(files, layout));
        return 0;
      }),
    );
  addFileCommand('compare', 'Compares one with the file at its path on the same host.').action(
    (dir: string, keptAs: string, { host }: HostOption, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const conflict = await sync.conflicts.compare(dir, keptAs, host);
        if (json) screen.printJson({ conflict });
        else screen.print(describeComparison(conflict));
        return 0;
      }),
  );
  addFileCommand(
    'restore',
    'Restores one on every host. The file that is there now goes to the trash.',
  ).action((dir: string, keptAs: string, { host }: HostOption, command: Command) =>
    runCommand(command, (context) => useConflict(context, { dir, keptAs }, decide(host))),
  );
  addFileCommand('discard', 'Moves one to the trash, which keeps it for 30 days.').action(
    (dir: string, keptAs: string, { host }: HostOption, command: Command) =>
      runCommand(command, (context) => dropConflict(context, { dir, keptAs }, decide(host))),
  );
  addPathCommand('use', 'Restores the conflict of a path, as `restore` does.', useConflict);
  addPathCommand('drop', 'Moves the conflict of a path to the trash.', dropConflict);

  function addFileCommand(name: string, about: string): Command {
    return addHostOption(conflicts.command(name))
      .description(about)
      .argument('<sync-dir>')
      .argument('<kept-as>', 'as the list shows it');
  }

  /** Compares both files first, so that the decision counts for what lies there now. */
  function addPathCommand(name: string, about: string, carryOut: typeof useConflict): void {
    addHostOption(conflicts.command(name))
      .description(about)
      .argument('<path>', 'of the file; or the name it is kept as, if it has several conflicts')
      .action((path: string, { host }: HostOption, command: Command) =>
        runCommand(command, async (context) => {
          const { dir, keptAs } = await findConflict(context.sync, path, host);
          const { conflict, here } = await context.sync.conflicts.compare(dir, keptAs, host);
          const shown = {
            ...(conflict.sha256 !== undefined && { kept: conflict.sha256 }),
            ...(!here && { current: null }),
            ...(here?.sha256 !== undefined && { current: here.sha256 }),
          };
          return carryOut(context, { dir, keptAs }, { ...decide(host), shown });
        }),
      );
  }
}

export function addHostOption(command: Command): Command {
  return command.option('--host <host>', 'of this host, by name or id (default: this machine)');
}

function decide(host: string | undefined): RecoverableDecision {
  return { ...(host !== undefined && { host }), by: describeUser() };
}

async function useConflict(
  context: CommandContext,
  { dir, keptAs }: { dir: string; keptAs: string },
  decision: RecoverableDecision,
): Promise<ExitCode> {
  const { sync, screen, json } = context;
  const run = await sync.conflicts.restore(dir, keptAs, decision);
  if (run) return followRun(run.id, context);
  if (json) screen.printJson({ restored: keptAs });
  else screen.print(`restored ${keptAs}\n`);
  return 0;
}

async function dropConflict(
  { sync, screen, json }: CommandContext,
  { dir, keptAs }: { dir: string; keptAs: string },
  decision: RecoverableDecision,
): Promise<ExitCode> {
  await sync.conflicts.discard(dir, keptAs, decision);
  if (json) screen.printJson({ discarded: keptAs });
  else screen.print(`discarded ${keptAs}: it is in the trash\n`);
  return 0;
}

/** @throws BAD_PATH unless the path, or the name, has exactly one conflict */
async function findConflict(
  sync: SyncMedia,
  wanted: string,
  host: string | undefined,
): Promise<RecoverableFile> {
  const all = await sync.conflicts.list({ limit: 1_000, ...(host !== undefined && { host }) });
  const found = all.filter(({ path, keptAs }) => path === wanted || keptAs === wanted);
  const [file] = found;
  if (file && found.length === 1) return file;
  throw new SyncMediaError(
    'BAD_PATH',
    file
      ? `${wanted} has several conflicts: give one of ` +
          found.map(({ keptAs }) => keptAs).join(', ')
      : `${wanted} has no conflict there: "syncmedia conflicts list" shows them`,
  );
}

function describeComparison({
  path,
  keptAs,
  conflict: kept,
  here,
  identical,
}: ConflictComparison): string {
  const rows = [[keptAs, kept] as const, ...(here ? [[path, here] as const] : [])];
  const areKnown = kept.sha256 !== undefined && here?.sha256 !== undefined;
  const conclusion = !here
    ? `there is no file at ${path} on that host`
    : identical
      ? 'they are identical'
      : areKnown
        ? 'they differ'
        : 'they are too large to be compared from here';
  return (
    formatTable(
      ['FILE', 'SIZE', 'DATE', 'SHA256'],
      rows.map(([name, { size, mtime, sha256 }]) => [
        name,
        formatBytes(size),
        mtime.toISOString(),
        sha256 ?? '–',
      ]),
    ) + `${conclusion}\n`
  );
}
