import type { Connection, mongo } from 'mongoose';
import { getCollection } from '../util/collections.js';
import { SyncMediaError } from '../model/errors.js';

/**
 * Called when the app has closed the connection, and when it leads to the registered database
 * again.
 */
type OnOpenChange = (open: boolean) => void;

/**
 * The database in which this host is registered, while the app closes and reopens its Mongoose
 * connection. Each opening makes a new client, and may lead to any database. Nothing is read or
 * written there before `check` has found the same database.
 */
export class RegisteredDatabase {
  /** The checked handle of the client. */
  private db: mongo.Db | undefined;
  /** The handle that leads to another database, with the error. */
  private refused: { db: mongo.Db; error: SyncMediaError } | undefined;
  private checking: Promise<void> | undefined;
  private closed = false;
  private readonly listeners = new Set<OnOpenChange>();

  private readonly onClose = (): void => {
    if (this.closed) return;
    this.closed = true;
    this.db = undefined;
    this.notify(false);
  };

  private readonly onOpen = (): void => {
    this.closed = false;
    // Mongoose also emits `open` after the servers could not be reached for a while.
    if (this.connection.db === this.db) return;
    this.check().catch((error: unknown) => {
      this.onRefused(error);
    });
  };

  /**
   * @param requireRegistered throws if the connection leads to another database
   * @param onRefused called for each opening that leads elsewhere, or could not be checked
   */
  constructor(
    readonly connection: Connection,
    private readonly requireRegistered: () => Promise<void>,
    private readonly onRefused: (error: unknown) => void,
  ) {
    // `disconnecting` comes when Mongoose begins to close. `close` also comes if the servers were
    // away then.
    connection.on('disconnecting', this.onClose);
    connection.on('close', this.onClose);
    connection.on('open', this.onOpen);
  }

  onChange(listener: OnOpenChange): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /**
   * Waits until the connection, as it is now, was checked.
   *
   * @throws NO_CONNECTION, BAD_STATE, FORMAT_TOO_NEW
   */
  async ready(): Promise<void> {
    await this.connection.asPromise();
    await this.check();
  }

  /**
   * @throws NO_CONNECTION while the connection is closed or was not checked; BAD_STATE if it
   *   leads to another database
   */
  collection<T extends mongo.Document>(name: string): mongo.Collection<T> {
    const { db } = this.connection;
    if (db !== undefined && db === this.db) return getCollection<T>(db, name);
    // If the check failed to run, each use of the database starts it again.
    const error =
      this.findObstacle() ??
      new SyncMediaError(
        'NO_CONNECTION',
        'the Mongoose connection was opened anew, and is still being checked',
      );
    if (!this.closed && this.refused?.db !== db) this.check().catch(() => undefined);
    throw error;
  }

  close(): void {
    this.connection.off('disconnecting', this.onClose);
    this.connection.off('close', this.onClose);
    this.connection.off('open', this.onOpen);
    this.listeners.clear();
  }

  private async check(): Promise<void> {
    const obstacle = this.findObstacle();
    if (obstacle) throw obstacle;
    if (this.connection.db === this.db) return;
    await (this.checking ??= this.checkNow().finally(() => {
      this.checking = undefined;
    }));
    // The app may have reopened it once more meanwhile.
    if (this.connection.db !== this.db) await this.check();
  }

  private async checkNow(): Promise<void> {
    const { db } = this.connection;
    if (db === undefined)
      throw new SyncMediaError(
        'NO_CONNECTION',
        'the Mongoose connection is not open yet: call mongoose.connect() first',
      );
    try {
      await this.requireRegistered();
    } catch (error) {
      if (error instanceof SyncMediaError) this.refused = { db, error };
      throw error;
    }
    if (this.closed || this.connection.db !== db) return;
    this.db = db;
    this.refused = undefined;
    this.notify(true);
  }

  private findObstacle(): SyncMediaError | undefined {
    if (this.closed)
      return new SyncMediaError(
        'NO_CONNECTION',
        'the app closed its Mongoose connection: nothing is sent until it is opened again',
      );
    const { refused } = this;
    return refused && refused.db === this.connection.db ? refused.error : undefined;
  }

  private notify(open: boolean): void {
    for (const listener of this.listeners) listener(open);
  }
}
