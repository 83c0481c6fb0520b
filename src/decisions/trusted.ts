import type { Host } from '../model/host.js';
import { isBoolean, isList, isText, listMisfits, type FieldCheck } from '../model/row-shapes.js';

/**
 * The fields of a host's row that decide whom other hosts let in and where they send, each with
 * the check of its value. All other fields are information only. Every seal was made in this order.
 */
const trustedShape = {
  id: isText,
  hostname: isText,
  url: isText,
  sshPort: Number.isInteger,
  username: isText,
  publicKey: isText,
  hostKeys: isList(isText),
  rootPath: isText,
  syncDirs: isList(isText),
  passive: isBoolean,
  status: isText,
} satisfies Partial<Record<keyof Host, FieldCheck>>;
const trustedNames = Object.keys(trustedShape) as (keyof TrustedFields)[];

export type TrustedFields = Pick<Host, keyof typeof trustedShape>;

export function pickTrusted(host: TrustedFields): TrustedFields {
  return Object.fromEntries(trustedNames.map((name) => [name, host[name]])) as TrustedFields;
}

/**
 * Fields that identify a host or say where it is reached. A change of these needs a new approval.
 */
const identifyingFields = [
  'url',
  'sshPort',
  'username',
  'publicKey',
  'hostKeys',
  'rootPath',
] as const;

/**
 * The trusted fields of a host as one text that is unique for their values. Undefined if a field
 * has a wrong type, since a row of the database may hold anything. Without the status, it is the
 * text that a person approves.
 */
export function formatTrusted(
  host: TrustedFields,
  options: { status: boolean },
): string | undefined {
  if (listMisfits(trustedShape, host).length > 0) return undefined;
  const names = options.status ? trustedNames : trustedNames.filter((name) => name !== 'status');
  // An array needs no agreed order of keys.
  return JSON.stringify([1, ...names.map((name) => host[name])]);
}

/** Whether these values would turn the host into one that nobody approved. */
export function identifiesAnother(before: Host, after: Partial<Host>): boolean {
  return identifyingFields.some(
    (field) =>
      after[field] !== undefined && JSON.stringify(after[field]) !== JSON.stringify(before[field]),
  );
}
