import type { Connection, Model, Mongoose, mongo, Schema } from 'mongoose';
import { nativeCollection } from '../database.js';
import type { Host, HostId, Path } from '../words.js';

/** A host as it is stored. Sync dirs as field names are encoded: MongoDB takes no dot in one. */
export type HostRow = Omit<Host, 'id' | 'unsealed' | 'uncheckedSeal' | 'unreadable'> & {
  _id: HostId;
  /** By which hosts that have SYNCMEDIA_SECRET know that one of them wrote this row. */
  seal?: string;
};

export type HostModel = Model<HostRow>;

/** The native collection behind the model. */
export type HostRows = mongo.Collection<HostRow>;

const name = (prefix: string): string => `${prefix}Host`;

/**
 * The Host model of a connection; the same one however often it is asked for. It never buffers: on a connection that is down a
 * call is bounded by the driver alone. Indexes are made by `ensureIndexes`, not in the background.
 */
export function createHostModel(connection: Connection, prefix: string): HostModel {
  const known = connection.models[name(prefix)] as HostModel | undefined;
  return known ?? connection.model<HostRow>(name(prefix), createSchema(connection.base, prefix));
}

/** Our own reads and writes: no global setting or plugin of the app's Mongoose changes them, no ambient session joins them. */
export function hostRows(connection: Connection, prefix: string): HostRows {
  return nativeCollection<HostRow>(connection, `${prefix}hosts`);
}

/** Unique: `hostname`, and `url` with `sshPort`. A retired host's are changed so that they block nobody. */
export async function ensureIndexes(rows: HostRows): Promise<void> {
  await rows.createIndex({ hostname: 1 }, { unique: true });
  await rows.createIndex({ url: 1, sshPort: 1 }, { unique: true });
}

/** Throws what Mongoose says where a row does not fit the schema. */
export async function validateRow(model: HostModel, row: HostRow): Promise<void> {
  await new model(row).validate();
}

/** A row as it is: `Seals.read` says whether it is to be believed. */
export function toHost(row: HostRow): Host {
  const { _id, seal: _seal, ...rest } = row;
  return {
    ...rest, id: _id, sweeps: decodeKeys(row.sweeps), halted: decodeKeys(row.halted), ...(row.scans && { scans: decodeKeys(row.scans) }),
    ...(row.removals && { removals: decodeKeys(row.removals) }),
    ...(row.unnamed && { unnamed: decodeKeys(row.unnamed) }),
    ...(row.unsyncable && { unsyncable: decodeKeys(row.unsyncable) }),
  };
}

/** A sync dir (or any text) as a field name. */
export function encodeKey(text: string): string {
  return encodeURIComponent(text).replaceAll('.', '%2E');
}

export function decodeKey(key: string): Path {
  return decodeURIComponent(key) as Path;
}

/** Without what other objects inherit: a sync dir may be called `constructor`. */
function decodeKeys<T>(record: Record<string, T> | undefined): Record<string, T> {
  const decoded = Object.create(null) as Record<string, T>;
  for (const [key, value] of Object.entries(record ?? {})) decoded[decodeKey(key)] = value;
  return decoded;
}

function createSchema({ Schema: SchemaOf }: Mongoose, prefix: string): Schema<HostRow> {
  const text = { type: String, required: true };
  const record = { type: SchemaOf.Types.Mixed, default: {} };
  const schema = new SchemaOf<HostRow>(
    {
      _id: text,
      hostname: text,
      url: text,
      sshPort: { type: Number, required: true, min: 1, max: 65_535 },
      username: text,
      publicKey: { type: String, default: '' },
      hostKeys: [String],
      rootPath: text,
      syncDirs: [String],
      backend: { type: String, enum: ['rsync', 'git', 'git-annex'], required: true },
      passive: { type: Boolean, required: true },
      status: { type: String, enum: ['pending', 'approved', 'paused', 'retired'], required: true },
      seal: String,
      readyAt: Date,
      lease: { type: SchemaOf.Types.Mixed },
      lanes: record,
      sweeps: record,
      landed: { type: Number, default: 0 },
      halted: record,
      unsyncable: { type: SchemaOf.Types.Mixed },
      removals: { type: SchemaOf.Types.Mixed },
      filled: { type: [String], default: undefined },
      knows: { type: [String], default: undefined },
      scans: { type: SchemaOf.Types.Mixed },
      seenAt: Date,
      returnedAt: Date,
      reload: { type: SchemaOf.Types.Mixed },
      software: { type: SchemaOf.Types.Mixed },
      createdAt: Date,
      updatedAt: Date,
    },
    {
      collection: `${prefix}hosts`, autoIndex: false, autoCreate: false, bufferCommands: false, minimize: false, versionKey: false,
      read: 'primary', writeConcern: { w: 'majority' },
    },
  );
  // Plugins that the app registered for all its models, ours among them, are not meant for this one.
  (schema as unknown as { $globalPluginsApplied: boolean }).$globalPluginsApplied = true;
  return schema;
}
