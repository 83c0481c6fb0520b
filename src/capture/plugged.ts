import type { Schema } from 'mongoose';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { CaptureDeps, PluggedDocument, PluggedModel } from './capturing.js';

/** By which options a model is captured; undefined: not at all. */
export type OptionsOf = (model: PluggedModel) => ResolvedPluginOptions | undefined;

/** The models that are captured: tells of each once, and remembers which documents were written. */
export class PluggedModels {
  private readonly noticed = new WeakSet<PluggedModel>();
  private readonly written = new WeakSet<PluggedDocument>();

  constructor(readonly deps: CaptureDeps, readonly optionsOf: OptionsOf) {}

  /** Mongoose tells of a model while it compiles it; clones and discriminators are noticed at their first save. */
  watch(schema: Schema): void {
    // Not in Mongoose's types: emitted with the model each time one is compiled with the schema.
    (schema as Schema & { on(event: 'init', listener: (model: PluggedModel) => void): void }).on('init', (model) => this.notice(model));
  }

  /** The options that count for a model; undefined where it is not to be captured. */
  notice(model: PluggedModel): ResolvedPluginOptions | undefined {
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

  beginSave(document: PluggedDocument): void {
    this.written.delete(document);
  }

  wasWritten(document: PluggedDocument): boolean {
    return this.written.has(document);
  }
}
