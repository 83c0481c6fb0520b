import { UnnamedSaveCounter } from '../capture/unnamed-saves.js';
import { getErrorMessage } from '../model/errors.js';
import type { ThisHost } from '../context/this-host.js';
import { describeRefused, describeUnsynced, listSetupProblems } from './setup-problems.js';
import { quotePath } from '../replica/paths.js';
import { UnstartedWarning } from './unstarted.js';
import type { Capture, DocumentRef, UnsyncedFile } from '../model/capture.js';

/** Limit of the problems that are remembered in order to log each one once. */
const maxLogged = 10_000;

/**
 * Reports everything that the application declares but this host cannot sync, in the log and in
 * this host's status.
 */
export class SetupWatch {
  private readonly unnamed: UnnamedSaveCounter;
  private readonly unstarted: UnstartedWarning;
  private readonly logged = new Set<string>();
  private readonly savedModels = new Set<string>();
  private checks: Promise<void> | undefined;

  /** @param listServedDirs lists the directories that `serveMedia` serves, relative to the root */
  constructor(
    private readonly thisHost: ThisHost,
    private readonly listServedDirs: () => readonly string[],
  ) {
    const { log } = thisHost.config;
    this.unnamed = new UnnamedSaveCounter(
      async (counts) => (await thisHost.openContext()).registry.recordUnnamed(counts),
      (error) => {
        log.warn(
          `the count of saves without a file could not be stored: ${getErrorMessage(error)}`,
        );
      },
    );
    this.unstarted = new UnstartedWarning(thisHost);
  }

  /** Checks at start. Reports each problem once. */
  check(): Promise<void> {
    return (this.checks = (this.checks ?? Promise.resolve())
      .then(() => this.checkNow())
      .catch((error: unknown) => {
        this.thisHost.config.log.warn(
          `the sync dirs of the application could not be checked: ${getErrorMessage(error)}`,
        );
      }));
  }

  /** Checks again if a model is compiled after the start. */
  noteModel(): void {
    if (this.checks) void this.check();
  }

  /**
   * Warns at the first save of a model about its refused sync dirs, because the start may be long
   * ago or in another process.
   */
  noteSave(model: string): void {
    if (this.savedModels.has(model)) return;
    this.savedModels.add(model);
    const { dirs, state, problems } = this.thisHost;
    const refused = dirs.listRefused();
    const own = refused.filter(({ where }) => where === `model ${model}`).map(({ dir }) => dir);
    for (const problem of describeRefused(refused, state?.syncDirs ?? []))
      if (own.some((dir) => dir === problem.about)) problems.report(problem);
  }

  noteCapture(capture: Capture): void {
    this.unstarted.watchCapture(capture);
  }
  noteUnnamed(savedBy: DocumentRef): void {
    this.unnamed.add(savedBy);
  }

  /** Logs once per model and pattern that a named file is excluded. */
  noteUnsynced({ model, id }: DocumentRef, unsynced: readonly UnsyncedFile[]): void {
    for (const one of unsynced) {
      const about = `${model} ${one.why === 'excluded' ? `${one.syncDir} ${one.pattern}` : ''}`;
      // `noteSave` has already warned about sync dirs that this host does not keep.
      if (one.why !== 'excluded' || this.logged.has(about) || this.logged.size >= maxLogged)
        continue;
      this.logged.add(about);
      this.thisHost.config.log.warn(
        `model ${model}, document ${id} names ${quotePath(one.path)}, which is not sent: ` +
          `${describeUnsynced(one)}. Further files like it are not logged`,
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.unstarted.close(), this.unnamed.close(), this.checks]);
  }

  private async checkNow(): Promise<void> {
    const { models } = this.thisHost;
    // A process without models, such as the command line, cannot check the declarations.
    if (models.naming.length === 0) return;
    const hostContext = await this.thisHost.openContext();
    const problems = await listSetupProblems({
      ...hostContext,
      models: models.naming,
      served: this.listServedDirs(),
    });
    for (const problem of problems) {
      if (!this.logged.has(problem.about)) this.thisHost.problems.report(problem);
      this.logged.add(problem.about);
    }
    await hostContext.registry.recordSetup(problems);
  }
}
