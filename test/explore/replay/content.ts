import { createHash } from 'node:crypto';
import type { LocalFileInfo } from '../../../src/model/file.js';
import { redate } from '../decisions.js';
import type { Content, State } from '../state.js';

/** A content as bytes: all differ, and those that look alike are of one size. */
export function textOf(state: State, content: Content): string {
  return String(content).padEnd(sizeOf(state, content), '.');
}

export function contentIn(text: string): Content {
  return Number(text.slice(0, 1));
}

export function hashOf(state: State, content: Content): string {
  return createHash('sha256').update(textOf(state, content)).digest('hex');
}

/**
 * Size and second as the explorer has them, the second of the host that has given the file another
 * date; milliseconds where its `dated` says that nothing was dropped on the way.
 */
export function factsOf(
  state: State,
  content: Content,
  dated: boolean,
  redated = 0,
): LocalFileInfo {
  return {
    size: sizeOf(state, content),
    mtime: redated * redate + 1_000 + likeOf(state, content),
    nanos: dated ? content * 1_000_000 : 0,
  };
}

function likeOf(state: State, content: Content): Content {
  return state.alike[content] || content;
}

function sizeOf(state: State, content: Content): number {
  return 10 + likeOf(state, content);
}
