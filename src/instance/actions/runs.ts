import { SyncMediaError } from '../../model/errors.js';
import type { Hint } from '../../leader/wake-socket.js';
import type { RunRequest, SyncMedia, VerifyRequest } from '../../api/sync-media.js';
import type { KnownDirs } from '../../context/known-dirs.js';
import type { Config } from '../../config/config.js';
import { validateCron } from '../../config/cron.js';
import type { Parts } from '../../context/host-context.js';
import { CronRuns } from '../../runs/cron.js';
import { followRun } from '../../runs/follow.js';
import type { Run } from '../../model/words.js';

export interface RunActionsContext {
  readonly config: Config;
  readonly dirs: KnownDirs;
  parts(): Promise<Parts>;
  /** Competes for the lease of this host: if nobody has it, this process carries the run out. */
  beginLease(parts: Parts): void;
  holdsLease(): boolean;
  /** Aborts when the instance is closed. */
  readonly ending: AbortSignal;
  tell(hint: Hint): void;
}

/** Requests runs, for a caller or at the times that the environment sets. */
export class RunActions {
  private readonly crons: CronRuns[] = [];

  constructor(private readonly context: RunActionsContext) {}

  actions(): SyncMedia['runs'] {
    const parts = (): Promise<Parts> => this.context.parts();
    return {
      list: async (limit = 100) => (await parts()).runs.list(limit),
      show: async (id) => (await parts()).runs.show(id),
      cancel: async (id) => (await parts()).runs.cancel(id),
      follow: async (id, onProgress, signal) => {
        const opened = await parts();
        this.context.beginLease(opened);
        const { ending } = this.context;
        return followRun(
          opened,
          id,
          onProgress,
          signal ? AbortSignal.any([signal, ending]) : ending,
        );
      },
    };
  }

  /** Resolves when the row is stored. @throws UNKNOWN_HOST, BAD_SYNC_DIR */
  async ask(
    kind: 'push' | 'pull' | 'verify' | 'adopt',
    {
      hosts = [],
      dirs = [],
      dryRun = false,
      repair = false,
      by = 'the app',
    }: RunRequest & VerifyRequest,
  ): Promise<Run> {
    const parts = await this.context.parts();
    await parts.refresh();
    const known = this.context.dirs.current();
    const chosen = dirs.map((dir) => {
      const found = known.byPath(dir.replace(/\/+$/, ''));
      if (!found)
        throw new SyncMediaError(
          'BAD_SYNC_DIR',
          `${JSON.stringify(dir)} is no sync dir of this host; known are ` +
            `${known.list.map(({ path }) => path).join(', ')}`,
        );
      return found.path;
    });
    const run = await parts.runs.ask({
      kind,
      at: parts.me,
      hosts: hosts.map((host) => parts.registry.get(host).id),
      dirs: chosen,
      dryRun,
      repair,
      askedBy: by,
    });
    this.context.tell({ run: true });
    return run;
  }

  /** @throws BAD_ENVIRONMENT */
  checkCrons(): void {
    for (const [, expression, variable] of this.listCrons()) validateCron(expression, variable);
  }

  startCrons(parts: Parts): void {
    for (const [kind, expression, variable] of this.listCrons()) {
      const cron = new CronRuns(
        expression,
        kind,
        () => this.askByCron(parts, kind, variable),
        parts.events,
      );
      cron.start();
      this.crons.push(cron);
    }
  }

  async close(): Promise<void> {
    for (const cron of this.crons) await cron.close();
  }

  private listCrons(): [kind: 'pull' | 'verify', expression: string, variable: string][] {
    const { pullCron, verifyCron } = this.context.config;
    return [
      ...(pullCron === undefined
        ? []
        : [['pull', pullCron, 'SYNCMEDIA_PULL_CRON'] as ['pull', string, string]]),
      ...(verifyCron === undefined
        ? []
        : [['verify', verifyCron, 'SYNCMEDIA_VERIFY_CRON'] as ['verify', string, string]]),
    ];
  }

  private async askByCron(
    { runs, me }: Parts,
    kind: 'pull' | 'verify',
    variable: string,
  ): Promise<void> {
    if (!this.context.holdsLease() || (await runs.underWay(me, kind))) return;
    await runs.ask({ kind, at: me, hosts: [], dirs: [], dryRun: false, askedBy: variable });
    this.context.tell({ run: true });
  }
}
