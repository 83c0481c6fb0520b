import { readFileSync } from 'node:fs';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { PluginOptions } from './config.js';
import { resolvePluginOptions } from './plugin-options.js';

export type ModelSync = Readonly<Record<string, PluginOptions>>;

/**
 * Validates plugin options per model name. Errors name `where` the options come from. Throws
 * BAD_OPTION naming the model, and BAD_SYNC_DIR.
 */
export function resolveModelSync(value: unknown, where: string): ModelSync {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `${where}: expected an object like { "Photo": { "syncDirs": ["uploads/photos"] } }.`,
    );
  }
  const models = { ...value } as Record<string, PluginOptions>;
  for (const [model, options] of Object.entries(models))
    resolvePluginOptions(options, `${where}.${model}`);
  return models;
}

/**
 * Reads plugin options per model name from a JSON file. Throws BAD_ENVIRONMENT naming `variable`
 * if the file cannot be read or is not JSON.
 */
export function loadModelSync(file: string, variable: string): ModelSync {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SyncMediaError(
      'BAD_ENVIRONMENT',
      `${variable} names "${file}", which cannot be read as JSON: ${getErrorMessage(error)}. ` +
        `Expected ` +
        `a file like { "Photo": { "syncDirs": ["uploads/photos"] } }.`,
      { cause: error },
    );
  }
  return resolveModelSync(value, `${variable} (${file})`);
}
