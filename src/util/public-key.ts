import { createHash, createPublicKey } from 'node:crypto';
import ssh2 from 'ssh2';
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
  const fault = findKeyFault(type, blob);
  if (fault !== undefined) throw bad(fault);
  return { type, blob, line: `${type} ${base64}` };
}

/** Like `parsePublicKey`, but returns undefined for any other text. */
export function findPublicKey(text: string): PublicKey | undefined {
  try {
    return parsePublicKey(text);
  } catch {
    return undefined;
  }
}

/** Formats a fingerprint as `ssh-keygen -l` does: `SHA256:…`. @throws BAD_KEY */
export function formatFingerprint(key: string | Pick<PublicKey, 'blob'>): string {
  const { blob } = typeof key === 'string' ? parsePublicKey(key) : key;
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The first byte of a point with both coordinates (SEC 1, 2.3.3). */
const uncompressedPoint = 4;

/**
 * ssh2 parses the key, and OpenSSL checks its numbers. Written out again it must be the same
 * bytes, so nothing is left over.
 */
function findKeyFault(type: string, blob: Buffer): string | undefined {
  try {
    const parsed = ssh2.utils.parseKey(`${type} ${blob.toString('base64')}`);
    if (parsed instanceof Error || !parsed.getPublicSSH().equals(blob))
      return `holds no complete ${type} key, or something after it`;
    const { modulusLength, publicExponent = 0n } =
      createPublicKey(parsed.getPublicPEM()).asymmetricKeyDetails ?? {};
    if (modulusLength !== undefined && (publicExponent < 3n || publicExponent % 2n === 0n))
      return 'has an rsa exponent that no key can have';
    if (publicExponent >= 2n ** 64n) return 'has an rsa exponent that nobody uses';
    // OpenSSH takes no other form of a point. The curve's name has eight bytes, as `nistp256`.
    if (type.startsWith('ecdsa-') && blob[4 + type.length + 4 + 8 + 4] !== uncompressedPoint)
      return 'has its point in a form that OpenSSH does not read';
    // 1024 is OpenSSH's own lower limit.
    return modulusLength !== undefined && (modulusLength < 1024 || modulusLength > 16_384)
      ? `is an rsa key of ${String(modulusLength)} bits`
      : undefined;
  } catch {
    // Both throw for some malformed keys, for example for a point that is not on its curve.
    return `holds no valid ${type} key`;
  }
}
