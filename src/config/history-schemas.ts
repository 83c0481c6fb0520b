import * as v from 'valibot';
import { isHostname } from '../model/host-name.js';

const units: Readonly<Record<string, number>> = {
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
};

/** A number of bytes, as in `32M`. */
export const sizeText = v.pipe(
  v.string(),
  v.regex(/^\d{1,9}[KMGT]?$/),
  v.transform((text) => parseInt(text, 10) * (units[text.slice(-1)] ?? 1)),
);
export const sizeExpected = 'bytes, as in "32M" (K, M, G or T)';
/**
 * A number of bytes that one file may have in git. A push carries whole files, and other hosts
 * refuse a push above 2 GiB.
 */
export const maxGitFile = v.maxValue<number, number>(1024 ** 3);
export const gitFileExpected = 'at most 1G, as in "32M" (bytes, K, M or G)';
/** Names of hosts, separated by commas, or `all`. */
export const hostNamesText = v.pipe(
  v.string(),
  v.transform((text): 'all' | string[] =>
    text === 'all' ? text : text.split(',').map((name) => name.trim()),
  ),
  v.check((names) => names === 'all' || names.every((name) => isHostname(name))),
);
