import { AsyncLocalStorage } from 'node:async_hooks';
import { SyncMediaError } from '../model/errors.js';

/** A longer name is cut off: it is stored with each capture, each entry and each version. */
const MAX_LENGTH = 200;

const authors = new AsyncLocalStorage<string | undefined>();

/**
 * Names the author of everything that `work` saves, also later on the same way.
 *
 * @param author null or undefined, as the name of a visitor who is not signed in, names nobody
 * @throws BAD_OPTION if it is anything else than text: a row with it could not be read
 */
export function runAsAuthor<T>(author: string | null | undefined, work: () => T): T {
  const given: unknown = author ?? undefined;
  if (given !== undefined && typeof given !== 'string')
    throw new SyncMediaError(
      'BAD_OPTION',
      `withAuthor needs the name of the author, a string, but got a value of type ${typeof given}`,
    );
  return authors.run(given?.slice(0, MAX_LENGTH), work);
}

/** The author of the save that is under way; undefined if nobody was named. */
export function getAuthor(): string | undefined {
  return authors.getStore();
}
