import { findDocumentPaths } from '../../capture/document-paths.js';
import type { PluggedDocument, PluggedModel } from '../../capture/capturing.js';
import { toPlainObject } from '../../capture/plain-object.js';
import { getStoredCollection } from '../../capture/stored-documents.js';
import { CopiesWatch } from '../../replication/copies.js';
import { hasErrorCode, getErrorMessage, SyncMediaError } from '../../model/errors.js';
import type { CopiesResult } from '../../api/reports.js';
import type { NamedFiles } from '../../api/requests.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { ThisHost } from '../../context/this-host.js';
import type { ResolvedPluginOptions } from '../../config/plugin-options.js';
import { resolveWaitOptions } from '../../config/wait-options.js';
import { isKnownPath, lookUpPaths } from '../../context/look-up.js';
import type { HostContext } from '../../context/host-context.js';
import { describeUnsynced } from '../setup-problems.js';
import { describeFiles, listProcessingHosts } from './describe-files.js';
import { makeUnsyncedCopies, type FileCopies } from '../../decisions/copies.js';
import type { Capture, UnsyncedFile } from '../../model/capture.js';
import type { Path } from '../../model/path.js';

interface DocumentPaths {
  readonly paths: Path[];
  readonly unsynced: UnsyncedFile[];
}

/** Reports the state of files that documents name, and waits for copies of them. */
export class FileActions {
  private watch: CopiesWatch | undefined;

  readonly actions: Pick<SyncMedia, 'statusOf' | 'showDocument' | 'waitFor'> = {
    statusOf: async (named) => {
      const hostContext = await this.thisHost.openContext();
      const { paths, unsynced, ...record } = await this.findPaths(named, hostContext);
      return { ...record, files: await describeFiles(paths, unsynced, hostContext) };
    },

    showDocument: async (modelName, id) => {
      const { models } = this.thisHost,
        naming = models.findModel(modelName);
      if (!naming) {
        throw new SyncMediaError(
          'UNKNOWN_DOCUMENT',
          `no plugged model of this process is called ${JSON.stringify(modelName)}; known are ` +
            `${models.names.join(', ') || 'none'}`,
        );
      }
      const document = await readDocument(naming.model, id);
      if (!document)
        throw new SyncMediaError(
          'UNKNOWN_DOCUMENT',
          `no ${modelName} has the id ${JSON.stringify(id)}`,
        );
      const hostContext = await this.thisHost.openContext();
      const { paths, unsynced } = await findPathsOfDocument(document, modelName, hostContext);
      return { model: modelName, id, files: await describeFiles(paths, unsynced, hostContext) };
    },

    waitFor: async (named, options) => {
      const { copies, timeout } = resolveWaitOptions(options);
      const hostContext = await this.thisHost.openContext();
      const { paths, unsynced } = await this.findPaths(named, hostContext);
      // An excluded file is waited for only if the caller names that file.
      const unkept = unsynced
        .filter(({ why }) => why === 'not synced here' || typeof named === 'string')
        .map((one) => makeUnsyncedCopies(one.path, describeUnsynced(one)));
      const [captures] = await Promise.all([
        hostContext.outbox.findTouching(paths),
        hostContext.refresh(),
      ]);
      const processing = listProcessingHosts(hostContext.registry.all());
      const files = await this.getWatch(hostContext).wait({
        paths,
        unkept,
        captures: captures.filter(({ host }) => processing.has(host)),
        copies,
        timeoutMs: timeout,
        expected: typeof named === 'string',
      });
      return { files: files.map(describeCopies) };
    },
  };

  constructor(private readonly thisHost: ThisHost) {}

  /**
   * Waits as the plugin's options say, after a save was captured. The save waits for this, so it
   * has a time limit.
   */
  async waitForSaved(
    captures: readonly Capture[],
    { copies, copiesTimeout, copiesTimeoutAction }: ResolvedPluginOptions,
    absent: readonly Path[],
    unkept: readonly Path[],
  ): Promise<void> {
    if (copies === undefined) return;
    try {
      const watch = this.getWatch(await this.thisHost.openContext());
      const paths = [...new Set(captures.flatMap(({ touched }) => touched))];
      await watch.wait({
        paths,
        absent,
        unkept: unkept.map((path) =>
          makeUnsyncedCopies(path, describeUnsynced({ path, why: 'not synced here' })),
        ),
        captures,
        copies,
        timeoutMs: copiesTimeout,
        expected: false,
      });
    } catch (error) {
      if (copiesTimeoutAction === 'error' && hasErrorCode(error, 'MEDIA_COPIES_TIMEOUT'))
        throw error;
      const [savedBy] = captures.flatMap((capture) => capture.savedBy ?? []);
      this.thisHost.config.log.warn(
        `${savedBy ? `model ${savedBy.model}, document ${savedBy.id}` : 'a save'}: ` +
          `${getErrorMessage(error)}`,
      );
    }
  }

  async close(): Promise<void> {
    await this.watch?.close();
  }

  private getWatch(hostContext: HostContext): CopiesWatch {
    this.watch ??= new CopiesWatch(hostContext);
    return this.watch;
  }

  private async findPaths(
    named: NamedFiles,
    hostContext: HostContext,
  ): Promise<DocumentPaths & { model?: string; id?: string }> {
    if (typeof named === 'string') {
      const path = this.thisHost.toPath(named),
        unsynced = hostContext.dirs.current().explainUnsynced(path);
      return unsynced ? { paths: [], unsynced: [unsynced] } : { paths: [path], unsynced: [] };
    }
    const model = (named.constructor as Partial<PluggedModel>).modelName;
    if (model === undefined || !hostContext.models.findModel(model)) {
      throw new SyncMediaError(
        'BAD_OPTION',
        'give a document of a model that is plugged, or the path of a file below a sync dir',
      );
    }
    const document = named as unknown as PluggedDocument;
    return {
      model,
      id: String(document._id),
      ...(await findPathsOfDocument(toPlainObject(document), model, hostContext)),
    };
  }
}

async function findPathsOfDocument(
  document: Record<string, unknown>,
  model: string,
  hostContext: HostContext,
): Promise<DocumentPaths> {
  const { models, replica, listRootPaths, dirs } = hostContext,
    options = models.findModel(model)?.options;
  if (!options) return { paths: [], unsynced: [] };
  return findDocumentPaths(
    document,
    options,
    model,
    { replica, rootPaths: listRootPaths, dirs: () => dirs.current() },
    async (paths) => {
      const knownOf = await lookUpPaths(hostContext, paths);
      return (path) => isKnownPath(knownOf(path));
    },
  );
}

/**
 * Reads the document as stored: the app's query hooks hide documents from the app, not from the
 * operators of the hosts.
 */
async function readDocument(
  model: PluggedModel,
  id: string,
): Promise<Record<string, unknown> | undefined> {
  let key: unknown;
  try {
    key = (model.schema.path('_id') as unknown as { cast(value: unknown): unknown }).cast(id);
  } catch {
    return undefined;
  }
  return (
    (await getStoredCollection(model).findOne(
      { _id: key as never },
      { readPreference: 'primary' },
    )) ?? undefined
  );
}

function describeCopies({
  path,
  needed,
  heldBy,
  lackedBy,
}: FileCopies): CopiesResult['files'][number] {
  return {
    path,
    needed,
    heldBy: heldBy.map(({ hostname }) => hostname),
    lackedBy: lackedBy.map(({ host, why }) => ({ hostname: host.hostname, why })),
  };
}
