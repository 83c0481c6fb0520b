import type { ClientSession, Connection, mongo, Schema } from 'mongoose';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { CaptureDeps, PluggedModel } from './capturing.js';
import { Operation } from './operation.js';
import type { CommitWatch } from './session-commit.js';

/** By which options a model is captured; undefined: not at all. */
export type OptionsOf = (model: PluggedModel) => ResolvedPluginOptions | undefined;

/** Calls `listener` with each model that is compiled with the schema or a clone of it, at the end of its compilation. Of discriminators its schema is not told. */
export function onCompiled(schema: Schema, listener: (model: PluggedModel) => void): void {
  // An event that Mongoose's types leave out.
  (schema as Schema & { on(event: 'init', listener: (model: PluggedModel) => void): void }).on('init', listener);
}

/** The models that are captured: tells of each once. */
export class PluggedModels {
  /** With the connection that they were on then: a model may be moved to another. */
  private readonly noticed = new WeakMap<PluggedModel, Connection>();

  constructor(private readonly deps: CaptureDeps, private readonly optionsOf: OptionsOf, private readonly commits: CommitWatch) {}

  /** Whether this machine captures at all. */
  get initialised(): boolean { return this.deps.initialised(); }

  /** Whether operations of `model` are captured, once this machine is initialised. */
  isPlugged(model: PluggedModel): boolean {
    return this.notice(model) !== undefined;
  }

  /** Whether they are captured now. */
  captures(model: PluggedModel): boolean {
    return this.initialised && this.isPlugged(model);
  }

  /**
   * An operation of `model` that is to be captured; undefined where it is not.
   * @param collection where it writes, once that is known
   */
  begin(model: PluggedModel, session: ClientSession | undefined, collection?: mongo.Collection): Operation | undefined {
    const options = this.notice(model);
    const capturing = options && this.deps.capturing(model);
    return options && capturing && new Operation(model, options, capturing, session, this.commits, collection);
  }

  /** The options that count for a model; undefined where it is not to be captured. */
  private notice(model: PluggedModel): ResolvedPluginOptions | undefined {
    const options = this.optionsOf(model);
    if (options === undefined || nameCollection(model).startsWith(this.deps.collectionPrefix)) return undefined;
    if (this.noticed.get(model) === model.db) return options;
    this.deps.onModel(model, model.db, options);
    this.deps.onDeclare(options.declaredDirs(), `model ${model.modelName}`);
    this.noticed.set(model, model.db);
    return options;
  }
}

/** The collection of a custom driver may have one name only, or none. */
function nameCollection({ collection }: PluggedModel): string {
  const { collectionName, name } = collection as { collectionName?: string; name?: string };
  return collectionName ?? name ?? '';
}
