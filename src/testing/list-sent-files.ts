import { resolve } from 'node:path';
import type { Document } from 'mongoose';
import type { PluggedModel } from '../capture/capturing.js';
import { findPluggedOptions } from '../capture/plugged.js';
import { toPlainObject } from '../capture/plain-object.js';
import { listNames, PathFinder } from '../capture/touched-paths.js';
import { SyncMediaError } from '../model/errors.js';
import { Replica } from '../replica/replica.js';
import { SyncDirs } from '../replica/sync-dirs.js';

/** What a save of a document would send to the other hosts. */
export interface SentFiles {
  /** The paths of the files, relative to the root, sorted. */
  readonly files: string[];
  /** Why a file that the document names, or a string of its `paths`, would not be sent. */
  readonly notSent: { readonly name: string; readonly why: string }[];
}

/**
 * Lists the files that a save of this document would send, without a database, a host or a save.
 * Without the option `paths` these are files that lie below the root now; with it, also files
 * that the application is about to write.
 *
 * @param options `root`: the directory above the sync dirs; default: `SYNCMEDIA_ROOT`, or the
 *   working directory
 * @throws SyncMediaError BAD_OPTION if the document's model has no plugin
 */
export async function listSentFiles(
  document: Document,
  { root = process.env['SYNCMEDIA_ROOT'] ?? process.cwd() }: { root?: string } = {},
): Promise<SentFiles> {
  const model = document.constructor as unknown as PluggedModel;
  const options = findPluggedOptions(model);
  if (!options)
    throw new SyncMediaError(
      'BAD_OPTION',
      `the model ${model.modelName} has no plugin of syncmedia: call ` +
        `schema.plugin(syncMedia, …) before the model is compiled`,
    );
  const rootPath = resolve(root);
  const dirs = new SyncDirs(options.declaredDirs());
  const finder = new PathFinder(options, {
    replica: new Replica(rootPath, () => dirs),
    rootPaths: () => [rootPath],
    dirs: () => dirs,
  });
  const { strings } = listNames(toPlainObject(document), options, model.modelName);
  const { paths, refused } = await finder.listTouched(strings);
  const unsynced = await finder.listUnsynced(strings);
  return {
    files: [...paths].sort(),
    notSent: [
      ...refused.map(({ value, field, why }) => ({ name: value, why: `${field}: ${why}` })),
      ...unsynced.map((file) => ({
        name: file.path,
        why:
          file.why === 'excluded'
            ? `the pattern ${file.pattern} of ${file.syncDir} excludes it`
            : 'it lies in no sync dir of this model',
      })),
    ],
  };
}
