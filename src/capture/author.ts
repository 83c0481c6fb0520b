import { AsyncLocalStorage } from 'node:async_hooks';

const authors = new AsyncLocalStorage<string>();

/** Names the author of everything that `work` saves, also later on the same way. */
export function runAsAuthor<T>(author: string, work: () => T): T {
  return authors.run(author, work);
}

/** The author of the save that is under way; undefined if nobody was named. */
export function getAuthor(): string | undefined {
  return authors.getStore();
}
