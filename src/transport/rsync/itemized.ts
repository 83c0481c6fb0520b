import { isUtf8 } from 'node:buffer';

/** A line of our `--out-format` about one file. `name` is undefined if it is not valid UTF-8. */
export interface ItemizedLine {
  /** `<` sent, `>` received, `.` not transferred, `*` a message. */
  readonly update: string;
  readonly type: string;
  /** The differences: rsync's nine letters, or `+` for a new file. */
  readonly differs: string;
  readonly size: number;
  /** Whole seconds since the epoch; rsync runs with TZ=UTC. */
  readonly mtime: number;
  readonly name: string | undefined;
}

export const OUT_FORMAT = '%i %l %M %n';

const LINE = /^([<>ch.*])([fdLDS])(.{9}) (\d+) (\d{4,})\/(\d\d)\/(\d\d)-(\d\d):(\d\d):(\d\d) (.+)$/;

/**
 * Parses one line, given as latin1; undefined for lines in another format: progress, notes about
 * skipped files.
 */
export function parseItemizedLine(line: string): ItemizedLine | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [
    ,
    update = '',
    type = '',
    differs = '',
    size,
    year,
    month,
    day,
    hour,
    minute,
    second,
    name = '',
  ] = match;
  const mtime =
    Date.UTC(
      Number(year),
      Number(month) - 1,
      Number(day),
      Number(hour),
      Number(minute),
      Number(second),
    ) / 1000;
  return { update, type, differs, size: Number(size), mtime, name: decodeRsyncName(name) };
}

/**
 * Decodes a file name. Under LC_ALL=C rsync escapes every byte that is not printable ASCII as
 * `\#ooo`, and also a backslash that would look like an escape.
 */
export function decodeRsyncName(text: string): string | undefined {
  const bytes = Buffer.from(
    text.replace(/\\#([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(parseInt(octal, 8) & 0xff),
    ),
    'latin1',
  );
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

/** Whether the file has the same content and time on both sides. */
export function isUnchangedItem({ update, differs }: ItemizedLine): boolean {
  return update === '.' && !/[cst+?]/.test(differs.slice(0, 3));
}
