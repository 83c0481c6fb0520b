import type { Schema } from 'mongoose';
import type { PluginOptions } from '../config/config.js';
import { resolvePluginOptions } from '../config/plugin-options.js';
import type { CaptureDeps } from './capturing.js';
import { addModelWrites } from './model-writes.js';
import { PluggedModels } from './plugged.js';
import { addQueryHooks } from './query-hooks.js';
import { addSaveHooks } from './save-hooks.js';
import { CommitWatch } from './session-commit.js';

/** The function that `schema.plugin()` and `mongoose.plugin()` accept. */
export type CapturePlugin = (this: void, schema: Schema, options: PluginOptions) => void;

/**
 * Creates the Mongoose plugin. It applies once per schema, with the options of its first call,
 * even if a global `mongoose.plugin()` or a clone adds it again. It ignores subdocuments and this
 * package's own models. Throws BAD_OPTION and BAD_SYNC_DIR.
 */
export function createPlugin(deps: CaptureDeps): CapturePlugin {
  const commits = new CommitWatch();
  const plugin: CapturePlugin = (schema, options) => {
    const resolved = resolvePluginOptions(options, 'schema.plugin(syncMedia, …)');
    if (countPlugged(schema, plugin) <= 1)
      attachHooks(schema, new PluggedModels(deps, () => resolved, commits));
  };
  return plugin;
}

/** Adds every hook to a schema. */
export function attachHooks(schema: Schema, models: PluggedModels): void {
  const inBulk = new WeakSet<object>();
  addSaveHooks(schema, models, inBulk);
  addQueryHooks(schema, models);
  addModelWrites(schema, models, inBulk);
}

/**
 * How often a plugin was registered on a schema. Mongoose lists a plugin before it calls it, and
 * clones inherit the list with the hooks.
 */
export function countPlugged(schema: Schema, plugin: CapturePlugin): number {
  const { plugins = [] } = schema as Schema & {
    readonly plugins?: readonly { readonly fn: unknown }[];
  };
  return plugins.filter(({ fn }) => fn === plugin).length;
}
