import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { FileInfo } from '../../model/file.js';
import type { HostId } from '../../model/host.js';

/** A file content, as git-annex names it: by its size and the ledger's sha256. */
export type AnnexKey = string & { readonly annexKey: unique symbol };

/** Undefined without a sha256: then nobody knows which bytes are meant. */
export function makeKey({ size, sha256 }: FileInfo): AnnexKey | undefined {
  return sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256)
    ? (`SHA256-s${String(size)}--${sha256}` as AnnexKey)
    : undefined;
}

export function isKey(name: string): name is AnnexKey {
  return /^SHA256-s\d{1,16}--[0-9a-f]{64}$/.test(name);
}

/** The bytes of a content, as its key says. */
export function getKeySize(key: AnnexKey): number {
  return Number(/^SHA256-s(\d+)-/.exec(key)?.[1] ?? 0);
}

/**
 * The place of a content below the repository. git-annex documents it as stable: in a bare
 * repository two folders by the MD5 of the key, then one of the key's own.
 */
export function getObjectPath(key: AnnexKey): string {
  const md5 = createHash('md5').update(key).digest('hex');
  return join('annex/objects', md5.slice(0, 3), md5.slice(3, 6), key, key);
}

/**
 * The name by which git-annex knows the annex of a host. It follows from the host id, so no host
 * has to ask another one, and the gate can check it.
 */
export function makeAnnexUuid(host: HostId): string {
  const hex = createHash('sha256').update(`syncmedia annex ${host}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}
