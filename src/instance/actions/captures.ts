import mongoose, { type ClientSession, type Connection } from 'mongoose';
import type { SyncMedia } from '../../api/sync-media.js';
import { applyModelSync } from '../../capture/apply-model-sync.js';
import type { CaptureContext, CaptureDeps } from '../../capture/capturing.js';
import { createPlugin } from '../../capture/plugin.js';
import { CommitWatch } from '../../capture/session-commit.js';
import { storeNamedByApp, type NamedByApp } from '../../capture/store-asserted.js';
import type { ThisHost } from '../../context/this-host.js';
import type { LeaderElection } from '../../leader/election.js';
import type { SetupWatch } from '../setup-watch.js';
import type { FileActions } from './files.js';

/**
 * Wires captures to the rest of an instance: the plugin captures saves, and the app names files
 * itself.
 * @param given the connection that the app gave; `modelSync` applies to it, or to every one
 * @throws MODEL_ALREADY_COMPILED
 */
export function createCaptureActions(
  thisHost: ThisHost,
  given: Connection | undefined,
  election: LeaderElection,
  files: FileActions,
  setup: SetupWatch,
): Pick<SyncMedia, 'plugin' | 'capture' | 'remove'> {
  const { config, dirs } = thisHost;
  const commits = new CommitWatch();
  let made: CaptureContext | undefined;

  /** Made anew when the state or the connection changed. */
  const getContext = (): CaptureContext | undefined => {
    const { state, outbox, replica } = thisHost;
    if (!state || !outbox) return undefined;
    if (made?.outbox === outbox && made.replica === replica) return made;
    return (made = {
      hostId: state.id,
      replica,
      rootPaths: () => thisHost.lastContext?.listRootPaths() ?? [state.root],
      dirs: () => dirs.current(),
      log: config.log,
      outbox,
      dueMs: thisHost.tuning.captureDueMs,
      handOver: (capture) => {
        setup.noteCapture(capture);
        election.sendHint({ captures: [capture] });
      },
      awaitCopies: (...asked) => files.waitForSaved(...asked),
      reportUnnamed: (savedBy) => {
        setup.noteUnnamed(savedBy);
      },
      reportUnsynced: (savedBy, unsynced) => {
        setup.noteUnsynced(savedBy, unsynced);
      },
    });
  };

  const deps: CaptureDeps = {
    collectionPrefix: config.collectionPrefix,
    initialised: () => thisHost.state !== undefined,
    getContext: (model) => {
      const context = getContext();
      if (context) setup.noteSave(model.modelName);
      return context;
    },
    onModel: (model, connection, options) => {
      if (thisHost.addModel(model, connection, options)) setup.noteModel();
    },
    onDeclare: (declared, where) => {
      thisHost.declareDirs(declared, where);
    },
  };
  const plugin = createPlugin(deps);
  if (Object.keys(config.modelSync).length > 0)
    applyModelSync(given ?? mongoose, config.modelSync, plugin, deps);

  const store = async (
    list: () => NamedByApp,
    options: { session?: ClientSession } = {},
  ): Promise<void> => {
    await thisHost.openContext();
    const named = list(),
      context = getContext(),
      { appConnection } = thisHost;
    if (context && appConnection)
      await storeNamedByApp(named, options, context, appConnection, commits);
  };
  return {
    plugin,
    capture: (paths, options) =>
      store(() => ({ touched: paths.map((path) => thisHost.toPath(path)) }), options),
    remove: (paths, options) =>
      store(() => ({ unreferenced: paths.map((path) => thisHost.toPath(path)) }), options),
  };
}
