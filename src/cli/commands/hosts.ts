import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { describeHost, type HostDescription } from '../../api/describe-host.js';
import { getErrorMessage, SyncMediaError } from '../../model/errors.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import { isInteractive, askToConfirm } from '../prompt.js';
import { formatHost } from '../format-host.js';
import { describeUser } from '../open-instance.js';
import { formatChecks } from '../format-checks.js';
import { addHostOptions, type HostOptions, readHostOptions } from '../host-options.js';
import { formatHostTable } from '../format-host-table.js';
import { formatCsv } from '../table.js';

export function addHostsCommands(program: Command, runCommand: RunCommand): void {
  const hosts = program.command('hosts').description('Lists, shows, adds and changes hosts.');
  hosts
    .command('list', { isDefault: true })
    .description('Lists all hosts.')
    .option('--csv', 'print comma-separated values')
    .action(async (options: { csv?: boolean }, command: Command) => {
      if (options.csv && command.optsWithGlobals<{ json?: boolean }>().json)
        throw new SyncMediaError('BAD_OPTION', '--csv and --json exclude each other');
      await runCommand(command, async ({ sync, screen, layout, json }) => {
        const found = (await sync.hosts.list()).map(describeHost);
        if (json) screen.printJson({ hosts: found });
        else if (options.csv) screen.print(formatAsCsv(found));
        else screen.print(formatHostTable(found, (await sync.overview()).hosts, layout));
        return 0;
      });
    });

  hosts
    .command('show')
    .description('Shows one host.')
    .argument('<host>', 'its name or id')
    .action((name: string, _options: object, command: Command) =>
      runCommand(command, async (context) =>
        printHost(await context.sync.hosts.show(name), context),
      ),
    );

  addHostOptions(hosts.command('add'))
    .description(
      'Adds a passive host: one that only has sshd and rsync. --hostname and --root are needed.',
    )
    .option(
      '--fingerprint <SHA256:…>',
      "of one of its sshd's host keys, as `ssh-keygen -lf` prints it there; without it, the " +
        'command shows the key and asks',
    )
    .action(async (options: HostOptions & { fingerprint?: string }, command: Command) => {
      const { hostname, root, key, syncDirs, fingerprint } = options;
      if (hostname === undefined || root === undefined)
        throw new SyncMediaError('BAD_OPTION', 'hosts add needs --hostname and --root');
      if (fingerprint === undefined && !isInteractive())
        throw new SyncMediaError(
          'BAD_OPTION',
          'nobody is there to compare the fingerprint of the host key: give it as --fingerprint',
        );
      const registration = {
        ...readHostOptions(options),
        hostname,
        root,
        ...(key !== undefined && { key }),
        ...(syncDirs && { syncDirs }),
      };
      await runCommand(command, async (context) => {
        const pinned =
          fingerprint ??
          (await askForHostKey(
            { url: registration.url ?? hostname, sshPort: registration.sshPort ?? 22 },
            context,
          ));
        return pinned === undefined
          ? 3
          : printHost(
              await context.sync.hosts.add({ ...registration, fingerprint: pinned }),
              context,
            );
      });
    });

  addHostOptions(hosts.command('edit'))
    .description('Changes the stored settings of a host.')
    .argument('<host>', 'its name or id')
    .addOption(
      new Option('--status <status>', 'pause deliveries to it, or resume them').choices([
        'approved',
        'paused',
      ]),
    )
    .option('--reason <text>', 'why it is paused, for the status and the admin page')
    .action(
      async (
        name: string,
        options: HostOptions & { status?: 'approved' | 'paused'; reason?: string },
        command: Command,
      ) => {
        const { root, key, syncDirs, status, reason } = options;
        const edit = {
          ...readHostOptions(options),
          ...(root !== undefined && { rootPath: root }),
          ...(syncDirs && { syncDirs }),
          ...(status && { status }),
          ...(reason !== undefined && { reason }),
          ...(key !== undefined && { publicKey: await readPublicKey(key) }),
        };
        if (Object.keys(edit).length === 0)
          throw new SyncMediaError(
            'BAD_OPTION',
            'hosts edit needs at least one option that says what to change',
          );
        await runCommand(command, async (context) =>
          printHost(await context.sync.hosts.edit(name, edit, { by: describeUser() }), context),
        );
      },
    );

  hosts
    .command('test')
    .description('Logs in to a host from this one and tries what deliveries need.')
    .argument('<host>', 'its name or id')
    .action((name: string, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const checks = await sync.hosts.test(name);
        if (json) screen.printJson({ checks });
        else screen.print(formatChecks(checks));
        return checks.every(({ ok }) => ok) ? 0 : 3;
      }),
    );

  hosts
    .command('seal')
    .description(
      'After a change of SYNCMEDIA_SECRET, seals again the rows of all hosts that have a valid ' +
        'seal.',
    )
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const { sealed, pending } = await sync.hosts.seal();
        if (json)
          screen.printJson({
            sealed: sealed.map(describeHost),
            pending: pending.map(describeHost),
          });
        else
          screen.print(
            `Sealed: ${sealed.map(({ hostname }) => hostname).join(', ') || 'none'}\n` +
              pending.map(({ hostname }) => `Waits for approval: ${hostname}\n`).join(''),
          );
        return pending.length === 0 ? 0 : 3;
      }),
    );
}

/**
 * Shows a new host's first key (ed25519 before others). Returns its fingerprint if a person
 * confirms that it is the right one.
 */
async function askForHostKey(
  address: { url: string; sshPort: number },
  { sync, screen, signal }: CommandContext,
): Promise<string | undefined> {
  const { shown } = await sync.hosts.readKeys(address);
  const [key] = shown;
  screen.printNotice(`${address.url} port ${String(address.sshPort)} shows ${shown.join(', ')}`);
  return key !== undefined &&
    (await askToConfirm(
      `Pin ${key}? Compare with \`ssh-keygen -lf\` of its host keys there`,
      signal,
    ))
    ? key
    : undefined;
}

/** Returns a literal key line, or the content of a file. */
async function readPublicKey(key: string): Promise<string> {
  if (/^(ssh-|ecdsa-|sk-)/.test(key)) return key;
  try {
    return (await readFile(key, 'utf8')).trim();
  } catch (error) {
    throw new SyncMediaError('BAD_KEY', `--key ${key}: ${getErrorMessage(error)}`, {
      cause: error,
    });
  }
}

function printHost(host: Parameters<typeof describeHost>[0], { screen, json }: CommandContext): 0 {
  const described = describeHost(host);
  if (json) screen.printJson({ host: described });
  else screen.print(formatHost(described));
  return 0;
}

function formatAsCsv(hosts: readonly HostDescription[]): string {
  return formatCsv(
    [
      'username',
      'hostname',
      'url',
      'port',
      'root',
      'syncDirs',
      'status',
      'passive',
      'readyAt',
      'id',
    ],
    hosts.map((host) => [
      host.username,
      host.hostname,
      host.url,
      String(host.sshPort),
      host.rootPath,
      host.syncDirs.join(','),
      host.status,
      String(host.passive),
      host.readyAt?.toISOString() ?? '',
      host.id,
    ]),
  );
}
