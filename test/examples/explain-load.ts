import type { Counts } from './load.js';

/** Why a request may fail while one host is down and comes back. Every other failure is a fault. */
const causes: Readonly<Record<string, string>> = {
  'upload 502': 'on its way to the killed host; not repeated, since it may have been saved',
  'read 502': 'on its way to the killed host, and no other one took it in time',
  'read 503': 'only the killed host had the file so far',
  'read broken off': 'the host was killed while it sent the file',
};
const successes = ['upload 201', 'read 200'];

/** The results of a load for people: one line for each, with the cause of each failure. */
export function explainLoad(counts: Counts): string {
  const lines = Object.entries(counts).map(([what, count]) => {
    const cause = causes[resultOf(what)];
    const note = cause === undefined ? '' : `: ${cause}`;
    return `${String(count).padStart(7)}  ${what}${note}`;
  });
  return lines.sort((one, other) => one.slice(9).localeCompare(other.slice(9))).join('\n');
}

/** The failures that have no known cause. */
export function listUnexplained(counts: Counts, phase: string): string[] {
  return Object.keys(counts).filter((what) => {
    const result = resultOf(what);
    if (successes.includes(result)) return false;
    return !(result in causes && what.startsWith(`${phase}: `));
  });
}

const resultOf = (what: string): string => what.slice(what.indexOf(': ') + 2);
