import type { Command } from 'commander';
import { describeHost } from '../../api/describe-host.js';
import { SyncMediaError } from '../../model/errors.js';
import { isInteractive, askToConfirm } from '../prompt.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import { formatHost } from '../format-host.js';
import { collectValue } from '../host-options.js';
import { formatPairs } from '../table.js';

export function addKeysCommands(program: Command, runCommand: RunCommand): void {
  const keys = program
    .command('keys')
    .description('Shows and accepts the host keys by which another host is known.');
  keys
    .command('show')
    .description('Shows the pinned host keys of a host, and the keys that it presents now.')
    .argument('<host>', 'its name or id')
    .action((name: string, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const found = await sync.hosts.readKeys(name);
        if (json) screen.printJson(found);
        else screen.print(formatKeys(found));
        return found.shown.some((one) => found.pinned.includes(one)) ? 0 : 3;
      }),
    );
  keys
    .command('accept')
    .description('Pins the host keys that a host shows now, after HOST_KEY_MISMATCH.')
    .argument('<host>', 'its name or id')
    .option(
      '--fingerprint <SHA256:…>',
      'accept only this key, and ask nothing; may be repeated',
      collectValue,
    )
    .action(
      (name: string, { fingerprint }: { fingerprint?: readonly string[] }, command: Command) =>
        runCommand(command, async (context) => {
          const accepted = fingerprint ?? (await askForHostKeys(name, context));
          if (accepted === undefined) return 3;
          const host = describeHost(await context.sync.hosts.acceptKeys(name, accepted));
          if (context.json) context.screen.printJson({ host });
          else context.screen.print(formatHost(host));
          return 0;
        }),
    );
}

async function askForHostKeys(
  name: string,
  { sync, screen, signal }: CommandContext,
): Promise<readonly string[] | undefined> {
  const found = await sync.hosts.readKeys(name);
  for (const line of formatKeys(found).trimEnd().split('\n')) screen.printNotice(line);
  if (!isInteractive())
    throw new SyncMediaError(
      'BAD_OPTION',
      'nobody is there to compare the fingerprints: give those to accept as --fingerprint',
    );
  const isConfirmed = await askToConfirm(
    'Accept the keys that it shows? Compare with `ssh-keygen -lf ' +
      '/etc/ssh/ssh_host_ed25519_key.pub` on that host',
    signal,
  );
  return isConfirmed ? found.shown : undefined;
}

function formatKeys({
  pinned,
  shown,
}: {
  pinned: readonly string[];
  shown: readonly string[];
}): string {
  return formatPairs([
    ...pinned.map((one): [string, string] => ['pinned', one]),
    ...shown.map((one): [string, string] => ['shown', one]),
  ]);
}
