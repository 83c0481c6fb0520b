import { randomUUID } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import { getNativeCollection } from '../util/collections.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { AuditEntry } from '../api/reports.js';
import type { SyncMedia } from '../api/sync-media.js';
import type { Log } from '../model/log.js';
import { isDate, isText, isOptional, type RowShape } from '../model/row-shapes.js';
import { UnreadableRows } from '../database/unreadable-rows.js';

export type AuditRow = Omit<AuditEntry, 'id'> & { _id: string };

/** The number of entries that are stored: the newest. */
const maxEntries = 10_000;
const maxArgsLength = 2_048;

const auditShape: RowShape = {
  _id: isText,
  at: isDate,
  by: isText,
  what: isText,
  args: isText,
  host: isOptional(isText),
  outcome: isText,
};

/**
 * Records in the database who changed what, and when. The entry is written before the change, so
 * a change that cannot be recorded is not made.
 */
export class Audit {
  private indexed: Promise<unknown> | undefined;

  constructor(
    private readonly openConnection: () => Promise<Connection>,
    private readonly config: { readonly collectionPrefix: string; readonly log: Log },
    private readonly thisHost: () => string | undefined,
  ) {}

  /**
   * Records the request, makes the change, and records its outcome. Throws the error of `change`.
   */
  async record<T>(
    by: string,
    what: string,
    args: readonly unknown[],
    change: () => Promise<T>,
  ): Promise<T> {
    const rows = this.getRows(await this.openConnection());
    this.indexed ??= rows.createIndex({ at: -1 }, { name: 'newest' }).catch((error: unknown) => {
      this.indexed = undefined;
      throw error;
    });
    await this.indexed;
    const _id = randomUUID();
    const hostId = this.thisHost();
    await rows.insertOne({
      _id,
      at: new Date(),
      by,
      what,
      args: formatArgs(args),
      outcome: 'begun',
      ...(hostId !== undefined && { host: hostId }),
    });
    // The change was made or not, whether this is stored or not.
    const end = async (outcome: string): Promise<void> => {
      await rows.updateOne({ _id }, { $set: { outcome } }).catch((error: unknown) => {
        this.config.log.warn(
          `the audit does not say how ${what} of ${by} ended (${outcome}): ` +
            getErrorMessage(error),
        );
      });
    };
    try {
      const answer = await change();
      await end('done');
      return answer;
    } catch (error) {
      await end(error instanceof SyncMediaError ? error.code : 'INTERNAL');
      throw error;
    } finally {
      await pruneAudit(rows).catch(() => undefined);
    }
  }

  /** The newest first. */
  async list(limit: number): Promise<AuditEntry[]> {
    const connection = await this.openConnection(),
      collection = this.getRows(connection);
    const rows = await UnreadableRows.forConnection(connection, this.config).keepReadable(
      collection,
      await collection.find({}, { sort: { at: -1 }, limit }).toArray(),
      auditShape,
    );
    return rows.map(({ _id, ...rest }) => ({ id: _id, ...rest }));
  }

  private getRows(connection: Connection): mongo.Collection<AuditRow> {
    return getNativeCollection<AuditRow>(connection, `${this.config.collectionPrefix}audit`);
  }
}

/**
 * Calls that are not recorded: they read, or concern only this process. All other calls are
 * recorded, so a new method is recorded unless it is listed here.
 */
export const unrecordedCalls: ReadonlySet<string> = new Set([
  'open',
  'start',
  'close',
  'plugin',
  'admin',
  'serve',
  'ready',
  'on',
  'as',
  'metrics',
  'registerMetrics',
  'status',
  'overview',
  'statusOf',
  'files.find',
  'models',
  'showDocument',
  'waitFor',
  'isReady',
  'doctor',
  'hosts.list',
  'hosts.show',
  'hosts.readKeys',
  'hosts.test',
  'hosts.previewChange',
  'runs.list',
  'runs.show',
  'runs.follow',
  'recoverable.list',
  'conflicts.list',
  'conflicts.compare',
  'conflicts.readPicture',
  'removals.list',
  'history.list',
  'history.show',
  'history.read',
  'history.bundle',
  'withAuthor',
  'audit.list',
]);

/**
 * The same instance on behalf of `by`: each call that may change something is recorded under that
 * name before it runs.
 */
export function auditChanges(sync: SyncMedia, audit: Audit, by: string): SyncMedia {
  return recordCalls(sync, '', (name, args, call) => audit.record(by, name, args, call));
}

type RecordCall = (
  name: string,
  args: readonly unknown[],
  call: () => Promise<unknown>,
) => Promise<unknown>;

function recordCalls<T extends object>(owner: T, prefix: string, record: RecordCall): T {
  return new Proxy(owner, {
    get(target, key): unknown {
      const value: unknown = Reflect.get(target, key, target);
      const name = `${prefix}${String(key)}`;
      if (typeof value === 'function') {
        const method = value.bind(target) as (...args: unknown[]) => unknown;
        if (typeof key === 'symbol' || unrecordedCalls.has(name)) return method;
        return (...args: unknown[]) => record(name, args, async () => method(...args));
      }
      return isMethodGroup(value) && typeof key === 'string'
        ? recordCalls(value, `${name}.`, record)
        : value;
    },
  });
}

/** Whether a property of the instance is a group of methods, as `sync.hosts` is. */
function isMethodGroup(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).some((member) => typeof member === 'function')
  );
}

/**
 * Formats arguments as short JSON. Text with a private key, possibly given as a public key by
 * mistake, is replaced.
 */
function formatArgs(args: readonly unknown[]): string {
  const text = JSON.stringify(args, (name, value: unknown) =>
    name === 'session' || (typeof value === 'string' && value.includes('PRIVATE KEY'))
      ? '…'
      : value,
  );
  return text.length > maxArgsLength ? `${text.slice(0, maxArgsLength)}…` : text;
}

async function pruneAudit(rows: mongo.Collection<AuditRow>): Promise<void> {
  const oldest = (
    await rows.find({}, { sort: { at: -1 }, skip: maxEntries, limit: 1 }).toArray()
  )[0];
  if (oldest) await rows.deleteMany({ at: { $lte: oldest.at } });
}
