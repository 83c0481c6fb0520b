import { InvalidArgumentError, type Command } from 'commander';
import { describeHost } from '../../api/describe-host.js';
import type { PurgeReport } from '../../api/reports.js';
import type { ShownHost } from '../../api/requests.js';
import { SyncMediaError } from '../../model/errors.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import { drainHost, requireUnneeded } from '../drain-host.js';
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
    .option(
      '--purge',
      'remove also the state folder of this host and .syncmedia of its sync dirs, with trash, ' +
        'conflicts and replaced files, and on the last host the collections; uploads and ' +
        'documents stay',
    )
    .option('--yes', 'purge without asking')
    .option(
      '--safe',
      'do nothing if the host has files that no other host has, or saves that are not recorded',
    )
    .option(
      '--drain <seconds>',
      'let the host send such files first, and do nothing if some are left after this time',
      parseSeconds,
    )
    .action((name: string | undefined, options: UnregisterOptions, command: Command) =>
      runCommand(command, async (context) => {
        if (options.purge) return purge(name, options.yes === true, context);
        const { sync, screen, json } = context;
        const host = await sync.hosts.unregister(name, await makeSure(name, options, context));
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
 * Returns what must still hold when the host is retired.
 * @throws CHANGED, TIMED_OUT if files would be lost to the site
 */
async function makeSure(
  name: string | undefined,
  { safe, drain }: UnregisterOptions,
  context: CommandContext,
): Promise<ShownHost> {
  if (!safe && drain === undefined) return {};
  const { sync } = context;
  const { hostname } = await sync.hosts.show(name ?? (await sync.status()).thisHost?.id ?? '');
  if (drain !== undefined) await drainHost(hostname, drain, context);
  await requireUnneeded(hostname, context);
  return { onlyHere: 0 };
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
