import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { formatKeyLine } from '../../src/access/format-key-line.js';
import { checkGate, formatGateCommand, openGateDirs, setGateHosts } from '../../src/access/gate.js';
import { getErrorMessage } from '../../src/model/errors.js';
import type { Path } from '../../src/model/path.js';
import type { TestHost } from '../harness/sshd.js';

/**
 * Why keys cannot be confined on this machine, for the names of skipped tests; undefined where
 * they can.
 */
export const gateIsMissing = await checkGate(tmpdir()).then(() => undefined, getErrorMessage);
if (gateIsMissing !== undefined)
  console.warn(`SKIPPED, everything about confined keys: ${gateIsMissing}`);

/**
 * For a host of a test that is not about confinement: the environment of `init`, by which it works
 * everywhere.
 */
export const confinement: Record<string, string> =
  gateIsMissing === undefined ? {} : { SYNCMEDIA_UNCONFINED: 'true' };

/**
 * Lets these hosts in to the sync dirs below `root`, each with its key, confined as `init` does it;
 * and nobody else.
 */
export async function confine(
  there: TestHost,
  root: string,
  dirs: readonly Path[],
  ...keys: { id: string; publicKey: string }[]
): Promise<void> {
  const state = { root, syncDirs: [] };
  await openGateDirs(there.stateDir, state, dirs);
  await setGateHosts(
    there.stateDir,
    state,
    keys.map(({ id }) => id),
  );
  const lines = keys.map((key) => formatKeyLine(key, formatGateCommand(there.stateDir, key.id)));
  await writeFile(there.authorizedKeysFile, lines.map((line) => `${line}\n`).join(''), {
    mode: 0o600,
  });
}

export async function readKey(identityFile: string): Promise<string> {
  return (await readFile(`${identityFile}.pub`, 'utf8')).trim();
}
