const numbers = new Intl.NumberFormat('en');
const shares = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const zonedClock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** As the beginning of a sentence. */
export function capitalise(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

export function formatNumber(value: number): string {
  return numbers.format(value);
}

export function formatShare(value: number): string {
  return shares.format(value);
}

export interface Count {
  count: number;
  capped?: boolean;
}

/** `over 10,000` where counting stopped. */
export function formatCount({ count, capped = false }: Count): string {
  return capped ? `over ${formatNumber(count)}` : formatNumber(count);
}

export function formatFiles(value: Count | number): string {
  const counted = typeof value === 'number' ? { count: value } : value;
  return `${formatCount(counted)} ${counted.count === 1 && !counted.capped ? 'file' : 'files'}`;
}

/** Decimal units, as disks and networks are sold: `2.3 GB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  const digits = power > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[power] ?? 'B'}`;
}

/** The largest fitting unit, without a false precision: `12 min`. */
export function formatSpan(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 1) return '< 1 s';
  if (whole < 60) return `${String(whole)} s`;
  if (whole < 5_400) return `${String(Math.round(whole / 60))} min`;
  if (whole < 129_600) return `${String(Math.round(whole / 3_600))} h`;
  return `${formatNumber(Math.round(whole / 86_400))} days`;
}

export function formatAgo(seconds: number | undefined): string {
  if (seconds === undefined) return '–';
  return seconds < 1 ? 'just now' : `${formatSpan(seconds)} ago`;
}

/** The time of day, in the reader's time zone. */
export function formatClock(iso: string): string {
  return clock.format(new Date(iso));
}

export function formatZonedClock(iso: string): string {
  return zonedClock.format(new Date(iso));
}

export function formatDateTime(iso: string): string {
  const date = new Date(iso);
  return `${day.format(date)}, ${clock.format(date)}`;
}

/** As a field of the type `datetime-local` takes it, in the reader's time zone. */
export function formatLocalTime(ms: number): string {
  const offset = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offset).toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
}

export function formatList(words: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(words);
}

/**
 * Makes characters visible that would hide or reorder text: control characters, and the marks by
 * which `gpj.exe` reads as `exe.jpg`.
 */
export function showHidden(text: string): string {
  return text.replace(
    /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu,
    (character) =>
      `‹U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}›`,
  );
}
