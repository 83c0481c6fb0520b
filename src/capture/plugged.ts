import type { ClientSession, Connection, Schema } from 'mongoose';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { CaptureDeps, PluggedDocument, PluggedModel } from './capturing.js';
import { Operation } from './operation.js';
import { findSession } from './session.js';
import type { CommitWatch } from './session-commit.js';

/** By which options a model is captured; undefined: not at all. */
export type OptionsOf = (model: PluggedModel) => ResolvedPluginOptions | undefined;

/** Calls `listener` with each model that is compiled with the schema or a clone of it, at the end of its compilation. */
export function onCompiled(schema: Schema, listener: (model: PluggedModel) => void): void {
  // An event that Mongoose's types leave out.
  (schema as Schema & { on(event: 'init', listener: (model: PluggedModel) => void): void }).on('init', listener);
}

/** The models that are captured: tells of each once, and remembers which documents were written. */
export class PluggedModels {
  private readonly noticed = new WeakSet<PluggedModel>();
  private readonly written = new WeakSet<PluggedDocument>();

  constructor(private readonly deps: CaptureDeps, private readonly optionsOf: OptionsOf, private readonly commits: CommitWatch) {}

  /** Discriminators that are compiled with a schema of their own are noticed at their first operation. */
  watch(schema: Schema): void {
    onCompiled(schema, (model) => this.notice(model));
  }

  /** Notices every model that is compiled on a connection, discriminators as well. */
  watchConnection(connection: Connection): void {
    connection.on('model', (model: PluggedModel) => this.notice(model));
  }

  /** An operation of `model` that is to be captured; undefined where it is not. `own`: the document's session. */
  async begin(model: PluggedModel, given: unknown, own: ClientSession | null = null): Promise<Operation | undefined> {
    const options = this.notice(model);
    const capturing = options && await this.deps.capturing(model);
    return options && capturing && new Operation(model, options, capturing, findSession(own, given, model.db), this.commits);
  }

  beginSave(document: PluggedDocument): void {
    this.written.delete(document);
  }

  wasWritten(document: PluggedDocument): boolean {
    return this.written.has(document);
  }

  /** The options that count for a model; undefined where it is not to be captured. */
  private notice(model: PluggedModel): ResolvedPluginOptions | undefined {
    const options = this.optionsOf(model);
    if (options === undefined || model.collection.collectionName.startsWith(this.deps.collectionPrefix)) return undefined;
    if (this.noticed.has(model)) return options;
    this.deps.onModel(model, model.db, options);
    this.deps.onDeclare(options.declaredDirs(), `model ${model.modelName}`);
    // Emitted between the acknowledged write and the post hooks.
    model.on('save', (document: PluggedDocument) => this.written.add(document));
    this.noticed.add(model);
    return options;
  }
}
