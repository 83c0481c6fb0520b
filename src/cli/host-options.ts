import { type Command, InvalidArgumentError } from 'commander';

/** The parsed options that describe a host and its address. */
export interface HostOptions {
  readonly hostname?: string;
  readonly url?: string;
  readonly port?: number;
  readonly username?: string;
  readonly key?: string;
  readonly root?: string;
  readonly syncDirs?: readonly string[];
}

/** Adds the options of a host. `-u`, `-k` and `-p` mean the same as in django-syncmedia. */
export function addHostOptions(command: Command): Command {
  return command
    .option('-u, --username <name>', 'login user')
    .option('-k, --key <key>', 'path to the public key, or the public key line itself')
    .option('-p, --port <port>', 'ssh port', parsePort)
    .option('--hostname <name>', 'unique name of the host')
    .option('--url <name>', 'name or address (FQDN) under which the others reach its sshd')
    .option('--root <dir>', 'absolute directory under which its sync dirs lie')
    .option(
      '--sync-dirs <dirs>',
      'sync dirs it takes part in, comma-separated; may be repeated',
      collectList,
    );
}

/** Converts the options to those of the instance. Options that were not given are left out. */
export function readHostOptions({ hostname, url, port, username }: HostOptions): {
  hostname?: string;
  url?: string;
  sshPort?: number;
  username?: string;
} {
  return {
    ...(hostname !== undefined && { hostname }),
    ...(url !== undefined && { url }),
    ...(port !== undefined && { sshPort: port }),
    ...(username !== undefined && { username }),
  };
}

export function parsePort(value: string): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 65_535)
    throw new InvalidArgumentError('A port is a number from 1 to 65535.');
  return Number(value);
}

/** Parses an option that may be repeated, and may hold several values between commas. */
export function collectList(value: string, before: readonly string[] = []): string[] {
  const items = value.split(',').map((item) => item.trim());
  if (items.includes('')) throw new InvalidArgumentError('It is empty, or has an empty part.');
  return [...before, ...items];
}

/** Parses an option that may be repeated. */
export function collectValue(value: string, before: readonly string[] = []): string[] {
  if (value === '') throw new InvalidArgumentError('It is empty.');
  return [...before, value];
}
