import type { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientSession, Connection } from 'mongoose';

/** Mongoose sets this with the option `transactionAsyncLocalStorage`. Its types omit it. */
interface WithTransactionStorage {
  readonly transactionAsyncLocalStorage?: AsyncLocalStorage<{ readonly session?: ClientSession }>;
}

/**
 * The session of a save, found as Mongoose finds it: the document's own, else the given one
 * (`null` means none), else that of the surrounding `connection.transaction()`.
 */
export function findSession(
  own: ClientSession | null,
  options: unknown,
  connection: Connection,
): ClientSession | undefined {
  if (own !== null) return own;
  if (typeof options === 'object' && options !== null && Object.hasOwn(options, 'session')) {
    return (options as { session?: ClientSession | null }).session ?? undefined;
  }
  return (connection.base as WithTransactionStorage).transactionAsyncLocalStorage?.getStore()
    ?.session;
}
