import { createHash } from 'node:crypto';
import { SyncMediaError } from '../model/errors.js';

/**
 * One OpenSSH public key, encoded anew. Of the text it was parsed from only type and key are
 * left.
 */
export interface PublicKey {
  readonly type: string;
  readonly blob: Buffer;
  /** `type base64`, without a comment. */
  readonly line: string;
}

const pointLengths: Readonly<Record<string, number>> = {
  nistp256: 65,
  nistp384: 97,
  nistp521: 133,
};

/**
 * Parses exactly one ed25519, rsa or ecdsa key in the format of a `.pub` file (RFC 4253, 5656,
 * 8709), with or without a comment. Every key from a row is parsed here before it reaches
 * `authorized_keys`, because a line break would add another key.
 * @param where names the key in error messages
 * @throws BAD_KEY
 */
export function parsePublicKey(text: string, where = 'the key'): PublicKey {
  const bad = (what: string): SyncMediaError =>
    new SyncMediaError(
      'BAD_KEY',
      `${where} ${what}: give exactly one OpenSSH public key, as in a .pub file`,
    );
  if (text.includes('PRIVATE KEY')) throw bad('is a private key');
  const line = text.trim();
  if (/[\r\n\0]/.test(line)) throw bad('is more than one line');
  if (line.length > 16_384) throw bad('is too long');
  const [type = '', base64 = ''] = line.split(/[ \t]+/);
  if (!/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))$/.test(type)) {
    throw bad(
      line === ''
        ? 'is empty'
        : `begins with ${JSON.stringify(type.slice(0, 20))}, which is no ed25519, rsa or ecdsa key`,
    );
  }
  const blob = Buffer.from(base64, 'base64');
  if (base64 === '' || blob.toString('base64') !== base64) throw bad('is not valid base64');
  const wrong = findKeyFault(type, blob);
  if (wrong !== undefined) throw bad(wrong);
  return { type, blob, line: `${type} ${base64}` };
}

/** Formats a fingerprint as `ssh-keygen -l` does: `SHA256:…`. @throws BAD_KEY */
export function formatFingerprint(key: string | PublicKey): string {
  const { blob } = typeof key === 'string' ? parsePublicKey(key) : key;
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function findKeyFault(type: string, blob: Buffer): string | undefined {
  const fields = splitKeyFields(blob);
  if (!fields) return 'is cut off or has bytes after its end';
  const [inner, ...rest] = fields;
  if (inner?.toString('latin1') !== type) return `says ${type} and holds another type`;
  if (type === 'ssh-ed25519')
    return rest.length === 1 && rest[0]?.length === 32
      ? undefined
      : 'has no 32 bytes of ed25519 key';
  if (type === 'ssh-rsa')
    return rest.length === 2 && rest[0] && rest[1]
      ? findRsaFault(rest[0], rest[1])
      : 'is no rsa key';
  const curve = type.slice('ecdsa-sha2-'.length);
  const [name, point] = rest;
  const fits =
    rest.length === 2 &&
    name?.toString('latin1') === curve &&
    point?.length === pointLengths[curve] &&
    point?.[0] === 4;
  return fits ? undefined : `has no point on ${curve}`;
}

function findRsaFault(exponent: Buffer, modulus: Buffer): string | undefined {
  const bits = modulus.length * 8;
  if (exponent.length === 0 || exponent.length > 8) return 'has an rsa exponent that nobody uses';
  // OpenSSH's own lower limit. A leading zero byte keeps the number positive.
  return bits >= 1024 && bits <= 16_384 + 8 ? undefined : `is an rsa key of ${String(bits)} bits`;
}

/**
 * Splits a key into its length-prefixed fields; undefined if they do not end where the key ends.
 */
function splitKeyFields(blob: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < blob.length) {
    if (at + 4 > blob.length) return undefined;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length || fields.length === 3) return undefined;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}
