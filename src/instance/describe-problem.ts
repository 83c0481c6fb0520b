import { errorCatalogue, type ErrorEntry } from '../model/error-catalogue.js';
import type { Failure } from '../model/failure.js';

/**
 * Describes a failure in one line: its code, what happened, what a person does about it, and when
 * it is tried again.
 */
export function describeProblem({ code, message }: Failure, nextTry: string): string {
  const entry = (errorCatalogue as Readonly<Record<string, ErrorEntry | undefined>>)[code];
  const remedy = entry ? ` Remedy: ${entry.remedy}` : '';
  return `${code}: ${endSentence(message)}${remedy} Next try: ${nextTry}`;
}

/** Formats when something is tried again, for example `in 4 s`. */
export function describeNextTry(at: Date | undefined, now = Date.now()): string {
  if (!at) return 'when a person has acted';
  const seconds = Math.max(0, Math.ceil((at.getTime() - now) / 1000));
  return seconds < 120 ? `in ${String(seconds)} s` : `in ${String(Math.round(seconds / 60))} min`;
}

function endSentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
