import type { Path } from '../model/words.js';
import type { PlainDocument } from './capturing.js';
import type { CaptureContent } from './make-captures.js';
import type { Operation } from './operation.js';
import { readStored, type ReadOptions } from './stored-documents.js';
import { listNames, PathFinder } from './touched-paths.js';

/** How many documents of one delete are remembered. */
export const maxLeaving = 10_000;

/** The documents that an operation is about to delete, and the paths that they name. */
export class LeavingDocuments {
  private readonly paths = new Set<Path>();
  private readonly ids: unknown[] = [];

  /** @param doing the operation's name, for people */
  constructor(
    private readonly operation: Operation,
    private readonly doing: string,
  ) {}

  async read(filter: PlainDocument, like: ReadOptions['like'], limit = Infinity): Promise<void> {
    await this.operation.lookUp(() => this.readAll(filter, like, limit));
  }

  list(): CaptureContent[] {
    const savedBy = this.ids.length === 1 ? this.operation.savedBy(this.ids[0]) : undefined;
    return [{ savedBy, touched: [], left: [...this.paths], complete: true }];
  }

  private async readAll(
    filter: PlainDocument,
    like: ReadOptions['like'] = {},
    limit: number,
  ): Promise<void> {
    const { model, options, capturing, session, readable } = this.operation;
    const finder = new PathFinder(options, capturing);
    for await (const document of readStored(readable, filter, options, {
      session,
      like,
      limit: Math.min(limit, maxLeaving + 1),
    })) {
      if (this.ids.length === maxLeaving) {
        this.operation.warn(
          `${this.doing} takes more than 10,000 documents at once: the files of the others stay ` +
            `on every host. Delete in portions, or name the files with sync.remove(paths)`,
        );
        return;
      }
      this.ids.push(document['_id']);
      const { strings } = listNames(document, options, model.modelName);
      for (const path of finder.listLeft(strings.map(({ value }) => value))) this.paths.add(path);
    }
  }
}
