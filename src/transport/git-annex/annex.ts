import { chmod, lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { getErrorMessage, SyncMediaError } from '../../model/errors.js';
import type { HostId } from '../../model/host.js';
import { describeInstallation } from '../../model/packages.js';
import { removeFolder } from '../../state-dir/remove-folder.js';
import { replaceFile } from '../../state-dir/replace-file.js';
import { removeLock } from '../git/clean.js';
import { PACKING_MS } from '../git/maintain.js';
import { endOrphans } from '../git/orphans.js';
import { Repository } from '../git/repository.js';
import { isVersionAtLeast } from '../rsync/version.js';
import { getObjectPath, isKey, makeAnnexUuid, type AnnexKey } from './key.js';

/** The first git-annex with `--batch-keys`. */
const oldestAnnex: readonly [number, number, number] = [8, 20210903, 0];
/** Our own unfinished files, below the repository. */
const TMP = 'syncmedia-tmp';
/** git-annex keeps the received part of an unfinished object here. */
const ANNEX_TMP = 'annex/tmp';
const UNFINISHED_FOR_MS = 24 * 60 * 60_000;

/** They win over the file of the repository, in which an operator configures special remotes. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.fsync', 'committed,reference'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  // Only contents whose key is a hash of them.
  ['annex.securehashesonly', 'true'],
  ['annex.sshcaching', 'false'],
  ['annex.autoupgraderepository', 'false'],
  ['annex.synccontent', 'false'],
];

/**
 * The annex of this host: a bare repository in the state folder, in which git-annex keeps
 * contents by key. Names and dates stay with the history in git.
 */
export class Annex {
  readonly repository: Repository;
  readonly uuid: string;
  readonly tmp: string;

  /**
   * @param place absolute
   * @param silenceMs a git-annex that neither reads nor writes for this long is ended
   */
  constructor(
    readonly place: string,
    private readonly host: HostId,
    silenceMs: number,
  ) {
    this.repository = new Repository(place, host, silenceMs, {
      cwd: place,
      environment: makeAnnexEnvironment(),
    });
    this.uuid = makeAnnexUuid(host);
    this.tmp = join(place, TMP);
  }

  /**
   * Creates the annex if it is missing, and removes what a crash left.
   *
   * @throws MISSING_PROGRAM; BAD_STATE if another user owns the folder
   */
  async open(signal: AbortSignal): Promise<void> {
    await requireAnnexVersion(this.repository, signal);
    await rm(this.tmp, { recursive: true, force: true });
    const folders = ['objects', 'refs', 'refs/heads', 'annex', 'annex/objects', ANNEX_TMP, TMP];
    for (const folder of ['', ...folders])
      await mkdir(join(this.place, folder), { recursive: true, mode: 0o700 });
    const stats = await lstat(this.place);
    if (!stats.isDirectory() || stats.uid !== process.geteuid?.())
      throw new SyncMediaError(
        'BAD_STATE',
        `${this.place} must be a directory of the user who runs the app: remove it, and the ` +
          `annex begins anew.`,
      );
    await chmod(this.place, 0o700);
    await endOrphans(this.place, signal);
    await this.removeLeftovers();
    if (!(await this.isInitialised())) await this.initialise(signal);
  }

  /** Absolute path of a content, whether or not it is there. */
  locate(key: AnnexKey): string {
    return join(this.place, getObjectPath(key));
  }

  /** Bytes of a content; undefined if it is not here. */
  async measure(key: AnnexKey): Promise<number | undefined> {
    const stats = await lstat(this.locate(key)).catch(() => undefined);
    return stats?.isFile() ? stats.size : undefined;
  }

  /** Lists the contents that are here. */
  async listKeys(): Promise<AnnexKey[]> {
    return (await this.listObjects()).flatMap(({ name }) => (isKey(name) ? [name] : []));
  }

  /**
   * Removes contents under other names than those of this package. Another host may have sent them,
   * since git-annex takes any key that is a hash.
   */
  async removeForeign(): Promise<void> {
    for (const { name, at } of await this.listObjects()) if (!isKey(name)) await removeFolder(at);
  }

  private async listObjects(): Promise<{ readonly name: string; readonly at: string }[]> {
    const found: { name: string; at: string }[] = [];
    const objects = join(this.place, 'annex/objects');
    for (const first of await listNames(objects))
      for (const second of await listNames(join(objects, first)))
        for (const name of await listNames(join(objects, first, second)))
          found.push({ name, at: join(objects, first, second, name) });
    return found;
  }

  /** Tells git-annex that contents are here, so that its own commands know of them. */
  async notePresent(keys: readonly AnnexKey[], signal: AbortSignal): Promise<void> {
    if (keys.length === 0) return;
    await this.run(['setpresentkey', '--batch'], {
      signal,
      doing: 'noting large files in the annex',
      input: keys.map((key) => `${key} ${this.uuid} 1\n`).join(''),
    });
  }

  /** Removes contents from this host. */
  async drop(keys: readonly AnnexKey[], signal: AbortSignal): Promise<void> {
    if (keys.length === 0) return;
    const doing = 'removing large files from the annex';
    try {
      await this.run(['dropkey', '--force', '--batch', '--quiet'], {
        signal,
        doing,
        input: keys.map((key) => `${key}\n`).join(''),
        silenceMs: PACKING_MS,
      });
    } catch (error) {
      signal.throwIfAborted();
      // Another host can lock a content for as long as it is connected. That must not keep what
      // somebody wants forgotten.
      for (const key of keys) await removeFolder(join(this.locate(key), '..'));
      await this.run(['setpresentkey', '--batch'], {
        signal,
        doing,
        input: keys.map((key) => `${key} ${this.uuid} 0\n`).join(''),
      }).catch(() => {
        throw error;
      });
    }
    for (const key of keys) await rm(join(this.place, ANNEX_TMP, key), { force: true });
  }

  /** Packs git-annex's notes, and removes transfers that nobody continues. */
  async tidy(signal: AbortSignal, now = Date.now()): Promise<void> {
    await endOrphans(this.place, signal);
    const tmp = join(this.place, ANNEX_TMP);
    for (const name of await listNames(tmp)) {
      const stats = await lstat(join(tmp, name)).catch(() => undefined);
      if (stats && now - stats.mtimeMs > UNFINISHED_FOR_MS)
        await rm(join(tmp, name), { recursive: true, force: true });
    }
    const options = { signal, doing: 'packing the annex', silenceMs: PACKING_MS };
    await this.repository.run(['repack', '-d', '-q', '--geometric=2'], options);
    await this.repository.run(['prune', '--expire=1.hour.ago'], options);
  }

  /** Runs one git-annex. @throws MISSING_PROGRAM; what `Repository.run` throws */
  async run(
    args: readonly string[],
    options: Parameters<Repository['run']>[1],
  ): ReturnType<Repository['run']> {
    await this.requirePresence();
    try {
      return await this.repository.run(['annex', ...args], options);
    } catch (error) {
      throw /'annex' is not a git command/.test(getErrorMessage(error))
        ? makeMissingAnnexError()
        : error;
    }
  }

  /**
   * Refuses to start git-annex in a folder that is gone, which would look like a missing program.
   *
   * @throws HISTORY_FAILED
   */
  async requirePresence(): Promise<void> {
    if (await this.repository.exists()) return;
    throw new SyncMediaError(
      'HISTORY_FAILED',
      `The annex ${this.place} is missing: it is made anew when recording is tried again.`,
    );
  }

  private async isInitialised(): Promise<boolean> {
    const config = await readFile(join(this.place, 'config'), 'utf8').catch(() => '');
    return config.includes(this.uuid) && /^\s*version = \d+$/m.test(config);
  }

  private async initialise(signal: AbortSignal): Promise<void> {
    await replaceFile(join(this.place, 'HEAD'), 'ref: refs/heads/none\n', 0o600);
    await replaceFile(
      join(this.place, 'config'),
      `[core]\n\trepositoryformatversion = 0\n\tbare = true\n` +
        `[user]\n\tname = syncmedia\n\temail = syncmedia@localhost\n` +
        `[annex]\n\tuuid = ${this.uuid}\n`,
      0o600,
    );
    await this.run(['init', '--quiet', '--no-autoenable', this.host], {
      signal,
      doing: 'making the annex',
    });
  }

  /** git-annex's own locks end with their process; those of git are files that stay. */
  private async removeLeftovers(): Promise<void> {
    for (const folder of ['', 'annex', 'refs/heads', 'objects/info'])
      for (const name of await listNames(join(this.place, folder)))
        if (/^(config|HEAD|packed-refs|index|git-annex|commit-graph)\.lock$/.test(name))
          await removeLock(join(this.place, folder, name));
    await rm(join(this.place, 'hooks'), { recursive: true, force: true });
  }
}

function makeAnnexEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {
    // Without a name git-annex cannot note who holds what, and fails.
    GIT_AUTHOR_NAME: 'syncmedia',
    GIT_AUTHOR_EMAIL: 'syncmedia@localhost',
    GIT_COMMITTER_NAME: 'syncmedia',
    GIT_COMMITTER_EMAIL: 'syncmedia@localhost',
    GIT_CONFIG_COUNT: String(SETTINGS.length),
  };
  for (const [number, [key, value]] of SETTINGS.entries()) {
    environment[`GIT_CONFIG_KEY_${String(number)}`] = key;
    environment[`GIT_CONFIG_VALUE_${String(number)}`] = value;
  }
  return environment;
}

async function requireAnnexVersion(repository: Repository, signal: AbortSignal): Promise<void> {
  const annexless = new Repository(repository.gitDir, repository.hostId, 30_000);
  const { output } = await annexless
    .run(['annex', 'version', '--raw'], { signal, doing: 'asking for the version of git-annex' })
    .catch((error: unknown) => {
      throw /'annex' is not a git command/.test(getErrorMessage(error))
        ? makeMissingAnnexError()
        : error;
    });
  const version = output.toString().trim();
  // Its versions have two numbers and a commit: 10.20230126 or 10.20230127-g0cbc855.
  const numbers = /^\d+\.\d+/.exec(version)?.[0];
  if (numbers === undefined) throw makeMissingAnnexError();
  if (!isVersionAtLeast(`${numbers}.0`, oldestAnnex)) throw makeMissingAnnexError(version);
}

function makeMissingAnnexError(version?: string): SyncMediaError {
  const what =
    version === undefined
      ? 'git-annex is missing on this host'
      : `git-annex ${version} of this host is too old (8.20210903 or newer is needed)`;
  return new SyncMediaError('MISSING_PROGRAM', `${what}: ${describeInstallation('git-annex')}.`);
}

async function listNames(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
