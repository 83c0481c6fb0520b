import { InvalidArgumentError, type Command } from 'commander';
import { SyncMediaError } from '../../model/errors.js';
import type { HistoryRestore, HistoryVersion } from '../../api/history.js';
import type { RemoteCopy } from '../../model/history.js';
import type { RunCommand } from '../command-context.js';
import { followRun } from '../follow-run.js';
import type { Layout } from '../layout.js';
import { formatBytes } from '../progress.js';
import { parseTime } from '../../model/parse-time.js';
import { makeLimitParser } from '../parse-limit.js';
import { writeNewFile } from '../write-new-file.js';

const at = '--at <revision-or-time>';
const atMeaning = 'a revision as `history` lists it, or a time such as 2026-11-28T12:00';

interface RestoreOptions {
  readonly at: string;
  readonly dir?: string;
  readonly yes?: true;
}

export function addHistoryCommands(program: Command, runCommand: RunCommand): void {
  const history = program
    .command('history')
    .description('Shows the earlier versions of a file. Needs the backend git or git-annex.');
  history
    .command('list', { isDefault: true })
    .description('Lists the versions, the newest first.')
    .argument('<path>', 'of the file, relative to the root or absolute')
    .option('--limit <n>', 'at most so many versions', makeLimitParser(99_999), 100)
    .action((path: string, { limit }: { limit: number }, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const versions = await sync.history.list(path, limit);
        if (json) screen.printJson({ versions });
        else screen.print(formatVersions(versions, layout));
        return 0;
      }),
    );
  history
    .command('show')
    .description('Shows one version, and writes its bytes to a new file.')
    .argument('<path>')
    .requiredOption(at, atMeaning)
    .option('--output <file>', 'the file to write; it must not exist')
    .action((path: string, options: { at: string; output?: string }, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const version = await sync.history.show(path, options.at);
        if (options.output !== undefined)
          await writeNewFile(options.output, await sync.history.read(path, options.at));
        if (json) screen.printJson({ version });
        else screen.print(formatVersion(version, layout));
        return 0;
      }),
    );
  history
    .command('bundle')
    .description('Writes the history of all days since a time to a new file: a git bundle.')
    .argument('<file>')
    .requiredOption('--since <time>', 'such as 2026-11-01', parseSince)
    .action((file: string, { since }: { since: Date }, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const bytes = await writeNewFile(file, await sync.history.bundle(since));
        if (json) screen.printJson({ file, bytes });
        else screen.print(`wrote ${file} (${formatBytes(bytes)})\n`);
        return 0;
      }),
    );
  history
    .command('forget')
    .description(
      'Removes a file from the history of every host. The file stays, and copies in the trash.',
    )
    .argument('<path>')
    .action((path: string, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const copies = await sync.history.forget(path);
        if (json) screen.printJson({ forgotten: path, copies });
        else screen.print(describeForgotten(copies));
        return 0;
      }),
    );
}

export function addRestoreCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('restore')
    .description(
      'Restores an earlier version of a file, or of every file of a sync dir, on every host; ' +
        'without --yes only tells.',
    )
    .argument('[path]', 'of the file, relative to the root or absolute')
    .requiredOption(at, atMeaning)
    .option('--dir <dir>', 'instead of a file: a sync dir, as it was at a time')
    .option('--yes', 'restore; files that are there now go to the trash')
    .action((path: string | undefined, options: RestoreOptions, command: Command) =>
      runCommand(command, async (context) => {
        const { sync, screen, json } = context;
        const dryRun = options.yes !== true;
        if (options.dir !== undefined && path === undefined) {
          const request = { dryRun, by: 'command line' };
          const run = await sync.history.restoreDir(options.dir, options.at, request);
          const code = await followRun(run.id, context);
          if (dryRun && !json) screen.print('Nothing was changed. Add --yes to do it.\n');
          return code;
        }
        if (options.dir !== undefined || path === undefined)
          throw new SyncMediaError('BAD_OPTION', 'give the path of a file, or --dir, not both');
        const restore = await sync.history.restore(path, options.at, { dryRun });
        if (json) screen.printJson({ restore });
        else screen.print(describeRestore(restore));
        return 0;
      }),
    );
}

function formatVersions(versions: readonly HistoryVersion[], layout: Layout): string {
  return layout.addHint(
    layout.formatList(
      'versions',
      ['REVISION', 'WHEN', 'HOST', 'SIZE', 'DOCUMENT', 'AUTHOR'],
      versions.map(({ revision, at: when, hostname, info, as, savedBy, author }) => [
        revision.slice(0, 12),
        layout.formatTime(when),
        hostname,
        as === 'removed'
          ? 'removed'
          : `${formatBytes(info?.size ?? 0)}${as === 'named' ? '*' : ''}`,
        savedBy ? `${savedBy.model} ${savedBy.id}` : '–',
        author,
      ]),
      ['AUTHOR', 'DOCUMENT'],
    ) +
      (versions.some(({ as }) => as === 'named')
        ? '\n* only name and hash are here: the file was too large, or no copy was left' +
          (versions.some(({ elsewhere }) => elsewhere)
            ? ', or its bytes are on other hosts. A restore asks these.\n'
            : '.\n')
        : ''),
  );
}

function formatVersion(version: HistoryVersion, layout: Layout): string {
  const { path, revision, at: when, hostname, info, as, savedBy, author } = version;
  return layout.formatPairs([
    ['path', path],
    ['revision', revision],
    ['when', when.toISOString()],
    ['host', hostname],
    ['author', author],
    ...(savedBy ? [['document', `${savedBy.model} ${savedBy.id}`] as const] : []),
    ['kept', { stored: 'bytes', named: 'name and hash', removed: 'that it was removed' }[as]],
    ...(info
      ? [['size', formatBytes(info.size)] as const, ['sha256', info.sha256 ?? '–'] as const]
      : []),
  ]);
}

function describeRestore(restore: HistoryRestore): string {
  const { path, version, current, hosts, dryRun, isCurrent } = restore;
  const size = formatBytes(version.info?.size ?? 0);
  const what = `the version of ${version.at.toISOString()} (${size})`;
  if (isCurrent) return `${path} has these bytes already: nothing to do\n`;
  const replaced = current
    ? `the file that is there now (${formatBytes(current.size)}) goes to the trash`
    : 'no file is there now';
  return dryRun
    ? `would restore ${what} of ${path} on ${hosts.join(', ')}; ${replaced}. Add --yes to do it.\n`
    : `restored ${what} of ${path}; it is being delivered to ${hosts.join(', ')}\n`;
}

function parseSince(text: string): Date {
  const time = parseTime(text);
  if (time) return time;
  throw new InvalidArgumentError('expected a time such as 2026-11-28 or 2026-11-28T12:00Z.');
}

function describeForgotten(copies: readonly RemoteCopy[]): string {
  const requested = 'requested: every host removes it from its history\n';
  if (copies.length === 0) return requested;
  return (
    `${requested}\nSpecial remotes of this host still have it. Only these commands remove it ` +
    `there:\n${copies.map(({ command }) => `${command}\n`).join('')}`
  );
}
