import { findDocumentPaths } from '../../capture/document-paths.js';
import type { PluggedDocument, PluggedModel } from '../../capture/capturing.js';
import { toPlainObject } from '../../capture/plain-object.js';
import { storedOf } from '../../capture/stored-documents.js';
import { CopiesWatch } from '../../replication/copies.js';
import { hasCode, messageOf, SyncMediaError } from '../../model/errors.js';
import type {
  CopiesResult,
  DocumentStatus,
  FileStatus,
  NamedFiles,
  WaitOptions,
} from '../../api/sync-media.js';
import type { KnownModels } from '../../context/known-models.js';
import {
  checkCopies,
  checkCopiesTimeout,
  type ResolvedPluginOptions,
} from '../../config/plugin-options.js';
import type { Log } from '../../model/log.js';
import { isKnown, lookUp, type Known } from '../../context/look-up.js';
import type { Parts } from '../../context/host-context.js';
import { describeUnsynced } from '../setup-problems.js';
import { findObstacle, makeUnkept, type Copies, type CopiesOf } from '../../decisions/copies.js';
import type { Capture, Host, HostId, Path, Unsynced } from '../../model/words.js';

export interface RecordsContext {
  readonly log: Log;
  readonly models: KnownModels;
  parts(): Promise<Parts>;
  /** Checks a path that the app gave. @throws BAD_PATH */
  asPath(rootPath: string, given: string): Path;
}

interface NamedPaths {
  readonly paths: Path[];
  readonly unsynced: Unsynced[];
}
const defaultTimeoutMs = 5_000;

/** Reports the state of files that documents name, and waits for copies of them. */
export class Records {
  private watch: CopiesWatch | undefined;

  constructor(private readonly context: RecordsContext) {}

  /**
   * Waits as the plugin's options say, after a save was captured. The save waits for this, so it
   * has a time limit.
   */
  async awaitSaved(
    captures: readonly Capture[],
    { copies, copiesTimeoutMs, copiesTimeoutAction }: ResolvedPluginOptions,
    absent: readonly Path[],
    unkept: readonly Path[],
  ): Promise<void> {
    if (copies === undefined) return;
    try {
      const watch = this.useWatch(await this.context.parts());
      const paths = [...new Set(captures.flatMap(({ touched }) => touched))];
      await watch.wait({
        paths,
        absent,
        unkept: unkept.map((path) =>
          makeUnkept(path, describeUnsynced({ path, why: 'not kept here' })),
        ),
        captures,
        copies,
        timeoutMs: copiesTimeoutMs,
        expected: false,
      });
    } catch (error) {
      if (copiesTimeoutAction === 'error' && hasCode(error, 'MEDIA_COPIES_TIMEOUT')) throw error;
      const [savedBy] = captures.flatMap((capture) => capture.savedBy ?? []);
      this.context.log.warn(
        `${savedBy ? `model ${savedBy.model}, document ${savedBy.id}` : 'a save'}: ` +
          `${messageOf(error)}`,
      );
    }
  }

  async waitFor(
    named: NamedFiles,
    { copies = 'all', timeout = defaultTimeoutMs }: WaitOptions = {},
  ): Promise<CopiesResult> {
    const asked: Copies = checkCopies(copies, 'waitFor');
    const timeoutMs = checkCopiesTimeout(timeout, 'waitFor', 'timeout');
    const parts = await this.context.parts();
    const { paths, unsynced } = await this.findPaths(named, parts);
    // An excluded file is waited for only if the caller names that file.
    const unkept = unsynced
      .filter(({ why }) => why === 'not kept here' || typeof named === 'string')
      .map((one) => makeUnkept(one.path, describeUnsynced(one)));
    const [captures] = await Promise.all([parts.outbox.findTouching(paths), parts.refresh()]);
    const mayFold = listFolding(parts.registry.all());
    const files = await this.useWatch(parts).wait({
      paths,
      unkept,
      captures: captures.filter(({ host }) => mayFold.has(host)),
      copies: asked,
      timeoutMs,
      expected: typeof named === 'string',
    });
    return { files: files.map(describeCopy) };
  }

  async statusOf(named: NamedFiles): Promise<DocumentStatus> {
    const parts = await this.context.parts();
    const { paths, unsynced, ...record } = await this.findPaths(named, parts);
    return {
      ...record,
      files: [...(await describeFiles(paths, parts)), ...unsynced.map(describeUnsyncedFile)],
    };
  }

  /** @throws UNKNOWN_DOCUMENT */
  async showDocument(modelName: string, id: string): Promise<DocumentStatus> {
    const found = this.context.models.find(modelName);
    if (!found) {
      throw new SyncMediaError(
        'UNKNOWN_DOCUMENT',
        `no plugged model of this process is called ${JSON.stringify(modelName)}; known are ` +
          `${this.context.models.names.join(', ') || 'none'}`,
      );
    }
    const document = await readDocument(found.model, id);
    if (!document)
      throw new SyncMediaError(
        'UNKNOWN_DOCUMENT',
        `no ${modelName} has the id ${JSON.stringify(id)}`,
      );
    const parts = await this.context.parts();
    const { paths, unsynced } = await this.findNamed(document, modelName, parts);
    return {
      model: modelName,
      id,
      files: [...(await describeFiles(paths, parts)), ...unsynced.map(describeUnsyncedFile)],
    };
  }

  async close(): Promise<void> {
    await this.watch?.close();
  }

  private useWatch({ events, ledger, outbox, registry }: Parts): CopiesWatch {
    this.watch ??= new CopiesWatch({
      events,
      ledger,
      outbox,
      hosts: () => registry.all(),
      refresh: () => registry.refresh(),
    });
    return this.watch;
  }

  private async findPaths(
    named: NamedFiles,
    parts: Parts,
  ): Promise<NamedPaths & { model?: string; id?: string }> {
    if (typeof named === 'string') {
      const path = this.context.asPath(parts.rootPath, named),
        unsynced = parts.dirs.current().explain(path);
      return unsynced ? { paths: [], unsynced: [unsynced] } : { paths: [path], unsynced: [] };
    }
    const model = (named.constructor as Partial<PluggedModel>).modelName;
    if (model === undefined || !this.context.models.find(model)) {
      throw new SyncMediaError(
        'BAD_OPTION',
        'give a document of a model that is plugged, or the path of a file below a sync dir',
      );
    }
    const document = named as unknown as PluggedDocument;
    return {
      model,
      id: String(document._id),
      ...(await this.findNamed(toPlainObject(document), model, parts)),
    };
  }

  private async findNamed(
    document: Record<string, unknown>,
    model: string,
    parts: Parts,
  ): Promise<NamedPaths> {
    const options = this.context.models.find(model)?.options,
      { root, rootPaths, dirs } = parts;
    if (!options) return { paths: [], unsynced: [] };
    return findDocumentPaths(
      document,
      options,
      model,
      { root, rootPaths, dirs: () => dirs.current() },
      async (paths) => {
        const knownOf = await lookUp(parts, paths);
        return (path) => isKnown(knownOf(path));
      },
    );
  }
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
    (await storedOf(model).findOne({ _id: key as never }, { readPreference: 'primary' })) ??
    undefined
  );
}

async function describeFiles(paths: readonly Path[], parts: Parts): Promise<FileStatus[]> {
  const [knownOf] = await Promise.all([lookUp(parts, paths), parts.refresh()]);
  const hosts = parts.registry.all();
  return paths.map((path) => describeFile(path, knownOf(path), hosts));
}

/**
 * Lists hosts that process their captures sooner or later. A retired host's captures are never
 * processed.
 */
function listFolding(hosts: readonly Host[]): Set<HostId> {
  return new Set(hosts.filter(({ status }) => status !== 'retired').map(({ id }) => id));
}

function describeFile(path: Path, { captured, entry }: Known, hosts: readonly Host[]): FileStatus {
  const nameOf = (id: HostId): { id: HostId; hostname: string } => ({
    id,
    hostname: hosts.find((host) => host.id === id)?.hostname ?? id,
  });
  const mayFold = listFolding(hosts),
    pending = captured.filter(({ host }) => mayFold.has(host)).map(({ host }) => nameOf(host));
  const pendingCaptures = pending.length > 0 ? { pendingCaptures: pending } : {};
  if (!entry)
    return { path, captured: pending.length > 0, ...pendingCaptures, heldBy: [], owed: [] };
  const lacking = [...new Set([...entry.owed, ...entry.blocked.map(({ host }) => host)])];
  return {
    path,
    captured: true,
    ...pendingCaptures,
    kind: entry.kind,
    version: entry.version,
    capturedAt: entry.capturedAt,
    sender: nameOf(entry.sender),
    ...(entry.facts
      ? { size: entry.facts.size, ...(entry.facts.sha256 ? { sha256: entry.facts.sha256 } : {}) }
      : {}),
    heldBy: entry.heldBy.map(nameOf),
    owed: lacking.map((id) => {
      const obstacle = findObstacle(entry, id, hosts);
      const blocked = entry.blocked.find(({ host }) => host === id);
      return {
        ...nameOf(id),
        since: entry.capturedAt,
        blocked: blocked !== undefined && !entry.owed.includes(id),
        ...(obstacle
          ? {
              failure: obstacle.failure,
              ...(obstacle.since ? { failingSince: obstacle.since } : {}),
            }
          : {}),
        ...(blocked?.retryAt ? { retryAt: blocked.retryAt } : {}),
      };
    }),
  };
}

function describeUnsyncedFile(unsynced: Unsynced): FileStatus {
  const { path, ...why } = unsynced;
  return {
    path,
    captured: false,
    unsynced: { ...why, message: describeUnsynced(unsynced) },
    heldBy: [],
    owed: [],
  };
}

function describeCopy({ path, needed, heldBy, lackedBy }: CopiesOf): CopiesResult['files'][number] {
  return {
    path,
    needed,
    heldBy: heldBy.map(({ hostname }) => hostname),
    lackedBy: lackedBy.map(({ host, why }) => ({ hostname: host.hostname, why })),
  };
}
