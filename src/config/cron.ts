import { validate } from 'node-cron';
import { SyncMediaError } from '../model/errors.js';

const fieldBounds: readonly { name: string; least: number; most: number }[] = [
  { name: 'second', least: 0, most: 59 },
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of the month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12 },
  { name: 'day of the week', least: 0, most: 7 },
];

/** Names that stand for numbers in the fields of months and days of the week. */
const numberNames: Readonly<Record<string, number>> = {
  jan: 1,
  feb: 2,
  mar: 3,
  apr: 4,
  may: 5,
  jun: 6,
  jul: 7,
  aug: 8,
  sep: 9,
  oct: 10,
  nov: 11,
  dec: 12,
  sun: 0,
  mon: 1,
  tue: 2,
  wed: 3,
  thu: 4,
  fri: 5,
  sat: 6,
};

/**
 * Checks a cron expression of five fields, or six with seconds first, and returns it trimmed.
 * Throws BAD_ENVIRONMENT naming `variable` for any expression that node-cron refuses. It also
 * refuses two kinds that node-cron accepts though nobody can mean them: steps longer than their
 * range (`*` + `/90` for minutes runs once an hour) and ranges that run backwards (`5-1`).
 */
export function validateCron(expression: string, variable: string): string {
  const trimmed = expression.trim();
  const problem = findCronProblem(trimmed);
  if (problem === undefined) return trimmed;
  throw new SyncMediaError(
    'BAD_ENVIRONMENT',
    `${variable} is "${expression}", which is no cron expression: ${problem}. Expected five ` +
      `fields (minute, hour, day of the month, month, day of the week), for example ` +
      `"*/15 * * * *".`,
  );
}

function findCronProblem(expression: string): string | undefined {
  if (/^@\w+$/.test(expression))
    return validate(expression) ? undefined : 'there is no such nickname';
  const fields = expression.split(' ').filter((field) => field !== '');
  if (fields.length !== 5 && fields.length !== 6) return `it has ${String(fields.length)} fields`;
  const used = fields.length === 5 ? fieldBounds.slice(1) : fieldBounds;
  for (const [index, field] of fields.entries()) {
    const bound = used[index];
    if (bound === undefined) continue;
    for (const item of field.split(',')) {
      const problem = findItemProblem(item, bound.least, bound.most);
      if (problem !== undefined) return `${bound.name} "${field}": ${problem}`;
    }
  }
  return validate(expression) ? undefined : 'it is malformed';
}

/**
 * Other items than numbers and names of three letters (`L`, `15W`, `5#2`, `monday`) are left to
 * node-cron.
 */
function findItemProblem(item: string, least: number, most: number): string | undefined {
  const numbers = item.replace(/[a-z]+/gi, (name) =>
    String(numberNames[name.toLowerCase()] ?? name),
  );
  const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(numbers);
  if (match === null) return undefined;
  const from = match[1] === undefined ? least : Number(match[1]);
  const to = match[2] === undefined ? (match[1] === undefined ? most : from) : Number(match[2]);
  if (Math.min(from, to) < least || Math.max(from, to) > most)
    return `only ${String(least)} to ${String(most)} are possible`;
  if (to < from) return `the range ${String(from)}-${String(to)} runs backwards`;
  if (match[3] === undefined) return undefined;
  const step = Number(match[3]);
  if (step < 1 || step > to - from + 1)
    return `a step of ${String(step)} does not fit into ${String(from)}-${String(to)}`;
  return undefined;
}
