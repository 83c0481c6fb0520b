import { backendNames } from '../model/backend-name.js';
import type { Connection, Model, Mongoose, mongo, Schema } from 'mongoose';
import { getNativeCollection } from '../util/collections.js';
import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';

/**
 * A host as stored. Sync dirs used as field names are encoded, because MongoDB allows no dot
 * there.
 */
export type HostRow = Omit<Host, 'id' | 'unsealed' | 'uncheckedSeal' | 'unreadable'> & {
  _id: HostId;
  /** The seal that proves to hosts with SYNCMEDIA_SECRET that one of them wrote this row. */
  seal?: string;
};

type HostModel = Model<HostRow>;

/** The native collection behind the model. */
export type HostCollection = mongo.Collection<HostRow>;

const formatModelName = (prefix: string): string => `${prefix}Host`;

/**
 * Returns the Host model of a connection, one per connection. It never buffers: while the
 * connection is down only the driver limits how long a call takes. `ensureHostIndexes` creates the
 * indexes, not Mongoose in the background.
 */
export function createHostModel(connection: Connection, prefix: string): HostModel {
  const known = connection.models[formatModelName(prefix)] as HostModel | undefined;
  return (
    known ??
    connection.model<HostRow>(formatModelName(prefix), createHostSchema(connection.base, prefix))
  );
}

/**
 * The collection for our own reads and writes. No global setting or plugin of the app's Mongoose
 * changes them, and no ambient session includes them.
 */
export function getHostCollection(connection: Connection, prefix: string): HostCollection {
  return getNativeCollection<HostRow>(connection, `${prefix}hosts`);
}

/**
 * Makes `hostname`, and `url` with `sshPort`, unique. Retiring a host changes these fields of its
 * row, which frees them.
 */
export async function ensureHostIndexes(rows: HostCollection): Promise<void> {
  await rows.createIndex({ hostname: 1 }, { unique: true });
  await rows.createIndex({ url: 1, sshPort: 1 }, { unique: true });
}

/** Throws the validation error of Mongoose if the row does not fit the schema. */
export async function validateHostRow(model: HostModel, row: HostRow): Promise<void> {
  await new model(row).validate();
}

/** Converts a row without verifying it: `Seals.read` decides whether it is trusted. */
export function toHost(row: HostRow): Host {
  const { _id, seal: _seal, ...rest } = row;
  return {
    ...rest,
    id: _id,
    rescans: decodeFieldNames(row.rescans),
    halted: decodeFieldNames(row.halted),
    ...(row.scans && { scans: decodeFieldNames(row.scans) }),
    ...(row.removals && { removals: decodeFieldNames(row.removals) }),
    ...(row.unnamed && { unnamed: decodeFieldNames(row.unnamed) }),
    ...(row.unsyncable && { unsyncable: decodeFieldNames(row.unsyncable) }),
  };
}

/** Encodes a sync dir, or any text, as a field name. */
export function encodeFieldName(text: string): string {
  return encodeURIComponent(text).replaceAll('.', '%2E');
}

export function decodeFieldName(key: string): Path {
  return decodeURIComponent(key) as Path;
}

/** Returns objects without a prototype, because a sync dir may be called `constructor`. */
function decodeFieldNames<T>(record: Record<string, T> | undefined): Record<string, T> {
  const decoded = Object.create(null) as Record<string, T>;
  for (const [key, value] of Object.entries(record ?? {})) decoded[decodeFieldName(key)] = value;
  return decoded;
}

function createHostSchema({ Schema: SchemaOf }: Mongoose, prefix: string): Schema<HostRow> {
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
      backend: { type: String, enum: backendNames, required: true },
      passive: { type: Boolean, required: true },
      status: { type: String, enum: ['pending', 'approved', 'paused', 'retired'], required: true },
      seal: String,
      readyAt: Date,
      lease: { type: SchemaOf.Types.Mixed },
      leaving: { type: SchemaOf.Types.Mixed },
      heartbeatAt: Date,
      clockOffsetMs: Number,
      conflicts: Number,
      deliveries: record,
      rescans: record,
      received: { type: Number, default: 0 },
      halted: record,
      unsyncable: { type: SchemaOf.Types.Mixed },
      removals: { type: SchemaOf.Types.Mixed },
      backfilled: { type: [String], default: undefined },
      members: { type: [String], default: undefined },
      scans: { type: SchemaOf.Types.Mixed },
      lastSeenAt: Date,
      returnedAt: Date,
      history: { type: SchemaOf.Types.Mixed },
      reload: { type: SchemaOf.Types.Mixed },
      software: { type: SchemaOf.Types.Mixed },
      createdAt: Date,
      updatedAt: Date,
    },
    {
      collection: `${prefix}hosts`,
      autoIndex: false,
      autoCreate: false,
      bufferCommands: false,
      minimize: false,
      versionKey: false,
      read: 'primary',
      writeConcern: { w: 'majority' },
    },
  );
  // Plugins that the app registered for all models, ours among them, must not apply to this
  // model.
  (schema as unknown as { $globalPluginsApplied: boolean }).$globalPluginsApplied = true;
  return schema;
}
