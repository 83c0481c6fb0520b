const TIME = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * Reads a time that a person gave: ISO 8601 with dashes. Without a zone it is that of this machine.
 * A day alone means its end, in UTC: "as it was on that day".
 */
export function parseTime(text: string): Date | undefined {
  const day = TIME.exec(text)?.[1];
  if (day === undefined || !isCalendarDay(day)) return undefined;
  const time = new Date(text === day ? `${day}T23:59:59.999Z` : text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** JavaScript takes the 30th of February for the 2nd of March. */
function isCalendarDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}
