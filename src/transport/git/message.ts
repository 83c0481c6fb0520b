import type { DocumentRef } from '../../model/capture.js';
import type { FileInfo } from '../../model/file.js';
import type { RecordedAs } from '../../model/history.js';
import { isNumber, isSize, isText, isToken } from '../../model/row-shapes.js';
import { isSafePath } from '../../replica/paths.js';
import type { Path } from '../../model/path.js';

/** One version as the message of a commit describes it. */
export interface DescribedVersion {
  readonly path: Path;
  readonly version: string;
  readonly as: RecordedAs;
  readonly info?: FileInfo;
  /** When it was captured. The commit may be later. */
  readonly at: Date;
}

interface CommitText {
  readonly hostname: string;
  readonly savedBy?: DocumentRef;
  readonly versions: readonly DescribedVersion[];
}

const TRAILER = 'Syncmedia-Version';

/**
 * Writes the message of a commit: a line for people with model, document and host, and a line per
 * version for `parseMessage`.
 */
export function formatMessage({ hostname, savedBy, versions }: CommitText): string {
  const whose = savedBy === undefined ? 'files' : `${savedBy.model} ${savedBy.id}`;
  const [first] = versions;
  const what =
    versions.length === 1 && first !== undefined
      ? `${first.as === 'removed' ? 'remove ' : ''}${first.path}`
      : `${String(versions.length)} files`;
  const subject = makeSingleLine(`${whose}: ${what} (${hostname})`);
  const lines = versions.map((version) => `${TRAILER}: ${JSON.stringify(toFields(version))}\n`);
  const document = savedBy === undefined ? '' : `Document: ${JSON.stringify(savedBy)}\n`;
  return `${subject}\n\n${document}${lines.join('')}`;
}

/** Reads a message. Another host may have written it, so lines that fit nothing are skipped. */
export function parseMessage(message: string): Omit<CommitText, 'hostname'> {
  const lines = message.split('\n');
  const savedBy = lines
    .filter((line) => line.startsWith('Document: '))
    .flatMap((line) => parseDocument(parseJson(line.slice('Document: '.length))) ?? [])[0];
  const versions = lines
    .filter((line) => line.startsWith(`${TRAILER}: `))
    .flatMap((line) => parseVersion(parseJson(line.slice(TRAILER.length + 2))) ?? []);
  return { ...(savedBy && { savedBy }), versions };
}

/** Removes the lines of paths from a message, and the paths from its subject. */
export function removeFromMessage(message: string, paths: ReadonlySet<Path>): string {
  if (paths.size === 0) return message;
  const [subject = '', ...rest] = message.split('\n');
  const kept = rest.filter((line) => {
    if (!line.startsWith(`${TRAILER}: `)) return true;
    const path = parseVersion(parseJson(line.slice(TRAILER.length + 2)))?.path;
    return path === undefined || !paths.has(path);
  });
  let renamed = subject;
  for (const path of paths) renamed = renamed.replaceAll(makeSingleLine(path), 'a file');
  return [renamed, ...kept].join('\n');
}

/** Makes a text fit into one line of git's, such as a name of an author. */
export function makeSingleLine(text: string): string {
  return text.replace(/[<>\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

function toFields({ path, version, as, info, at }: DescribedVersion): object {
  const described = info && { size: info.size, mtime: info.mtime, sha256: info.sha256 };
  return { path, version, as, at: at.toISOString(), ...described };
}

function parseVersion(fields: Record<string, unknown>): DescribedVersion | undefined {
  const { path, version, as, at, size, mtime, sha256 } = fields;
  if (typeof path !== 'string' || !isSafePath(path) || !isToken(version)) return undefined;
  const date = new Date(typeof at === 'string' ? at : NaN);
  if (Number.isNaN(date.getTime())) return undefined;
  const base = { path, version: version as string, at: date };
  if (as === 'removed') return { ...base, as };
  if (as !== 'stored' && as !== 'named') return undefined;
  if (!isSize(size) || !isNumber(mtime)) return undefined;
  const hash = isToken(sha256) ? { sha256: sha256 as string } : {};
  return { ...base, as, info: { size: size as number, mtime: mtime as number, ...hash } };
}

function parseDocument({ model, id }: Record<string, unknown>): DocumentRef | undefined {
  return isText(model) && isText(id) ? { model: model as string, id: id as string } : undefined;
}

function parseJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
