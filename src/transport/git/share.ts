import { spawn } from 'node:child_process';
import type { Failure } from '../../model/failure.js';
import type { Host } from '../../model/host.js';
import { formatAddress } from '../ssh/address.js';
import type { Ssh } from '../ssh/ssh.js';
import type { SshTarget } from '../ssh/ssh-config.js';
import { requirePipes } from '../../util/require-pipes.js';
import { toFailure } from '../to-failure.js';
import { explainExit, summariseStderr } from './answers.js';
import type { GitExit } from './git-process.js';
import type { HistoryDay, Repository } from './repository.js';

/**
 * The only repository that the gate opens to another host, by this name. The gate knows its
 * place, so no path travels.
 */
const sharedRepository = 'syncmedia-history';

const MAX_STDERR = 64 * 1024;
/** Time after the exit of ssh to read the rest of stderr. */
const STDERR_AFTER_EXIT_MS = 200;

/**
 * Sends days of this host's history to another one. git itself connects nowhere: ssh is started
 * here, without a shell, and git reads and writes its two ends.
 */
export async function pushDays(
  { repository, ssh }: { readonly repository: Repository; readonly ssh: Ssh },
  to: Host,
  days: readonly Pick<HistoryDay, 'ref' | 'tip'>[],
  signal: AbortSignal,
): Promise<Failure | undefined> {
  try {
    const target = await ssh.target(to);
    const git = repository.start(
      [
        'push',
        '--porcelain',
        '--no-verify',
        '--no-signed',
        '--no-thin',
        '--',
        'fd::3,4',
        ...days.map(({ ref, tip }) => `${tip}:${ref}`),
      ],
      signal,
      true,
    );
    let remote: RemoteEnd;
    try {
      remote = startRemote(target);
    } catch (error) {
      git.end('abort');
      await git.exited;
      throw error;
    }
    git.stdin.end();
    let output = '';
    git.stdout.on('data', (bytes: Buffer) => {
      if (output.length < MAX_STDERR) output += bytes.toString();
    });
    for (const stream of [remote.stdout, git.pushOutput])
      stream?.on('data', () => {
        git.touch();
      });
    if (git.pushInput) remote.stdout.pipe(git.pushInput);
    git.pushOutput?.pipe(remote.stdin);
    // Otherwise git would wait for ever to write to an ssh that has ended.
    void remote.ended.then(() => {
      git.pushOutput?.destroy();
    });
    const exit = await git.exited;
    remote.kill();
    await remote.ended;
    return explainPush(exit, output, remote.stderr(), to);
  } catch (error) {
    return toFailure(error, 'host');
  }
}

interface RemoteEnd {
  readonly stdin: NodeJS.WritableStream;
  readonly stdout: NodeJS.ReadableStream;
  /** Resolves when ssh has ended. */
  readonly ended: Promise<void>;
  stderr(): string;
  kill(): void;
}

/** @throws TRANSFER_FAILED if too many files are open */
function startRemote({ configFile, controlPath, alias }: SshTarget): RemoteEnd {
  const child = requirePipes(
    spawn(
      'ssh',
      ['-F', configFile, '-S', controlPath, '--', alias, `git-receive-pack '${sharedRepository}'`],
      { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
    ),
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < MAX_STDERR) stderr += text;
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => {
      stderr += 'Failed to exec ssh\n';
      child.stdout.destroy();
      resolve();
    });
    child.on('close', () => {
      resolve();
    });
    child.on('exit', () => {
      // A master that this ssh has opened keeps its stderr open.
      const timer = setTimeout(() => {
        child.stderr.destroy();
      }, STDERR_AFTER_EXIT_MS);
      child.on('close', () => {
        clearTimeout(timer);
      });
    });
  });
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    ended,
    stderr: () => stderr,
    kill: () => {
      if (child.exitCode === null) child.kill();
    },
  };
}

/** Each line of `--porcelain` begins with a flag; `!` is a refused ref. */
function explainPush(
  exit: GitExit,
  output: string,
  remoteStderr: string,
  to: Host,
): Failure | undefined {
  if (exit.code === 0 && exit.endedBy === undefined) return undefined;
  const refused = /^!\t[^\t]*\t(.*)$/m.exec(output)?.[1];
  const name = formatAddress(to);
  if (exit.endedBy !== undefined)
    return toFailure(explainExit(`sharing the history with ${name}`, exit), 'host');
  const why =
    refused ?? (remoteStderr === '' ? summariseStderr(exit.stderr) : summariseStderr(remoteStderr));
  const missing = /syncmedia-history' does not appear|git is missing|history/.test(remoteStderr);
  return {
    code: /^Failed to exec ssh/m.test(remoteStderr) ? 'MISSING_PROGRAM' : 'HISTORY_FAILED',
    message:
      `The history was not shared with ${name}: ${why}` +
      (missing ? '. Run that host with the backend git or git-annex, and its keys confined.' : ''),
    retryable: true,
    scope: 'host',
  };
}
