import type { Command } from 'commander';
import { describeHost, type HostDescription } from '../../api/describe-host.js';
import { SyncMediaError } from '../../model/errors.js';
import { isInteractive, askToConfirm } from '../prompt.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import { formatHost } from '../format-host.js';
import { escapeControls } from '../../model/log.js';

interface ApproveOptions {
  readonly all?: boolean;
  readonly fingerprint?: string;
  readonly yes?: boolean;
}

export function addApproveCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('approve')
    .description(
      'Lets hosts in that wait for approval, once a person has compared their fingerprints.',
    )
    .argument('[hosts...]', 'names or ids; none: lists the hosts that wait')
    .option('--all', 'all that wait')
    .option(
      '--fingerprint <SHA256:…>',
      'approve only if this is the fingerprint of the key with which it logs in; asks nothing',
    )
    .option('-y, --yes', 'ask nothing: somebody has compared the fingerprints already')
    .action((names: string[], options: ApproveOptions, command: Command) =>
      runCommand(command, async (context) => {
        const waiting = (await context.sync.hosts.list())
          .filter(({ status }) => status === 'pending')
          .map(describeHost);
        const chosen = options.all
          ? waiting
          : await Promise.all(
              names.map(async (name) => describeHost(await context.sync.hosts.show(name))),
            );
        if (chosen.length === 0) {
          if (context.json) context.screen.printJson({ pending: waiting });
          else
            context.screen.print(
              waiting.length === 0
                ? 'No host waits for approval.\n'
                : waiting.map(formatHost).join('\n'),
            );
          return 0;
        }
        if (options.fingerprint !== undefined && chosen.length !== 1)
          throw new SyncMediaError('BAD_OPTION', '--fingerprint goes with one host');
        const approved: HostDescription[] = [];
        for (const host of chosen) {
          if (await askForApproval(host, options, context))
            approved.push(describeHost(await context.sync.hosts.approve(host.id, host.digest)));
        }
        if (context.json) context.screen.printJson({ hosts: approved });
        else
          context.screen.print(
            approved.map(({ hostname, id }) => `Approved host ${hostname} (${id})\n`).join(''),
          );
        return approved.length === chosen.length ? 0 : 3;
      }),
    );
}

/**
 * Whether a person wants to approve this host. The approval sends the digest of what was shown,
 * so it fails if the host has changed since.
 */
async function askForApproval(
  host: HostDescription,
  { fingerprint, yes }: ApproveOptions,
  { screen, signal }: CommandContext,
): Promise<boolean> {
  if (fingerprint !== undefined) {
    if (host.key?.fingerprint === fingerprint.replace(/=$/, '')) return true;
    throw new SyncMediaError(
      'BAD_KEY',
      `the key of ${host.hostname} is ${host.key?.fingerprint ?? 'none'}, and not ` +
        `${fingerprint}: find out on that host which is right`,
    );
  }
  for (const line of formatHost(host).trimEnd().split('\n')) screen.printNotice(line);
  if (yes) return true;
  if (!isInteractive())
    throw new SyncMediaError(
      'BAD_OPTION',
      `nobody is there to compare the fingerprints of ${host.hostname}: give --fingerprint, or ` +
        `--yes`,
    );
  return askToConfirm(
    `Let ${escapeControls(host.hostname)} in? Compare the fingerprints with those on that host`,
    signal,
  );
}
