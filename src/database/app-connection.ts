import type { Connection } from 'mongoose';
import { SyncMediaError } from '../model/errors.js';

/**
 * The application's Mongoose connection that an instance belongs to: the given one, else that of
 * the first model. A closed connection is replaced by the next one, as tests connect anew for
 * each file.
 */
export class AppConnection {
  private model: string | undefined;
  private closed = false;

  private readonly onClose = (): void => {
    this.closed = true;
  };
  private readonly onOpen = (): void => {
    this.closed = false;
  };

  /**
   * @param onReplaced called when things that were opened on the previous connection are of no
   *   more use
   */
  constructor(
    private connection: Connection | undefined,
    private readonly onReplaced: () => void,
  ) {
    if (connection) this.listen(connection);
  }

  get current(): Connection | undefined {
    return this.connection;
  }

  /** Waits until the connection is open. @throws NO_CONNECTION */
  async open(): Promise<Connection> {
    if (!this.connection)
      throw new SyncMediaError(
        'NO_CONNECTION',
        'no Mongoose connection is known: compile a plugged model first, or pass `connection`',
      );
    return this.connection.asPromise();
  }

  /**
   * Takes the connection of a compiled model.
   *
   * @param counts whether this machine does anything; one that was never initialised accepts a
   *   second connection
   * @throws TWO_CONNECTIONS
   */
  attach(model: string, connection: Connection, counts: boolean): void {
    const { connection: current } = this;
    if (current === connection) {
      this.model ??= model;
      return;
    }
    if (current && !this.closed) {
      if (!counts) return;
      throw new SyncMediaError(
        'TWO_CONNECTIONS',
        `the model ${model} is on the connection to "${connection.name}", but this instance ` +
          `belongs to ` +
          `"${current.name}"${this.model ? ` (model ${this.model})` : ''}: make another ` +
          `instance with createSyncMedia({ connection })`,
      );
    }
    this.close();
    this.connection = connection;
    this.model = model;
    this.closed = false;
    this.listen(connection);
    if (current) this.onReplaced();
  }

  /** Removes the listeners. */
  close(): void {
    this.connection?.off('close', this.onClose);
    this.connection?.off('open', this.onOpen);
  }

  private listen(connection: Connection): void {
    connection.on('close', this.onClose);
    connection.on('open', this.onOpen);
  }
}
