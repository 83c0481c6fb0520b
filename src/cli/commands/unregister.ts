import { InvalidArgumentError, Option, type Command } from 'commander';
import { describeHost } from '../../api/describe-host.js';
import type { PurgeReport } from '../../api/reports.js';
import { SyncMediaError } from '../../model/errors.js';
import type { Host } from '../../model/host.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import { drainHost } from '../drain-host.js';
import { askToConfirm, isInteractive } from '../prompt.js';

interface UnregisterOptions {
  readonly purge?: boolean;
  readonly yes?: boolean;
  readonly safe?: boolean;
  /** In seconds. */
  readonly drain?: number;
}

/** In seconds. */
const longestDrain = 3_600;

export function addUnregisterCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('unregister')
    .description('Retires a host: it gets no more files, and its key is removed from the others.')
    .argument('[host]', 'its name or id (default: this host)')
    .addOption(
      new Option(
        '--purge',
        'remove also the state folder of this host and .syncmedia of its sync dirs, with trash, ' +
          'conflicts and replaced files, and on the last host the collections; uploads and ' +
          'documents stay; not with --safe or --drain',
      ).conflicts(['safe', 'drain']),
    )
    .option('--yes', 'purge without asking')
    .option(
      '--safe',
      'do nothing if the host has something that no other host has: files, saves that are not ' +
        'recorded, rescans that are due, conflicts',
    )
    .option(
      '--drain <seconds>',
      'let the host send such files first, and do nothing if some are left after this time',
      parseSeconds,
    )
    .action((name: string | undefined, options: UnregisterOptions, command: Command) =>
      runCommand(command, async (context) => {
        if (options.purge) return purge(name, options.yes === true, context);
        const { screen, json } = context;
        const host = await unregister(name, options, context);
        if (json) screen.printJson({ host: describeHost(host) });
        // The name and url of a retired host have its id as a suffix, which frees them for other
        // hosts.
        else
          screen.print(
            `Unregistered host ${host.hostname} (${host.id}), ${host.url}`.replaceAll(
              `#${host.id}`,
              '',
            ),
          );
        return 0;
      }),
    );
}

/**
 * @throws CHANGED, TIMED_OUT if the site would lose files; HOST_RETIRED if the application of the
 *   host saved some while it was retired
 */
async function unregister(
  name: string | undefined,
  { safe, drain }: UnregisterOptions,
  context: CommandContext,
): Promise<Host> {
  const { sync } = context;
  if (drain === undefined) return sync.hosts.unregister(name, safe ? { safe } : {});
  const host = await sync.hosts.show(name ?? (await sync.status()).thisHost?.id ?? '');
  return drainHost(host, drain, context);
}

function parseSeconds(value: string): number {
  if (!/^\d{1,4}$/.test(value) || Number(value) < 1 || Number(value) > longestDrain)
    throw new InvalidArgumentError(
      `It must be a number of seconds from 1 to ${String(longestDrain)}.`,
    );
  return Number(value);
}

async function purge(
  name: string | undefined,
  confirmed: boolean,
  { sync, screen, json, signal }: CommandContext,
): Promise<0 | 1> {
  const planned = await sync.hosts.purge({ dryRun: true });
  if (name !== undefined && name !== planned.hostname)
    throw new SyncMediaError(
      'BAD_OPTION',
      `--purge removes what is on this machine, which is ${planned.hostname}: run it on ${name}, ` +
        `or leave out --purge`,
    );
  if (!confirmed) {
    if (!json) screen.print(formatPlan(planned));
    if (!isInteractive())
      throw new SyncMediaError('BAD_OPTION', 'nothing was removed: confirm with --yes');
    if (!(await askToConfirm('Remove all of this?', signal))) return 1;
  }
  const report = await sync.hosts.purge({ dryRun: false });
  if (json) screen.printJson(report);
  else screen.print(`Removed host ${report.hostname} and what it kept on this machine.\n`);
  return 0;
}

function formatPlan({ hostname, stateDir, syncDirs, collections }: PurgeReport): string {
  const lines = [
    `This removes the host ${hostname}, its state folder ${stateDir}, and:`,
    ...syncDirs.map(
      ({ path, trash, conflicts, replaced }) =>
        `  ${path}/.syncmedia with ${String(trash)} files in the trash, ${String(conflicts)} ` +
        `conflicts, and ${String(replaced)} replaced files that are not resolved yet`,
    ),
    ...(collections.length > 0 ? [`  the collections ${collections.join(', ')}`] : []),
    'Uploads and documents stay.',
  ];
  return `${lines.join('\n')}\n`;
}
