import { inspect } from 'node:util';

/** A given value for messages, short and on one line. */
export function describeValue(value: unknown): string {
  const text =
    typeof value === 'string'
      ? JSON.stringify(value)
      : inspect(value, { depth: 1, breakLength: Infinity });
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
