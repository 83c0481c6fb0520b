import { SyncMediaError } from '../../model/errors.js';
import type { LeaderHint } from '../../leader/wake-socket.js';
import type { RunRequest, SyncMedia, VerifyRequest } from '../../api/sync-media.js';
import type { KnownDirs } from '../../context/known-dirs.js';
import type { Config } from '../../config/config.js';
import { validateCron } from '../../config/cron.js';
import type { HostContext } from '../../context/host-context.js';
import { CronRuns } from '../../runs/cron.js';
import { followRun } from '../../runs/follow.js';
import type { Run } from '../../model/run.js';

export interface RunActionsContext {
  readonly config: Config;
  readonly dirs: KnownDirs;
  openHostContext(): Promise<HostContext>;
  /** Competes for the lease of this host: if nobody has it, this process carries the run out. */
  startElection(hostContext: HostContext): void;
  isLeader(): boolean;
  /** Aborts when the instance is closed. */
  readonly ending: AbortSignal;
  sendHint(hint: LeaderHint): void;
}

/** Requests runs, for a caller or at the times that the environment sets. */
export class RunActions {
  private readonly crons: CronRuns[] = [];

  constructor(private readonly context: RunActionsContext) {}

  actions(): SyncMedia['runs'] {
    const hostContext = (): Promise<HostContext> => this.context.openHostContext();
    return {
      list: async (limit = 100) => (await hostContext()).runs.list(limit),
      show: async (id) => (await hostContext()).runs.read(id),
      cancel: async (id) => (await hostContext()).runs.cancel(id),
      follow: async (id, onProgress, signal) => {
        const opened = await hostContext();
        this.context.startElection(opened);
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
  async requestRun(
    kind: 'push' | 'pull' | 'verify' | 'adopt',
    {
      hosts = [],
      dirs = [],
      dryRun = false,
      repair = false,
      by: requestedBy = 'the app',
    }: RunRequest & VerifyRequest,
  ): Promise<Run> {
    const hostContext = await this.context.openHostContext();
    await hostContext.refresh();
    const ownDirs = this.context.dirs.current();
    const chosen = dirs.map((dir) => {
      const found = ownDirs.byPath(dir.replace(/\/+$/, ''));
      if (!found)
        throw new SyncMediaError(
          'BAD_SYNC_DIR',
          `${JSON.stringify(dir)} is no sync dir of this host; known are ` +
            `${ownDirs.list.map(({ path }) => path).join(', ')}`,
        );
      return found.path;
    });
    const run = await hostContext.runs.request({
      kind,
      at: hostContext.me,
      hosts: hosts.map((host) => hostContext.registry.get(host).id),
      dirs: chosen,
      dryRun,
      repair,
      requestedBy,
    });
    this.context.sendHint({ run: true });
    return run;
  }

  /** @throws BAD_ENVIRONMENT */
  checkCrons(): void {
    for (const [, expression, variable] of this.listCrons()) validateCron(expression, variable);
  }

  startCrons(hostContext: HostContext): void {
    for (const [kind, expression, variable] of this.listCrons()) {
      const cron = new CronRuns(
        expression,
        kind,
        () => this.requestByCron(hostContext, kind, variable),
        hostContext.events,
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

  private async requestByCron(
    { runs, me }: HostContext,
    kind: 'pull' | 'verify',
    variable: string,
  ): Promise<void> {
    if (!this.context.isLeader() || (await runs.findUnfinished(me, kind))) return;
    await runs.request({ kind, at: me, hosts: [], dirs: [], dryRun: false, requestedBy: variable });
    this.context.sendHint({ run: true });
  }
}
