import type { Path } from '../model/path.js';
import type { PlainDocument } from './capturing.js';
import type { CaptureContent } from './make-captures.js';
import type { Operation } from './operation.js';
import { readStoredDocuments, type StoredReadOptions } from './stored-documents.js';
import { listNames, PathFinder } from './touched-paths.js';

/** How many documents of one delete are remembered. */
const maxDeletedDocuments = 10_000;

/** The documents that an operation is about to delete, and the paths that they name. */
export class DocumentsToDelete {
  private readonly paths = new Set<Path>();
  private readonly ids: unknown[] = [];

  /** @param doing the operation's name, for people */
  constructor(
    private readonly operation: Operation,
    private readonly doing: string,
  ) {}

  async read(
    filter: PlainDocument,
    like: StoredReadOptions['like'],
    limit = Infinity,
  ): Promise<void> {
    await this.operation.lookUp(() => this.readAll(filter, like, limit));
  }

  list(): CaptureContent[] {
    const savedBy = this.ids.length === 1 ? this.operation.savedBy(this.ids[0]) : undefined;
    return [{ savedBy, touched: [], unreferenced: [...this.paths], complete: true }];
  }

  private async readAll(
    filter: PlainDocument,
    like: StoredReadOptions['like'] = {},
    limit: number,
  ): Promise<void> {
    const { model, options, context, session, readable } = this.operation;
    const finder = new PathFinder(options, context);
    for await (const document of readStoredDocuments(readable, filter, options, {
      session,
      like,
      limit: Math.min(limit, maxDeletedDocuments + 1),
    })) {
      if (this.ids.length === maxDeletedDocuments) {
        this.operation.warn(
          `${this.doing} takes more than 10,000 documents at once: the files of the others stay ` +
            `on every host. Delete in portions, or name the files with sync.remove(paths)`,
        );
        return;
      }
      this.ids.push(document['_id']);
      const { strings } = listNames(document, options, model.modelName);
      for (const path of finder.listUnreferenced(strings.map(({ value }) => value)))
        this.paths.add(path);
    }
  }
}
