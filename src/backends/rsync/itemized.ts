import { isUtf8 } from 'node:buffer';

/** What our `--out-format` says of one file; `name` is undefined where it is not valid UTF-8. */
export interface Item {
  /** `<` sent, `>` received, `.` not, `*` a message. */
  readonly update: string;
  readonly type: string;
  /** What differs: rsync's nine letters, `+` for a file that is new. */
  readonly differs: string;
  readonly size: number;
  /** Whole seconds since the epoch; rsync runs with TZ=UTC. */
  readonly mtime: number;
  readonly name: string | undefined;
}

export const OUT_FORMAT = '%i %l %M %n';

const LINE = /^([<>ch.*])([fdLDS])(.{9}) (\d+) (\d{4,})\/(\d\d)\/(\d\d)-(\d\d):(\d\d):(\d\d) (.+)$/;

/** Reads one line, given as latin1; undefined for what is none of ours: progress, notes about skipped files. */
export function parseItem(line: string): Item | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, update = '', type = '', differs = '', size, year, month, day, hour, minute, second, name = ''] = match;
  const mtime = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
  return { update, type, differs, size: Number(size), mtime, name: decodeName(name) };
}

/** Under LC_ALL=C every byte that is not printable ASCII comes as `\#ooo`, and so does a backslash that could be taken for one. */
export function decodeName(text: string): string | undefined {
  const bytes = Buffer.from(text.replace(/\\#([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8) & 0xff)), 'latin1');
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

/** The file has there the content and time that it has here. */
export function isTheSame({ update, differs }: Item): boolean {
  return update === '.' && !/[cst+?]/.test(differs.slice(0, 3));
}
