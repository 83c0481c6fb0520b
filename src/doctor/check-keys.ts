import { lstat, readFile } from 'node:fs/promises';
import { checkGate, readGateDirs } from '../access/gate.js';
import { checkIdentity } from '../access/own-key.js';
import { parsePublicKey } from '../access/public-key.js';
import { explainMissingSecret, explainUnsealed, remedyForUnreadable } from '../hosts/seal.js';
import type { State } from '../state-dir/state.js';
import type { DoctorCheck } from '../api/sync-media.js';
import type { Host, SyncDir } from '../model/words.js';
import { check, failed, info, ok, type Found } from './check.js';

export interface KeysContext {
  readonly stateDir: string;
  readonly state: State;
  readonly sealed: boolean;
  readonly hosts: readonly Host[];
  readonly dirs: readonly SyncDir[];
}

/** Checks this host's keys, their confinement, and the seals of the host rows. */
export async function checkKeys({
  stateDir,
  state,
  sealed,
  hosts,
  dirs,
}: KeysContext): Promise<DoctorCheck[]> {
  const me = hosts.find(({ id }) => id === state.id);
  return Promise.all([
    check('key', 'make one with `syncmedia init --generate`', async () => {
      if (me === undefined || me.publicKey === '')
        return failed('this host has no key in the database', 'run `syncmedia init`');
      await checkIdentity(
        state.identityFile,
        parsePublicKey(me.publicKey, `the registered key of ${me.hostname}`),
      );
      return ok(state.identityFile);
    }),
    check('state folder', `chmod 700 ${stateDir}, and let the user who runs the app own it`, () =>
      checkStateFolder(stateDir),
    ),
    check('authorized_keys', 'run `syncmedia init`', () => checkAuthorizedKeys(state, hosts)),
    check('confinement', 'put that right, or run `syncmedia init --unconfined`', async () =>
      state.unconfined
        ? info(
            'none: the key of every other host opens a login shell here',
            'run `syncmedia init --confined`',
          )
        : ok(await checkGate()),
    ),
    check('open sync dirs', '', async () => {
      const open = state.unconfined ? dirs.map(({ path }) => path) : await readGateDirs(stateDir);
      const closed = dirs.filter(({ path }) => !open.includes(path)).map(({ path }) => path);
      return closed.length === 0
        ? ok('other hosts can reach all of them')
        : failed(
            `other hosts cannot reach ${closed.join(', ')}`,
            'run `syncmedia init`, or start the app, whose models declare them',
          );
    }),
    check('seals', '', () => checkSeals(sealed, hosts)),
    check('rows of hosts', '', () => checkRows(hosts)),
  ]);
}

async function checkStateFolder(stateDir: string): Promise<Found> {
  const { mode, uid } = await lstat(stateDir);
  const isOurs = uid === process.geteuid?.() && (mode & 0o077) === 0;
  return isOurs
    ? ok(stateDir)
    : failed(
        `${stateDir} belongs to, or is open to, others`,
        `chmod 700 ${stateDir}, and let the user who runs the app own it`,
      );
}

/**
 * Looks for host keys outside the managed block: such a line gives that host an unconfined shell.
 */
async function checkAuthorizedKeys(
  { authorizedKeysFile: file }: State,
  hosts: readonly Host[],
): Promise<Found> {
  const text = await readFile(file, 'latin1');
  const outside = text.replace(/^# syncmedia begin [^]*?^# syncmedia end [^\n]*$/gm, '');
  if (outside === text)
    return failed(`${file} has no block of syncmedia`, 'start the app, or run `syncmedia init`');
  const loose = hosts.filter(
    ({ publicKey }) =>
      publicKey !== '' &&
      outside
        .split('\n')
        .some(
          (line) => !line.startsWith('#') && line.includes(publicKey.split(' ')[1] ?? publicKey),
        ),
  );
  if (loose.length === 0) return ok(`${file} lets no host in outside the block`);
  return failed(
    `${file} has the keys of ${loose.map(({ hostname }) => hostname).join(', ')} outside the ` +
      `block of syncmedia too, unconfined`,
    `remove those lines from ${file}`,
  );
}

function checkSeals(sealed: boolean, hosts: readonly Host[]): Found {
  const sealedElsewhere = hosts.filter((host) => host.uncheckedSeal);
  if (!sealed && sealedElsewhere.length > 0) {
    const { message, remedy } = explainMissingSecret(sealedElsewhere);
    return failed(message, remedy);
  }
  if (!sealed)
    return info(
      'SYNCMEDIA_SECRET is not set: anyone with write access to the database can register a ' +
        'host of their own',
      'set it on all machines, and run `syncmedia init` on each (README, "Trust")',
    );
  const unsealed = hosts.filter((host) => host.unsealed);
  const [first] = unsealed;
  if (first === undefined) return ok('every host has a valid seal');
  const { message, remedy } = explainUnsealed(first);
  return failed(`${unsealed.map(({ hostname }) => hostname).join(', ')}: ${message}`, remedy);
}

function checkRows(hosts: readonly Host[]): Found {
  const unreadable = hosts.filter((host) => host.unreadable);
  if (unreadable.length === 0) return ok('every field of every host can be used');
  return failed(
    unreadable.map((host) => `${host.hostname}: ${host.unreadable?.join(', ') ?? ''}`).join('; '),
    remedyForUnreadable,
  );
}
