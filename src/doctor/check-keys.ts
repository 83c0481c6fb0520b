import { lstat, readFile } from 'node:fs/promises';
import { checkGate, readGateDirs } from '../access/gate.js';
import type { HostContext } from '../context/host-context.js';
import { checkPrivateKey } from '../access/own-key.js';
import { parsePublicKey } from '../util/public-key.js';
import { explainMissingSecret, explainUnsealed, remedyForUnreadable } from '../hosts/seal.js';
import type { HostState } from '../state-dir/state.js';
import type { DoctorCheck } from '../api/reports.js';
import type { Host } from '../model/host.js';
import { runCheck, reportFailed, reportInfo, reportOk, type CheckResult } from './check.js';
import { checkConnections } from './check-connections.js';

/** Checks this host's keys, their confinement, and the seals of the host rows. */
export async function checkKeys(
  { config, state, dirs: known }: Pick<HostContext, 'config' | 'state' | 'dirs'>,
  hosts: readonly Host[],
): Promise<DoctorCheck[]> {
  const { stateDir, secret } = config,
    dirs = known.current().list;
  const me = hosts.find(({ id }) => id === state.id);
  return Promise.all([
    runCheck('key', 'make one with `syncmedia init --generate`', async () => {
      if (me === undefined || me.publicKey === '')
        return reportFailed('this host has no key in the database', 'run `syncmedia init`');
      await checkPrivateKey(
        state.identityFile,
        parsePublicKey(me.publicKey, `the registered key of ${me.hostname}`),
      );
      return reportOk(state.identityFile);
    }),
    runCheck(
      'state folder',
      `chmod 700 ${stateDir}, and let the user who runs the app own it`,
      () => checkStateFolder(stateDir),
    ),
    runCheck('authorized_keys', 'run `syncmedia init`', () => checkAuthorizedKeys(state, hosts)),
    runCheck('confinement', 'put that right, or run `syncmedia init --unconfined`', async () =>
      state.unconfined
        ? reportInfo(
            'none: the key of every other host opens a login shell here',
            'run `syncmedia init --confined`',
          )
        : reportOk(await checkGate(stateDir)),
    ),
    runCheck('open sync dirs', '', async () => {
      const open = state.unconfined ? dirs.map(({ path }) => path) : await readGateDirs(stateDir);
      const closed = dirs.filter(({ path }) => !open.includes(path)).map(({ path }) => path);
      return closed.length === 0
        ? reportOk('other hosts can reach all of them')
        : reportFailed(
            `other hosts cannot reach ${closed.join(', ')}`,
            'run `syncmedia init`, or start the app, whose models declare them',
          );
    }),
    ...(state.unconfined
      ? []
      : [runCheck('open connections', '', () => checkConnections(stateDir, hosts))]),
    runCheck('seals', '', () => checkSeals(secret !== undefined, hosts)),
    runCheck('rows of hosts', '', () => checkHostRows(hosts)),
  ]);
}

async function checkStateFolder(stateDir: string): Promise<CheckResult> {
  const { mode, uid } = await lstat(stateDir);
  const isOurs = uid === process.geteuid?.() && (mode & 0o077) === 0;
  return isOurs
    ? reportOk(stateDir)
    : reportFailed(
        `${stateDir} belongs to, or is open to, others`,
        `chmod 700 ${stateDir}, and let the user who runs the app own it`,
      );
}

/**
 * Looks for host keys outside the managed block: such a line gives that host an unconfined shell.
 */
async function checkAuthorizedKeys(
  { authorizedKeysFile: file }: HostState,
  hosts: readonly Host[],
): Promise<CheckResult> {
  const text = await readFile(file, 'latin1');
  const outside = text.replace(/^# syncmedia begin [^]*?^# syncmedia end [^\n]*$/gm, '');
  if (outside === text)
    return reportFailed(
      `${file} has no block of syncmedia`,
      'start the app, or run `syncmedia init`',
    );
  const loose = hosts.filter(
    ({ publicKey }) =>
      publicKey !== '' &&
      outside
        .split('\n')
        .some(
          (line) => !line.startsWith('#') && line.includes(publicKey.split(' ')[1] ?? publicKey),
        ),
  );
  if (loose.length === 0) return reportOk(`${file} lets no host in outside the block`);
  return reportFailed(
    `${file} has the keys of ${loose.map(({ hostname }) => hostname).join(', ')} outside the ` +
      `block of syncmedia too, unconfined`,
    `remove those lines from ${file}`,
  );
}

function checkSeals(sealed: boolean, hosts: readonly Host[]): CheckResult {
  const sealedElsewhere = hosts.filter((host) => host.uncheckedSeal);
  if (!sealed && sealedElsewhere.length > 0) {
    const { message, remedy } = explainMissingSecret(sealedElsewhere);
    return reportFailed(message, remedy);
  }
  if (!sealed)
    return reportInfo(
      'SYNCMEDIA_SECRET is not set: anyone with write access to the database can register a ' +
        'host of their own',
      'set it on all machines, and run `syncmedia init` on each (docs/trust.md)',
    );
  const unsealed = hosts.filter((host) => host.unsealed);
  const [first] = unsealed;
  if (first === undefined) return reportOk('every host has a valid seal');
  const { message, remedy } = explainUnsealed(first);
  return reportFailed(`${unsealed.map(({ hostname }) => hostname).join(', ')}: ${message}`, remedy);
}

export function checkHostRows(hosts: readonly Host[]): CheckResult {
  const unreadable = hosts.filter((host) => host.unreadable);
  if (unreadable.length === 0) return reportOk('every field of every host can be used');
  return reportFailed(
    unreadable.map((host) => `${host.hostname}: ${host.unreadable?.join(', ') ?? ''}`).join('; '),
    remedyForUnreadable,
  );
}
