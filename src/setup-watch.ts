import type { NamingModel } from './capture/find-named.js';
import { UnnamedSaveCounter } from './capture/unnamed-saves.js';
import { messageOf } from './errors/errors.js';
import type { KnownDirs } from './known-dirs.js';
import type { Log } from './log.js';
import type { Parts } from './parts.js';
import { describeRefused, describeUnsynced, listSetupProblems } from './setup-problems.js';
import { quotePath } from './root/paths.js';
import { UnstartedWarning } from './unstarted.js';
import type { Capture, SavedBy, Unsynced } from './words.js';

/** Problems that are remembered, so that each is told once. */
const mostTold = 10_000;

export interface SetupWatchContext {
  readonly log: Log;
  readonly dirs: KnownDirs;
  readonly models: readonly NamingModel[];
  /** Directories that `serveMedia` serves, relative to the root. */
  served(): readonly string[];
  allowed(): readonly string[];
  isStarted(): boolean;
  parts(): Promise<Parts>;
}

/** Sees to it that nothing an application asks for is left out in silence: tells the log, and the status of this host. */
export class SetupWatch {
  private readonly unnamed: UnnamedSaveCounter;
  private readonly unstarted: UnstartedWarning;
  private readonly told = new Set<string>();
  private readonly saved = new Set<string>();
  private checking: Promise<void> | undefined;

  constructor(private readonly context: SetupWatchContext) {
    const { log } = context;
    this.unnamed = new UnnamedSaveCounter(
      async (counts) => (await context.parts()).registry.recordUnnamed(counts),
      (error) => { log.warn(`the count of saves without a file could not be stored: ${messageOf(error)}`); },
    );
    this.unstarted = new UnstartedWarning({
      isStarted: () => context.isStarted(), warn: (message) => { log.warn(message); },
      findStored: async (ids) => (await context.parts()).outbox.findStored(ids),
    });
  }

  /** At the start, and when a model is compiled after it. Logs each problem once. */
  check(): Promise<void> {
    return this.checking = (this.checking ?? Promise.resolve()).then(() => this.checkNow()).catch((error: unknown) => {
      this.context.log.warn(`what the application declares could not be checked: ${messageOf(error)}`);
    });
  }

  /** A model's first save says again what is not synced of it: the start may be long ago, or in another process. */
  noteSave(model: string): void {
    if (this.saved.has(model)) return;
    this.saved.add(model);
    for (const refused of this.context.dirs.listRefused().filter(({ where }) => where === `model ${model}`)) {
      const { message, remedy } = describeRefused(refused, this.context.allowed());
      this.context.log.warn(`${message}. Remedy: ${remedy}`);
    }
  }

  noteCapture(capture: Capture): void { this.unstarted.notice(capture); }
  noteUnnamed(savedBy: SavedBy): void { this.unnamed.add(savedBy); }

  /** Logs once for each model and pattern that a named file is excluded. */
  noteUnsynced({ model, id }: SavedBy, unsynced: readonly Unsynced[]): void {
    for (const one of unsynced) {
      const about = `${model} ${one.why === 'excluded' ? `${one.syncDir} ${one.pattern}` : ''}`;
      // Of a sync dir that is not kept the first save tells.
      if (one.why !== 'excluded' || this.told.has(about) || this.told.size >= mostTold) continue;
      this.told.add(about);
      this.context.log.warn(`model ${model}, document ${id} names ${quotePath(one.path)}, which is not sent: ${describeUnsynced(one)}. Others are not told one by one`);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.unstarted.close(), this.unnamed.close(), this.checking]);
  }

  private async checkNow(): Promise<void> {
    const { context } = this;
    // A process without models, such as a command, knows nothing about this.
    if (context.models.length === 0) return;
    const { registry, rootPath } = await context.parts();
    const problems = await listSetupProblems({ models: context.models, dirs: context.dirs, rootPath, allowed: context.allowed(), served: context.served() });
    for (const { about, message, remedy } of problems) {
      if (!this.told.has(about)) context.log.warn(`${message}. Remedy: ${remedy}`);
      this.told.add(about);
    }
    await registry.recordSetup(problems);
  }
}
