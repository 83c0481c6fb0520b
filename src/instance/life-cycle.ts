import type { SyncMedia } from '../api/sync-media.js';
import type { ThisHost } from '../context/this-host.js';
import type { CounterWriter } from '../counters/counter-writer.js';
import type { LeaderElection } from '../leader/election.js';
import type { RunActions } from './actions/runs.js';
import { logStart } from './describe-start.js';
import { logEvents } from './log-events.js';
import type { SetupWatch } from './setup-watch.js';

/**
 * Makes the methods that open, start and close an instance.
 * @param counters closes after everything that it counts
 * @param closers whatever uses the backend, in the order in which it closes; the leader election,
 * which owns the backend, closes after them
 */
export function createLifeCycle(
  thisHost: ThisHost,
  election: LeaderElection,
  runs: RunActions,
  setup: SetupWatch,
  counters: CounterWriter,
  closers: readonly { close(): Promise<void> }[],
): Pick<SyncMedia, 'open' | 'start' | 'close'> {
  const { config, dirs, ending, problems } = thisHost;
  const stopLogging = logEvents(
    thisHost.events,
    config.log,
    (id) => thisHost.lastContext?.registry.find(id)?.hostname ?? id,
  );
  let starting: Promise<void> | undefined, closing: Promise<void> | undefined;

  async function startNow(): Promise<void> {
    thisHost.requireUnclosed();
    runs.checkCrons();
    if (!thisHost.state) {
      config.log.info(
        `this machine was never initialised (no host id in ${config.stateDir}): nothing is ` +
          `synced; run \`syncmedia init\``,
      );
      return;
    }
    problems.collect();
    const hostContext = await thisHost.openContext();
    // A symlink may lead elsewhere than at the time of `init`.
    dirs.requireShareable();
    election.start(hostContext);
    runs.startCrons(hostContext);
    await setup.check();
    await election.reportRisks();
    const leader = await election.waitForLeader(ending);
    if (!ending.aborted) logStart(hostContext, config.log, leader, problems.take());
  }

  async function closeNow(): Promise<void> {
    thisHost.beginClose();
    await starting?.catch(() => undefined);
    // A start that was cut short has logged no line.
    problems.flush();
    for (const closer of [setup, runs, ...closers, election, counters]) await closer.close();
    await thisHost.close();
  }

  return {
    open: async () => {
      await thisHost.openConnection();
      if (thisHost.state) await thisHost.openContext();
    },
    start: () =>
      (starting ??= startNow().catch((error: unknown) => {
        problems.flush();
        starting = undefined;
        throw error;
      })),
    close: () => (closing ??= closeNow().finally(stopLogging)),
  };
}
