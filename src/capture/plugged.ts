import type { ClientSession, Connection, mongo, Schema } from 'mongoose';
import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import type { CaptureDeps, PluggedModel } from './capturing.js';
import { Operation } from './operation.js';
import type { CommitWatch } from './session-commit.js';

/** Returns the options for a model. Undefined if it is not captured. */
type FindModelOptions = (model: PluggedModel) => ResolvedPluginOptions | undefined;

/** The options of every plugged model of this process, whichever instance plugged it. */
const optionsByModel = new WeakMap<PluggedModel, ResolvedPluginOptions>();

/** Finds the options that a model was plugged with. Undefined if it is not plugged. */
export function findPluggedOptions(model: PluggedModel): ResolvedPluginOptions | undefined {
  return optionsByModel.get(model);
}

/**
 * Calls `listener` at the end of each compilation of a model with the schema or a clone of it.
 * Mongoose does not announce discriminators.
 */
export function onCompiled(schema: Schema, listener: (model: PluggedModel) => void): void {
  // Mongoose's types omit this event.
  (schema as Schema & { on(event: 'init', listener: (model: PluggedModel) => void): void }).on(
    'init',
    listener,
  );
}

/** The captured models. Each is announced once. */
export class PluggedModels {
  /** Each model with its connection at that time, since a model may move to another. */
  private readonly announced = new WeakMap<PluggedModel, Connection>();

  constructor(
    private readonly deps: CaptureDeps,
    private readonly findOptions: FindModelOptions,
    private readonly commits: CommitWatch,
  ) {}

  /** Whether this machine captures at all. */
  get initialised(): boolean {
    return this.deps.initialised();
  }

  /** Whether operations of `model` are captured once this machine is initialised. */
  isPlugged(model: PluggedModel): boolean {
    return this.announceModel(model) !== undefined;
  }

  /** Whether operations of `model` are captured now. */
  captures(model: PluggedModel): boolean {
    return this.initialised && this.isPlugged(model);
  }

  /**
   * Starts the capture of an operation of `model`. Undefined if it is not captured.
   * @param collection where it writes, once that is known
   */
  beginOperation(
    model: PluggedModel,
    session: ClientSession | undefined,
    collection?: mongo.Collection,
  ): Operation | undefined {
    const options = this.announceModel(model);
    const context = options && this.deps.getContext(model);
    return (
      options &&
      context &&
      new Operation(model, options, context, session, this.commits, collection)
    );
  }

  /** The options that apply to a model. Undefined if it is not captured. */
  private announceModel(model: PluggedModel): ResolvedPluginOptions | undefined {
    const options = this.findOptions(model);
    if (options === undefined || getCollectionName(model).startsWith(this.deps.collectionPrefix))
      return undefined;
    if (this.announced.get(model) === model.db) return options;
    this.deps.onModel(model, model.db, options);
    this.deps.onDeclare(options.declaredDirs(), `model ${model.modelName}`);
    this.announced.set(model, model.db);
    optionsByModel.set(model, options);
    return options;
  }
}

/** The collection of a custom driver may have only one of the two names, or none. */
function getCollectionName({ collection }: PluggedModel): string {
  const { collectionName, name } = collection as { collectionName?: string; name?: string };
  return collectionName ?? name ?? '';
}
