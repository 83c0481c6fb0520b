import type { CaptureContent } from './make-captures.js';
import type { PlainDocument } from './capturing.js';
import type { DocumentStrings, FieldString } from './document-strings.js';
import type { Operation } from './operation.js';
import { readStoredDocuments, type StoredReadOptions } from './stored-documents.js';
import { listNames, PathFinder } from './touched-paths.js';

/**
 * How many documents of one operation are checked. Beyond that, the scan of the sync dirs is due
 * at once.
 */
export const maxDocuments = 1_000;
/** How many of their strings stay in memory meanwhile. */
const maxStrings = 50_000;

interface RememberedDocument {
  readonly id: unknown;
  readonly names: readonly FieldString[];
}

/**
 * The documents that an operation changes, and the strings that they named before it. It finds
 * them again by `_id`, because its filter may no longer match them.
 */
export class RememberedDocuments {
  private readonly documents = new Map<string, RememberedDocument>();
  private strings = 0;
  /** Paths that the operation itself names, for whichever documents. */
  private shared: CaptureContent = { touched: [], unreferenced: [], complete: true };
  /** Whether all documents of the operation are among them. */
  complete = true;

  constructor(private readonly operation: Operation) {}

  get size(): number {
    return this.documents.size;
  }

  /** Looks up what `filter` finds, up to the limits. */
  async read(
    filter: PlainDocument,
    like: StoredReadOptions['like'] = {},
    limit = Infinity,
  ): Promise<void> {
    const { options, session, readable } = this.operation;
    const found = await this.operation.lookUp(async () => {
      for await (const document of readStoredDocuments(readable, filter, options, {
        session,
        like,
        limit: Math.min(limit, maxDocuments + 1),
      })) {
        if (this.documents.size >= maxDocuments || this.strings >= maxStrings) {
          this.giveUp();
          return;
        }
        this.add(document);
      }
    });
    if (!found) this.complete = false;
  }

  /** Adds a document that is new, or of which only the id is known. */
  include(id: unknown): void {
    const key = makeIdKey(id);
    if (this.documents.has(key)) return;
    if (this.documents.size >= maxDocuments) this.complete = false;
    else this.documents.set(key, { id, names: [] });
  }

  /**
   * The announcement: paths that the documents name may become unreferenced, and the paths of the
   * operation are touched.
   */
  async listBefore({ strings, complete }: DocumentStrings): Promise<CaptureContent[]> {
    const { options, context, propagates } = this.operation;
    const named = await new PathFinder(options, context, false).listTouched(strings);
    this.shared = { touched: named.paths, unreferenced: [], complete: complete && this.complete };
    const finder = new PathFinder(options, context, false);
    const single = this.documents.size === 1;
    const contents: CaptureContent[] = single ? [] : [this.shared];
    for (const { id, names } of this.documents.values()) {
      const savedBy = this.operation.savedBy(id);
      const shared = single ? named.paths : [];
      if (propagates) {
        const unreferenced = finder.listUnreferenced(names.map(({ value }) => value));
        contents.push({
          savedBy,
          touched: shared,
          unreferenced: unreferenced.filter((path) => !named.paths.includes(path)),
          complete: this.shared.complete,
        });
      } else {
        const { paths } = await finder.listTouched(names);
        contents.push({
          savedBy,
          touched: [...new Set([...shared, ...paths])],
          unreferenced: [],
          complete: this.shared.complete,
        });
      }
    }
    return contents;
  }

  /** The paths that the documents name now. A path that one of them names is not unreferenced. */
  async listAfter(): Promise<CaptureContent[]> {
    const { model, options, context, session, readable } = this.operation;
    const finder = new PathFinder(options, context);
    const contents: CaptureContent[] = this.complete ? [] : [{ ...this.shared, complete: false }];
    const gone = new Map(this.documents);
    const ids = [...this.documents.values()].map(({ id }) => id);
    for await (const document of readStoredDocuments(readable, { _id: { $in: ids } }, options, {
      session,
      limit: ids.length + 1,
    })) {
      const key = makeIdKey(document['_id']);
      const { strings, complete } = listNames(document, options, model.modelName);
      const savedBy = this.operation.savedBy(document['_id']);
      const { paths, absent, refused } = await finder.listTouched(strings);
      this.operation.warnOfRefused(refused, savedBy);
      const unsynced = await finder.listUnsynced(strings);
      if (unsynced.length > 0) this.operation.context.reportUnsynced(savedBy, unsynced);
      contents.push({
        savedBy,
        touched: paths,
        absent,
        unsynced,
        unreferenced: this.listUnreferenced(this.documents.get(key), strings, finder),
        complete,
      });
      gone.delete(key);
    }
    for (const known of gone.values()) {
      contents.push({
        savedBy: this.operation.savedBy(known.id),
        touched: [],
        unreferenced: this.listUnreferenced(known, [], finder),
        complete: true,
      });
    }
    const touched = new Set(contents.flatMap((content) => content.touched));
    return contents.map((content) => ({
      ...content,
      unreferenced: content.unreferenced.filter((path) => !touched.has(path)),
    }));
  }

  private giveUp(): void {
    if (this.complete && this.operation.propagates) {
      this.operation.warn(
        'an operation writes more documents than can be looked at (1,000): what the others no ' +
          'longer name stays on every host',
      );
    }
    this.complete = false;
  }

  private add(document: PlainDocument): void {
    const { options, model } = this.operation;
    const { strings } = listNames(document, options, model.modelName);
    this.strings += strings.length;
    this.documents.set(makeIdKey(document['_id']), { id: document['_id'], names: strings });
  }

  private listUnreferenced(
    known: RememberedDocument | undefined,
    now: readonly FieldString[],
    finder: PathFinder,
  ): CaptureContent['unreferenced'] {
    if (!this.operation.propagates || known === undefined) return [];
    return finder.listUnreferenced(listRemovedStrings(known.names, now));
  }
}

/** The strings that are no longer there. */
export function listRemovedStrings(
  before: readonly FieldString[],
  now: readonly FieldString[],
): string[] {
  const values = new Set(now.map(({ value }) => value));
  return before.map(({ value }) => value).filter((value) => value !== '' && !values.has(value));
}

/** Returns the same key for equal ids, regardless of their type. */
export function makeIdKey(id: unknown): string {
  return typeof id === 'bigint' ? `${id}n` : JSON.stringify(id);
}
