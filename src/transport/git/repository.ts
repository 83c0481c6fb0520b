import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncMediaError } from '../../model/errors.js';
import type { HostId } from '../../model/host.js';
import { isVersionAtLeast } from '../rsync/version.js';
import { replaceFile } from '../../state-dir/replace-file.js';
import { explainExit, makeMissingGitError, oldestGit } from './answers.js';
import { removeLeftovers } from './clean.js';
import { endOrphans } from './orphans.js';
import { GitProcess, type GitExit, type GitSurroundings } from './git-process.js';

/** Holds the name of this repository, 8 hex digits. */
const INSTANCE_FILE = 'instance';
/** The most that a command without a limit of its own may print. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/**
 * The configuration of the repository. It is written anew at each start, so that nothing else
 * stays in it.
 */
const CONFIG: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  core: {
    repositoryFormatVersion: '0',
    bare: 'true',
    // Photos do not compress. Without this every host would deflate every byte as it records it.
    compression: '0',
    looseCompression: '0',
    // git streams larger files instead of holding them in memory.
    bigFileThreshold: '1m',
    // By default git flushes no loose object. The added part flushes refs.
    fsync: 'committed,reference',
    fsyncMethod: 'fsync',
    logAllRefUpdates: 'false',
    hooksPath: '/dev/null',
    fsmonitor: 'false',
    attributesFile: '/dev/null',
    excludesFile: '/dev/null',
    // One name is never another's, also on a file system that normalises names.
    precomposeUnicode: 'false',
    protectHFS: 'true',
    protectNTFS: 'true',
  },
  pack: { compression: '0', window: '0', threads: '1' },
  // The leader decides when to repack.
  gc: { auto: '0' },
  maintenance: { auto: 'false' },
  receive: {
    autogc: 'false',
    fsckObjects: 'true',
    denyNonFastForwards: 'true',
    denyDeletes: 'true',
  },
  transfer: { fsckObjects: 'true' },
};

export interface RunOptions {
  readonly signal: AbortSignal;
  /** What git does, for the message of an error: "recording versions". */
  readonly doing: string;
  readonly input?: string;
  /** Exit codes that are no error. Default 0. */
  readonly allowed?: readonly number[];
  readonly maxOutput?: number;
  /** Packing prints nothing. Default: that of the repository. */
  readonly silenceMs?: number;
}

/**
 * The bare repository of this host's history. It lies in the state folder, has no work tree and
 * no index, and is never checked out.
 */
export class Repository {
  /**
   * @param gitDir absolute
   * @param silenceMs a git that neither reads nor writes for this long is ended
   */
  constructor(
    readonly gitDir: string,
    readonly hostId: HostId,
    private readonly silenceMs: number,
    private readonly surroundings: GitSurroundings = {},
  ) {}

  /**
   * Creates the repository if it is missing, writes its configuration anew, and removes what a
   * crash left. Returns whether it is a new one.
   *
   * @throws MISSING_PROGRAM; BAD_STATE if another user owns the folder
   */
  async open(signal: AbortSignal): Promise<boolean> {
    await this.requireVersion(signal);
    for (const folder of ['', 'objects', 'objects/info', 'objects/pack', 'refs', 'refs/heads'])
      await mkdir(join(this.gitDir, folder), { recursive: true, mode: 0o700 });
    // git does not check the owner of a repository that it is told to use.
    const { uid } = await lstat(this.gitDir);
    const isReal = (await lstat(this.gitDir)).isDirectory();
    if (!isReal || uid !== process.geteuid?.())
      throw new SyncMediaError(
        'BAD_STATE',
        `${this.gitDir} must be a directory of the user who runs the app: remove it, and the ` +
          `history begins anew.`,
      );
    await chmod(this.gitDir, 0o700);
    await endOrphans(this.gitDir, signal);
    await removeLeftovers(this.gitDir, this.hostId);
    await replaceFile(join(this.gitDir, 'config'), formatConfig(), 0o600);
    const instance = join(this.gitDir, INSTANCE_FILE);
    const isNew = !/^[0-9a-f]{8}$/.test(await readFile(instance, 'utf8').catch(() => ''));
    if (isNew) await replaceFile(instance, randomBytes(4).toString('hex'), 0o600);
    await replaceFile(join(this.gitDir, 'HEAD'), 'ref: refs/heads/none\n', 0o600);
    return isNew;
  }

  /** The ref at which this repository records a day. */
  async findDayRef(day: string): Promise<string> {
    const instance = await readFile(join(this.gitDir, INSTANCE_FILE), 'utf8');
    return makeDayRef(this.hostId, day, instance.trim());
  }

  /** Whether the repository was created. */
  async exists(): Promise<boolean> {
    return lstat(join(this.gitDir, 'HEAD')).then(
      () => true,
      () => false,
    );
  }

  start(args: readonly string[], signal: AbortSignal, carriesPush = false): GitProcess {
    const { silenceMs, surroundings } = this;
    return new GitProcess(this.gitDir, args, { signal, silenceMs, carriesPush, surroundings });
  }

  /**
   * Runs one git and returns its output.
   *
   * @throws HISTORY_FAILED, DISK_FULL, TIMED_OUT, CANCELLED, MISSING_PROGRAM
   */
  async run(
    args: readonly string[],
    { signal, doing, input = '', allowed = [0], maxOutput = MAX_OUTPUT, silenceMs }: RunOptions,
  ): Promise<{ readonly code: number; readonly output: Buffer }> {
    const git = new GitProcess(this.gitDir, args, {
      signal,
      silenceMs: silenceMs ?? this.silenceMs,
      surroundings: this.surroundings,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    git.stdout.on('data', (bytes: Buffer) => {
      git.touch();
      size += bytes.length;
      if (size > maxOutput) git.end('too much output');
      else chunks.push(bytes);
    });
    git.stdin.end(input);
    const exit = await git.exited;
    return { code: requireExit(doing, exit, allowed), output: Buffer.concat(chunks) };
  }

  /** Lists the days of the history, oldest first. */
  async listDays(signal: AbortSignal): Promise<HistoryDay[]> {
    return (await this.listRefs(signal)).days;
  }

  /** Lists the days, oldest first, and the refs that are none: another host made them. */
  async listRefs(signal: AbortSignal): Promise<HistoryRefs> {
    const { output } = await this.run(['for-each-ref', '--format=%(refname) %(objectname)'], {
      signal,
      doing: 'listing the days of the history',
    });
    const lines = output.toString().split('\n').filter(Boolean);
    const days = lines
      .flatMap((line) => parseDay(line) ?? [])
      .sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : 0));
    const others = lines
      .filter((line) => !parseDay(line))
      .map((line) => ({ ref: line.split(' ')[0] ?? '' }));
    return { days, others };
  }

  private async requireVersion(signal: AbortSignal): Promise<void> {
    const { output } = await this.run(['version'], { signal, doing: 'asking for its version' });
    const version = /^git version (\d+\.\d+\.\d+)/.exec(output.toString())?.[1];
    if (version === undefined) throw makeMissingGitError();
    if (!isVersionAtLeast(version, oldestGit)) throw makeMissingGitError(version);
  }
}

/** What one host recorded on one day (UTC): a chain of commits. */
export interface HistoryDay {
  readonly ref: string;
  readonly tip: string;
  readonly host: HostId;
  /** Such as `2026-11-28`. */
  readonly day: string;
}

interface HistoryRefs {
  readonly days: HistoryDay[];
  readonly others: readonly { readonly ref: string }[];
}

/**
 * The ref of a host's day. It lies below `refs/heads/`, because git protects no other ref from
 * forced pushes and deletion.
 *
 * @param instance of the repository that recorded it. A repository that was made anew begins other
 *   chains, since the other hosts refuse to replace those that they have.
 */
function makeDayRef(host: HostId, day: string, instance: string): string {
  return `refs/heads/${host}/${day}.${instance}`;
}

function parseDay(line: string): HistoryDay | undefined {
  const [ref = '', tip = ''] = line.split(' ');
  const [, host, day] = /^refs\/heads\/([\w-]+)\/(\d{4}-\d\d-\d\d)\.[0-9a-f]{8}$/.exec(ref) ?? [];
  return host === undefined || day === undefined ? undefined : { ref, tip, host, day };
}

/** @returns the exit code, if it is allowed */
export function requireExit(
  doing: string,
  exit: GitExit,
  allowed: readonly number[] = [0],
): number {
  if (exit.endedBy === undefined && exit.code !== null && allowed.includes(exit.code))
    return exit.code;
  throw explainExit(doing, exit);
}

function formatConfig(): string {
  const sections = Object.entries(CONFIG).map(([section, values]) => {
    const lines = Object.entries(values).map(([name, value]) => `\t${name} = ${value}\n`);
    return `[${section}]\n${lines.join('')}`;
  });
  return `# Written by syncmedia at each start: changes in here are lost.\n${sections.join('')}`;
}
