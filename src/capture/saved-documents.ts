import type { PlainDocument } from './capturing.js';
import type { FieldString } from './document-strings.js';
import type { CaptureContent } from './make-captures.js';
import type { Operation } from './operation.js';
import { toPlainObject } from './plain-object.js';
import { makeIdKey, listRemovedStrings, maxDocuments } from './remembered.js';
import { readStoredDocuments } from './stored-documents.js';
import { listNames, PathFinder } from './touched-paths.js';
import { overlayUpdate } from './update-names.js';

type StoredDocuments = ReadonlyMap<string, PlainDocument>;

/** A stored document, and the update that will be sent for it. */
export interface DocumentChange {
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
  private before: StoredDocuments = new Map();
  private finder: PathFinder;

  constructor(
    private readonly operation: Operation,
    documents: readonly object[],
  ) {
    this.documents = documents.slice(0, maxDocuments);
    this.complete = documents.length <= maxDocuments;
    this.finder = new PathFinder(operation.options, operation.context);
  }

  async listBefore(changes: readonly DocumentChange[]): Promise<CaptureContent[]> {
    if (this.operation.propagates)
      this.before = await this.read(changes.slice(0, maxDocuments).map(({ id }) => id));
    const updates = new Map(changes.map(({ id, update }) => [makeIdKey(id), update]));
    const expected = new Map<string, PlainDocument>();
    for (const document of this.before.size > 0 ? this.documents : []) {
      const memory = toPlainObject(document);
      const key = makeIdKey(memory['_id']);
      const stored = this.before.get(key);
      if (stored) expected.set(key, overlayUpdate(stored, memory, updates.get(key)));
    }
    return this.list(expected, false);
  }

  /** Checks the files again: some may exist only after the write. */
  async listAfter(): Promise<CaptureContent[]> {
    this.finder = this.finder.prepareSecondLookup();
    return this.list(
      this.before.size > 0
        ? await this.read([...this.before.values()].map(({ _id }) => _id))
        : new Map(),
      true,
    );
  }

  /**
   * @param now the stored state after the write, of documents that were stored before
   * @param warns whether to warn of refused names
   */
  private async list(now: StoredDocuments, warns: boolean): Promise<CaptureContent[]> {
    const { operation, finder } = this;
    const contents: CaptureContent[] = [];
    for (const document of this.documents) {
      const memory = toPlainObject(document);
      const key = makeIdKey(memory['_id']);
      // The driver gives an id to a plain document without one.
      const savedBy = memory['_id'] === undefined ? undefined : operation.savedBy(memory['_id']);
      const { strings, complete } = listNames(
        now.get(key) ?? memory,
        operation.options,
        operation.model.modelName,
      );
      const touched = await finder.listTouched(strings);
      if (warns && savedBy) operation.warnOfRefused(touched.refused, savedBy);
      const unsynced = warns ? await finder.listUnsynced(strings) : [];
      if (savedBy && unsynced.length > 0) operation.context.reportUnsynced(savedBy, unsynced);
      else if (warns && savedBy && touched.paths.length === 0)
        operation.context.reportUnnamed(savedBy);
      const unreferenced = finder.listUnreferenced(
        listRemovedStrings(this.listStrings(this.before.get(key)), now.has(key) ? strings : []),
      );
      contents.push({
        savedBy,
        touched: touched.paths,
        absent: touched.absent,
        unsynced,
        unreferenced: unreferenced.filter((path) => !touched.paths.includes(path)),
        complete: complete && this.complete,
        areFresh: touched.areFresh,
      });
    }
    return contents;
  }

  private listStrings(document: PlainDocument | undefined): readonly FieldString[] {
    return document
      ? listNames(document, this.operation.options, this.operation.model.modelName).strings
      : [];
  }

  private async read(ids: readonly unknown[]): Promise<StoredDocuments> {
    const { options, session } = this.operation;
    const found = new Map<string, PlainDocument>();
    if (ids.length === 0) return found;
    for await (const stored of readStoredDocuments(
      this.operation.readable,
      { _id: { $in: ids } },
      options,
      {
        session,
        limit: ids.length,
      },
    )) {
      found.set(makeIdKey(stored['_id']), stored);
    }
    return found;
  }
}
