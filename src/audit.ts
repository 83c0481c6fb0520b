import { randomUUID } from 'node:crypto';
import type { mongo } from 'mongoose';
import { SyncMediaError } from './errors/errors.js';
import type { AuditEntry, SyncMedia } from './instance.js';

export type AuditRow = Omit<AuditEntry, 'id'> & { _id: string };

/** How many entries are kept: the newest. */
const kept = 10_000;
const longestDetails = 2_048;

/** Who changed what and when, in the database. An entry is there before the change is made: one that cannot be written changes nothing. */
export class Audit {
  private indexed: Promise<unknown> | undefined;

  constructor(private readonly rows: () => Promise<mongo.Collection<AuditRow>>, private readonly thisHost: () => string | undefined) {}

  /** Writes down who asks for what, makes the change, and writes down what came of it. Throws what `change` throws. */
  async record<T>(by: string, what: string, asked: readonly unknown[], change: () => Promise<T>): Promise<T> {
    const rows = await this.rows();
    this.indexed ??= rows.createIndex({ at: -1 }, { name: 'newest' });
    await this.indexed;
    const _id = randomUUID();
    const at = this.thisHost();
    await rows.insertOne({ _id, at: new Date(), by, what, asked: describeAsked(asked), outcome: 'begun', ...(at !== undefined && { host: at }) });
    const end = async (outcome: string): Promise<void> => { await rows.updateOne({ _id }, { $set: { outcome } }); };
    try {
      const answer = await change();
      await end('done');
      return answer;
    } catch (error) {
      await end(error instanceof SyncMediaError ? error.code : 'INTERNAL').catch(() => undefined);
      throw error;
    } finally {
      await prune(rows).catch(() => undefined);
    }
  }

  /** The newest first. */
  async list(limit: number): Promise<AuditEntry[]> {
    const rows = await (await this.rows()).find({}, { sort: { at: -1 }, limit }).toArray();
    return rows.map(({ _id, ...rest }) => ({ id: _id, ...rest }));
  }
}

/** The same instance for somebody with a name: what changes something through it is recorded under that name. */
export function auditChanges(sync: SyncMedia, audit: Audit, by: string): SyncMedia {
  const told = <O extends object, K extends keyof O & string>(prefix: string, owner: O, ...names: K[]): Pick<O, K> =>
    Object.fromEntries(names.map((name) => {
      const change: unknown = owner[name];
      return [name, (...asked: unknown[]) => audit.record(by, `${prefix}${name}`, asked, () => Reflect.apply(change as (...all: unknown[]) => Promise<unknown>, owner, asked))];
    })) as unknown as Pick<O, K>;
  const { hosts, runs, kept: keptFiles, removals } = sync;
  const changes: Partial<SyncMedia> = {
    ...told('', sync, 'push', 'pull', 'capture', 'remove'),
    hosts: { ...hosts, ...told('hosts.', hosts, 'init', 'add', 'edit', 'approve', 'seal', 'acceptKeys', 'unregister') },
    runs: { ...runs, ...told('runs.', runs, 'cancel') },
    kept: { ...keptFiles, ...told('kept.', keptFiles, 'restore') },
    removals: { ...removals, ...told('removals.', removals, 'decide') },
  };
  return new Proxy(sync, {
    get(target, name): unknown {
      if (Object.hasOwn(changes, name)) return changes[name as keyof typeof changes];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

/** As JSON, short; what somebody gave as a public key may be a private one. */
function describeAsked(asked: readonly unknown[]): string {
  const text = JSON.stringify(asked, (name, value: unknown) => name === 'session' || (typeof value === 'string' && value.includes('PRIVATE KEY')) ? '…' : value);
  return text.length > longestDetails ? `${text.slice(0, longestDetails)}…` : text;
}

async function prune(rows: mongo.Collection<AuditRow>): Promise<void> {
  const oldest = (await rows.find({}, { sort: { at: -1 }, skip: kept, limit: 1 }).toArray())[0];
  if (oldest) await rows.deleteMany({ at: { $lte: oldest.at } });
}
