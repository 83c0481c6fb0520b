import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../../scripts/programs.mjs';
import type { Log } from '../../../src/model/log.js';
import type { RecordedVersion } from '../../../src/model/history.js';
import { createAnnexBackend } from '../../../src/transport/git-annex/annex-backend.js';
import { AnnexHistory } from '../../../src/transport/git-annex/annex-history.js';
import type { Backend } from '../../../src/transport/backend.js';
import type { BackendOptions, HistoryPlace } from '../../../src/transport/options.js';
import { limits, readAll } from '../git/site.js';
import { makeRecordedFiles, type RecordedFiles } from '../recorded-files.js';
import { never, self } from '../site.js';

const ignore = (): void => undefined;

/** Why the tests with git-annex are skipped; undefined where they run. */
export const annexIsMissing =
  (await findProgram('git-annex')) === undefined ? 'git-annex is not installed' : undefined;
if (annexIsMissing !== undefined)
  console.warn(`SKIPPED, everything about git-annex: ${annexIsMissing}`);

/** Files above this size lie in the annex. */
export const largerThan = 1_000;

/** A large file with a content of its own. */
export function makeLarge(text: string, size = 5_000): Buffer {
  return Buffer.alloc(size, `${text} `);
}

/** The backend with its history in a state folder beside the root. */
export function createTestBackend(options: BackendOptions): Backend {
  return createAnnexBackend({
    ...options,
    history: {
      ...limits,
      stateDir: join(options.replica.rootPath, '../state'),
      hostname: 'one',
      annex: { largerThan, on: 'all' },
    },
  });
}

/** A history with an annex, and a replica whose files it records. */
export interface AnnexSite extends Pick<RecordedFiles, 'root' | 'save'> {
  readonly stateDir: string;
  readonly history: AnnexHistory;
  /** What it warned of. */
  readonly warnings: readonly string[];
  /** Another process with the same state folder. */
  reopen(limit?: number): AnnexHistory;
  read(version: RecordedVersion): Promise<string>;
  close(): Promise<void>;
}

export async function makeAnnexSite(
  given: Partial<HistoryPlace> = {},
  { isOpen = true } = {},
): Promise<AnnexSite> {
  const files = await makeRecordedFiles();
  const { root, replica, save } = files;
  const stateDir = join(files.dir, 'state');
  await mkdir(stateDir);
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
  };
  const log: Log = { info: ignore, warn, error: ignore };
  const options = { replica, self, timeoutMs: 30_000, log } as BackendOptions;
  const opened: AnnexHistory[] = [];
  const reopen = (limit = largerThan): AnnexHistory => {
    const annex = { largerThan: limit, on: 'all' } as const;
    const history = new AnnexHistory(options, {
      ...limits,
      stateDir,
      hostname: 'one',
      ...given,
      annex,
    });
    opened.push(history);
    return history;
  };
  const history = reopen();
  if (isOpen) await history.open(never);
  return {
    root,
    stateDir,
    history,
    warnings,
    reopen,
    save,
    read: async (version) => (await readAll(history.read(version, never))).toString(),
    async close() {
      for (const one of opened) await one.close();
      await files.remove();
    },
  };
}
