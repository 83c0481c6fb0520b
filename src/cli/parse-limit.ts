import { InvalidArgumentError } from 'commander';

/** The parser of an option that limits a list. */
export function makeLimitParser(most: number): (text: string) => number {
  return (text) => {
    const limit = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : Infinity;
    if (limit <= most) return limit;
    throw new InvalidArgumentError(`expected a number from 1 to ${String(most)}.`);
  };
}
