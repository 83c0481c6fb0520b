import type { Command } from 'commander';
import { describeHost } from '../../api/describe-host.js';
import { SyncMediaError } from '../../model/errors.js';
import { canAsk, confirm } from '../prompt.js';
import type { Call, Run } from '../command-context.js';
import { formatHost } from '../format-host.js';
import { collect } from '../host-options.js';
import { formatPairs } from '../table.js';

export function addKeys(program: Command, run: Run): void {
  const keys = program
    .command('keys')
    .description('Shows and accepts the host keys by which another host is known.');
  keys
    .command('show')
    .description('Shows the pinned host keys of a host, and those that it shows now.')
    .argument('<host>', 'its name or id')
    .action((name: string, _options: object, command: Command) =>
      run(command, async ({ sync, screen, json }) => {
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
      collect,
    )
    .action(
      (name: string, { fingerprint }: { fingerprint?: readonly string[] }, command: Command) =>
        run(command, async (call) => {
          const accepted = fingerprint ?? (await askFor(name, call));
          if (accepted === undefined) return 3;
          const host = describeHost(await call.sync.hosts.acceptKeys(name, accepted));
          if (call.json) call.screen.printJson({ host });
          else call.screen.print(formatHost(host));
          return 0;
        }),
    );
}

async function askFor(
  name: string,
  { sync, screen, signal }: Call,
): Promise<readonly string[] | undefined> {
  const found = await sync.hosts.readKeys(name);
  for (const line of formatKeys(found).trimEnd().split('\n')) screen.note(line);
  if (!canAsk())
    throw new SyncMediaError(
      'BAD_OPTION',
      'nobody is there to compare the fingerprints: give those to accept as --fingerprint',
    );
  const wanted = await confirm(
    'Accept the keys that it shows? Compare with `ssh-keygen -lf ' +
      '/etc/ssh/ssh_host_ed25519_key.pub` on that host',
    signal,
  );
  return wanted ? found.shown : undefined;
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
