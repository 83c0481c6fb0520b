import type { Connection, Mongoose, Schema } from 'mongoose';
import { SyncMediaError } from '../model/errors.js';
import type { ModelSync } from '../config/model-sync.js';
import { resolvePluginOptions } from '../config/plugin-options.js';
import type { CaptureDeps } from './capturing.js';
import { PluggedModels } from './plugged.js';
import { attachHooks, type CapturePlugin, countPlugged } from './plugin.js';
import { CommitWatch } from './session-commit.js';

/**
 * Captures models that are defined elsewhere, by name. A global plugin is not told the model's
 * name, and a hook added after compilation never runs. So every schema compiled from now on gets
 * the hooks, and each save looks up the options of its model. A model that was given `plugin`
 * itself keeps those options.
 *
 * `home` is one connection, or a Mongoose instance for all of its connections. Throws
 * MODEL_ALREADY_COMPILED naming the models that were compiled before, BAD_OPTION and
 * BAD_SYNC_DIR.
 */
export function applyModelSync(
  home: Mongoose | Connection,
  modelSync: ModelSync,
  plugin: CapturePlugin,
  deps: CaptureDeps,
): void {
  const options = new Map(
    Object.entries(modelSync).map(([model, given]) => [
      model,
      resolvePluginOptions(given, `modelSync.${model}`),
    ]),
  );
  if (options.size === 0) return;
  const compiled = listCompiled(home).filter((model) => options.has(model));
  if (compiled.length > 0) {
    throw new SyncMediaError(
      'MODEL_ALREADY_COMPILED',
      `modelSync names ${compiled.join(', ')}, compiled before syncmedia was told: create the ` +
        `instance (or import the module that does) before the models.`,
    );
  }
  const models = new PluggedModels(
    deps,
    (model) => (countPlugged(model.schema, plugin) > 0 ? undefined : options.get(model.modelName)),
    new CommitWatch(),
  );
  home.plugin((schema: Schema) => {
    attachHooks(schema, models);
  });
}

function listCompiled(home: Mongoose | Connection): string[] {
  const connections: Connection[] = 'connections' in home ? home.connections : [home];
  return [...new Set(connections.flatMap((connection) => connection.modelNames()))];
}
