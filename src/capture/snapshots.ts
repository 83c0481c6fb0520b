import type { Schema } from 'mongoose';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import { isSubdocument, type PluggedDocument, type PluggedModel } from './capturing.js';
import type { NamedString } from './document-strings.js';
import type { OptionsOf } from './plugged.js';
import { listNames } from './touched-paths.js';

/**
 * What documents named when they were loaded or last saved. Kept only where deletes propagate: there, what a save no longer names
 * is a candidate for removal. A document that was made and never saved has none.
 */
export class Snapshots {
  private readonly named = new WeakMap<PluggedDocument, readonly string[]>();

  watch(schema: Schema, optionsOf: OptionsOf): void {
    const keepLoaded = (document: PluggedDocument): void => {
      const options = isSubdocument(document) ? undefined : optionsOf(document.constructor as PluggedModel);
      if (options !== undefined) this.keep(document, options);
    };
    schema.post('init', function keepSnapshot() { keepLoaded(this); });
  }

  keep(document: PluggedDocument, options: ResolvedPluginOptions): void {
    if (options.onDelete !== 'propagate') return;
    try {
      const { strings } = listNames(toPlainObject(document), options, (document.constructor as PluggedModel).modelName);
      this.named.set(document, strings.map(({ value }) => value));
    } catch {
      // A `paths` function that throws must not make the app's reads fail; the next save says so.
      this.named.delete(document);
    }
  }

  /** What the document named before and does not name now. */
  listGone(document: PluggedDocument, now: readonly NamedString[]): string[] {
    const values = new Set(now.map(({ value }) => value));
    return (this.named.get(document) ?? []).filter((value) => value !== '' && !values.has(value));
  }
}

/** A document as it is stored: without getters, virtuals and transforms, which may hide or invent paths. */
export function toPlainObject(document: PluggedDocument): Record<string, unknown> {
  return document.toObject({
    depopulate: true, flattenMaps: true, getters: false, virtuals: false, transform: false, minimize: false, useProjection: false,
  }) as Record<string, unknown>;
}
