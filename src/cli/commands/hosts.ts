import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { describeHost, type HostDescription } from '../../describe-host.js';
import { messageOf, SyncMediaError } from '../../errors/errors.js';
import type { Call, Run } from '../call.js';
import { addHostOptions, type HostOptions, readHostOptions } from '../host-options.js';
import { formatCsv, formatPairs, formatTable } from '../table.js';

export function addHosts(program: Command, run: Run): void {
  const hosts = program.command('hosts').description('Lists, shows, adds and changes hosts.');
  hosts.command('list', { isDefault: true })
    .description('Lists all hosts.')
    .option('--csv', 'print comma-separated values')
    .action(async (options: { csv?: boolean }, command: Command) => {
      if (options.csv && command.optsWithGlobals<{ json?: boolean }>().json) throw new SyncMediaError('BAD_OPTION', '--csv and --json exclude each other');
      await run(command, async ({ sync, screen, json }) => {
        const found = (await sync.hosts.list()).map(describeHost);
        if (json) screen.printJson({ hosts: found });
        else screen.print(options.csv ? formatAsCsv(found) : formatAsTable(found));
        return 0;
      });
    });

  hosts.command('show').description('Shows one host.').argument('<host>', 'its name or id')
    .action((name: string, _options: object, command: Command) => run(command, async (call) => print(await call.sync.hosts.show(name), call)));

  addHostOptions(hosts.command('add'))
    .description('Adds a passive host: one that only has sshd and rsync. --hostname and --root are needed.')
    .requiredOption('--fingerprint <SHA256:…>', 'of one of its sshd\'s host keys, as `ssh-keygen -lf` prints it there')
    .action(async (options: HostOptions & { fingerprint: string }, command: Command) => {
      const { hostname, root, key, syncDirs, fingerprint } = options;
      if (hostname === undefined || root === undefined) throw new SyncMediaError('BAD_OPTION', 'hosts add needs --hostname and --root');
      const registration = {
        ...readHostOptions(options), hostname, root, fingerprint, ...(key !== undefined && { key }), ...(syncDirs && { syncDirs }),
      };
      await run(command, async (call) => print(await call.sync.hosts.add(registration), call));
    });

  addHostOptions(hosts.command('edit'))
    .description('Changes what is stored of a host.').argument('<host>', 'its name or id')
    .addOption(new Option('--status <status>', 'approve it, or pause what is sent to it').choices(['approved', 'paused']))
    .action(async (name: string, options: HostOptions & { status?: 'approved' | 'paused' }, command: Command) => {
      const { root, key, syncDirs, status } = options;
      const edit = {
        ...readHostOptions(options), ...(root !== undefined && { rootPath: root }), ...(syncDirs && { syncDirs }), ...(status && { status }),
        ...(key !== undefined && { publicKey: await readKey(key) }),
      };
      if (Object.keys(edit).length === 0) throw new SyncMediaError('BAD_OPTION', 'hosts edit needs at least one option that says what to change');
      await run(command, async (call) => print(await call.sync.hosts.edit(name, edit), call));
    });
}

/** A literal key line, or what a file holds. */
async function readKey(key: string): Promise<string> {
  if (/^(ssh-|ecdsa-|sk-)/.test(key)) return key;
  try {
    return (await readFile(key, 'utf8')).trim();
  } catch (error) {
    throw new SyncMediaError('BAD_KEY', `--key ${key}: ${messageOf(error)}`, { cause: error });
  }
}

function print(host: Parameters<typeof describeHost>[0], { screen, json }: Call): 0 {
  const described = describeHost(host);
  if (json) screen.printJson({ host: described });
  else screen.print(formatHost(described));
  return 0;
}

function formatHost(host: HostDescription): string {
  return formatPairs([
    ['host', host.hostname], ['id', host.id], ['address', addressOf(host)], ['status', statusOf(host)],
    ['root', host.rootPath], ['sync dirs', host.syncDirs.join(', ') || 'all'],
    ['ready since', host.readyAt?.toISOString() ?? '–'],
    ['key', host.key ? `${host.key.type} ${host.key.fingerprint}` : '–'],
    ...host.hostKeys.map(({ type, fingerprint }): [string, string] => ['host key', `${type} ${fingerprint}`]),
  ]);
}

function formatAsTable(hosts: readonly HostDescription[]): string {
  return formatTable(['HOST', 'ADDRESS', 'STATUS', 'ROOT', 'SYNC DIRS', 'ID'], hosts.map((host) =>
    [host.hostname, addressOf(host), statusOf(host), host.rootPath, host.syncDirs.join(', ') || 'all', host.id]));
}

function formatAsCsv(hosts: readonly HostDescription[]): string {
  return formatCsv(['username', 'hostname', 'url', 'port', 'root', 'syncDirs', 'status', 'passive', 'readyAt', 'id'], hosts.map((host) => [
    host.username, host.hostname, host.url, String(host.sshPort), host.rootPath, host.syncDirs.join(','), host.status, String(host.passive),
    host.readyAt?.toISOString() ?? '', host.id,
  ]));
}

function addressOf({ username, url, sshPort }: HostDescription): string {
  return `${username}@${url}:${String(sshPort)}`;
}

function statusOf({ status, passive, readyAt }: HostDescription): string {
  return [status, passive && 'passive', !passive && !readyAt && 'not ready'].filter((mark) => mark !== false).join(', ');
}
