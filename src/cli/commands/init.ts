import { hostname } from 'node:os';
import type { Command } from 'commander';
import { SyncMediaError } from '../../model/errors.js';
import { describeHost } from '../../api/describe-host.js';
import type { InitReport } from '../../api/reports.js';
import type { HostRegistration } from '../../api/requests.js';
import type { Host } from '../../model/host.js';
import { askQuestion, isInteractive } from '../prompt.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import {
  addHostOptions,
  collectList,
  type HostOptions,
  parsePort,
  readHostOptions,
} from '../host-options.js';
import { formatChecks } from '../format-checks.js';
import { nameCurrentUser } from '../../util/current-user.js';

interface InitCommandOptions extends HostOptions {
  readonly interactive?: boolean;
  readonly unconfined?: boolean;
  readonly confined?: boolean;
  readonly generate?: boolean;
  readonly replace?: boolean;
}

export function addInitCommand(program: Command, runCommand: RunCommand): void {
  addHostOptions(program.command('init'))
    .description(
      'Registers this machine as a host, or brings its row up to date, then tries whether files ' +
        'can reach it.',
    )
    .option(
      '--generate',
      'make an ed25519 key for this host in its state folder, or use the one made there before',
    )
    .option(
      '--unconfined',
      'let the keys of the other hosts open a login shell here, where they cannot be confined ' +
        'to the sync dirs',
    )
    .option('--confined', 'confine them again')
    .option(
      '--replace',
      'retire the host that has this name, if it is not at work, and take its place: for a ' +
        'machine whose state folder was lost',
    )
    .option('-i, --interactive', 'ask for missing values; only on a terminal')
    .action((options: InitCommandOptions, command: Command) =>
      runCommand(command, async (context) => {
        const given = readRegistration(options);
        const registration = options.interactive ? await askForMissing(given, context) : given;
        const report = await context.sync.hosts.init(registration);
        if (context.json) context.screen.printJson({ ...report, host: describeHost(report.host) });
        else context.screen.print(formatReport(report));
        return report.checks.every(({ ok }) => ok) ? 0 : 3;
      }),
    );
}

function readRegistration(options: InitCommandOptions): HostRegistration {
  const { key, root, syncDirs, unconfined, confined, generate, replace } = options;
  if (unconfined && confined)
    throw new SyncMediaError(
      'BAD_OPTION',
      '--unconfined and --confined exclude each other: give one of them',
    );
  return {
    ...(generate && { generate }),
    ...(replace && { replace }),
    ...((unconfined || confined) && { unconfined: unconfined === true }),
    ...readHostOptions(options),
    ...(key !== undefined && { key }),
    ...(root !== undefined && { root }),
    ...(syncDirs && { syncDirs }),
  };
}

async function askForMissing(
  given: HostRegistration,
  { sync, environment, screen, signal }: CommandContext,
): Promise<HostRegistration> {
  if (!isInteractive()) {
    screen.printNotice('syncmedia: -i asks on a terminal only; the given values are used');
    return given;
  }
  const stored = await findThisHost(sync);
  const text = (answer: string): string => answer;
  const answers: HostRegistration = { ...given };
  const askIfMissing = async <K extends keyof HostRegistration>(
    name: K,
    question: string,
    emptyMeans: string,
    read: (answer: string) => NonNullable<HostRegistration[K]>,
  ): Promise<void> => {
    if (given[name] !== undefined) return;
    const answer = await askQuestion({ text: question, emptyMeans, parse: read }, signal);
    if (answer !== undefined) answers[name] = answer;
  };
  // An empty answer means the value of the environment, else the stored one, else the default.
  const { SYNCMEDIA_SSH_PORT: port, SYNCMEDIA_SYNC_DIRS: dirs } = environment;
  await askIfMissing(
    'hostname',
    'Host name',
    environment.SYNCMEDIA_HOSTNAME ?? stored?.hostname ?? hostname(),
    text,
  );
  await askIfMissing(
    'url',
    'Name or address for the others',
    environment.SYNCMEDIA_URL ?? stored?.url ?? "this machine's FQDN",
    text,
  );
  await askIfMissing(
    'username',
    'Login user',
    environment.SYNCMEDIA_USERNAME ?? stored?.username ?? nameCurrentUser(),
    text,
  );
  await askIfMissing(
    'key',
    'Public key',
    environment.SYNCMEDIA_KEY ??
      environment.PATH_RSA ??
      (stored ? 'as it is' : '~/.ssh/id_rsa.pub, then id_ed25519.pub'),
    text,
  );
  await askIfMissing('sshPort', 'ssh port', String(port ?? stored?.sshPort ?? 22), parsePort);
  await askIfMissing(
    'root',
    'Root directory',
    environment.SYNCMEDIA_ROOT ?? stored?.rootPath ?? 'needed',
    text,
  );
  await askIfMissing(
    'syncDirs',
    'Sync dirs, comma-separated',
    (dirs ?? stored?.syncDirs)?.join(',') || 'all',
    collectList,
  );
  return answers;
}

async function findThisHost(sync: CommandContext['sync']): Promise<Host | undefined> {
  if (!sync.initialised) return undefined;
  const { thisHost } = await sync.status();
  return thisHost && (await sync.hosts.show(thisHost.id));
}

function formatReport({ host, created, checks }: InitReport): string {
  const address = `${host.username}@${host.url}:${String(host.sshPort)}`;
  const head =
    `${created ? 'Created' : 'Updated'} host ${host.hostname} (${host.id}), ` +
    `${address}, root ${host.rootPath}\n`;
  return checks.length > 0 ? `${head}\n${formatChecks(checks)}` : head;
}
