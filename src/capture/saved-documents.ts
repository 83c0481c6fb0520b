import type { PlainDocument } from './capturing.js';
import type { NamedString } from './document-strings.js';
import type { CaptureContent } from './make-captures.js';
import type { Operation } from './operation.js';
import { toPlainObject } from './plain-object.js';
import { keyOf, listGone, maxDocuments } from './remembered.js';
import { readStored } from './stored-documents.js';
import { listNames, PathFinder } from './touched-paths.js';
import { overlay } from './update-names.js';

type Stored = ReadonlyMap<string, PlainDocument>;

/** A stored document, and the update that will be sent for it. */
export interface Change {
  readonly id: unknown;
  readonly update: unknown;
}

/**
 * Documents that are written from memory, so their names are known without the database. If
 * deletes propagate, changed documents are read before and after the write, because memory may be
 * partial (`select`) or outdated.
 */
export class SavedDocuments {
  private readonly documents: readonly object[];
  private readonly complete: boolean;
  private before: Stored = new Map();
  private finder: PathFinder;

  constructor(
    private readonly operation: Operation,
    documents: readonly object[],
  ) {
    this.documents = documents.slice(0, maxDocuments);
    this.complete = documents.length <= maxDocuments;
    this.finder = new PathFinder(operation.options, operation.capturing);
  }

  async listBefore(changes: readonly Change[]): Promise<CaptureContent[]> {
    if (this.operation.propagates)
      this.before = await this.read(changes.slice(0, maxDocuments).map(({ id }) => id));
    const updates = new Map(changes.map(({ id, update }) => [keyOf(id), update]));
    const expected = new Map<string, PlainDocument>();
    for (const document of this.before.size > 0 ? this.documents : []) {
      const memory = toPlainObject(document);
      const key = keyOf(memory['_id']);
      const stored = this.before.get(key);
      if (stored) expected.set(key, overlay(stored, memory, updates.get(key)));
    }
    return this.list(expected, false);
  }

  /** Checks the files again: some may exist only after the write. */
  async listAfter(): Promise<CaptureContent[]> {
    this.finder = this.finder.again();
    return this.list(
      this.before.size > 0
        ? await this.read([...this.before.values()].map(({ _id }) => _id))
        : new Map(),
      true,
    );
  }

  /**
   * @param now the stored state after the write, of documents that were stored before
   * @param tells whether to warn of refused names
   */
  private async list(now: Stored, tells: boolean): Promise<CaptureContent[]> {
    const { operation, finder } = this;
    const contents: CaptureContent[] = [];
    for (const document of this.documents) {
      const memory = toPlainObject(document);
      const key = keyOf(memory['_id']);
      // The driver gives an id to a plain document without one.
      const savedBy = memory['_id'] === undefined ? undefined : operation.savedBy(memory['_id']);
      const { strings, complete } = listNames(
        now.get(key) ?? memory,
        operation.options,
        operation.model.modelName,
      );
      const touched = await finder.listTouched(strings);
      if (tells && savedBy) operation.warnOfRefused(touched.refused, savedBy);
      const unsynced = tells ? await finder.listUnsynced(strings) : [];
      if (savedBy && unsynced.length > 0) operation.capturing.noteUnsynced(savedBy, unsynced);
      else if (tells && savedBy && touched.paths.length === 0)
        operation.capturing.noteUnnamed(savedBy);
      const left = finder.listLeft(
        listGone(this.listStrings(this.before.get(key)), now.has(key) ? strings : []),
      );
      contents.push({
        savedBy,
        touched: touched.paths,
        absent: touched.absent,
        unsynced,
        left: left.filter((path) => !touched.paths.includes(path)),
        complete: complete && this.complete,
      });
    }
    return contents;
  }

  private listStrings(document: PlainDocument | undefined): readonly NamedString[] {
    return document
      ? listNames(document, this.operation.options, this.operation.model.modelName).strings
      : [];
  }

  private async read(ids: readonly unknown[]): Promise<Stored> {
    const { options, session } = this.operation;
    const found = new Map<string, PlainDocument>();
    if (ids.length === 0) return found;
    for await (const stored of readStored(this.operation.readable, { _id: { $in: ids } }, options, {
      session,
      limit: ids.length,
    })) {
      found.set(keyOf(stored['_id']), stored);
    }
    return found;
  }
}
