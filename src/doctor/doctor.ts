import type { Connection } from 'mongoose';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import type { State } from '../state-dir/state.js';
import { nameProcess } from '../state-dir/process-identity.js';
import type { Registry } from '../hosts/registry.js';
import type { DoctorCheck } from '../api/sync-media.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { Root } from '../replica/replica.js';
import { Ssh } from '../transport/ssh/ssh.js';
import type { UnreadableRows } from '../database/unreadable-rows.js';
import { check, failed, info, ok, type Found } from './check.js';
import { checkKeys } from './check-keys.js';
import { checkOthers, judgeSkew } from './check-others.js';
import { checkPlace } from './check-place.js';
import { checkPrograms } from './check-programs.js';
import { checkRules, type RulesFound } from './check-rules.js';

/** What doctor examines on a machine that was initialised. */
export interface Patient {
  readonly config: Config;
  readonly state: State;
  readonly root: Root;
  readonly dirs: () => SyncDirs;
  readonly registry: Registry;
  readonly unreadable: UnreadableRows;
  readonly rules: RulesFound;
  /** A leader whose lease counter stood still for this long has lost the lease. */
  readonly leaseMs: number;
}

/**
 * Checks everything that must be right on this host and on the way to the other hosts. Each
 * failed check has a remedy. Without a patient (on a machine that was never initialised) only the
 * programs and the database are checked.
 */
export async function examine(
  connection: Connection,
  patient: Patient | undefined,
): Promise<DoctorCheck[]> {
  const checks = [
    ...(await checkPrograms()),
    await check('database', 'see that the database answers', () => checkDatabase(connection)),
  ];
  if (!patient)
    return [
      ...checks,
      {
        name: 'this host',
        ...failed('this machine was never initialised', 'run `syncmedia init`'),
      },
    ];
  const { config, state, root, dirs, registry, rules } = patient;
  await registry.refresh();
  const hosts = registry.all().filter(({ status }) => status !== 'retired');
  const ssh = new Ssh({
    stateDir: config.stateDir,
    identityFile: state.identityFile,
    timeoutMs: config.timeoutMs,
    idleMs: 10_000,
  });
  try {
    const parts = await Promise.all([
      checkPlace({
        root,
        dirs: () => dirs().list,
        isSyncDir: (path) => dirs().byPath(path) !== undefined,
      }),
      checkKeys({
        stateDir: config.stateDir,
        state,
        sealed: config.secret !== undefined,
        hosts,
        dirs: dirs().list,
      }),
      checkRules(rules),
      check('application', '', () => checkSetup(patient)).then((one) => [one]),
      check('database rows', 'see that the database answers', () => checkSetAside(patient)).then(
        (one) => [one],
      ),
      check('lease', 'start the app', () => checkLease(patient)).then((one) => [one]),
      checkOthers({
        connections: ssh.connections,
        hosts: hosts.filter(({ id }) => id !== state.id),
        dirs: dirs().list,
      }),
    ]);
    return [...checks, ...parts.flat()];
  } finally {
    await ssh.close();
  }
}

async function checkDatabase(connection: Connection): Promise<Found> {
  const before = Date.now();
  const answer = await connection.db?.command({ hello: 1 });
  const after = Date.now();
  const clock: unknown = answer?.['localTime'];
  const said = `"${connection.name}" answers in ${String(after - before)} ms`;
  if (!(clock instanceof Date)) return info(`${said}; it does not report its time`);
  const skew = judgeSkew(Math.max(0, before - clock.getTime(), clock.getTime() - after) / 1000);
  return { ...skew, message: `${said}; ${skew.message}` };
}

/** Reports the setup problems that this host's processes recorded when they started. */
function checkSetup({ registry }: Patient): Found {
  const problems = registry.me().setup ?? [];
  const [first] = problems;
  if (first === undefined) return ok('everything that the application declares can be synced here');
  return failed(
    problems.map(({ message }) => message).join('; '),
    [...new Set(problems.map(({ remedy }) => remedy))].join('; '),
  );
}

async function checkSetAside({ unreadable }: Patient): Promise<Found> {
  const [first] = await unreadable.list(1);
  if (first === undefined) return ok('no row had to be set aside');
  return failed(
    `${String(await unreadable.count())} rows were malformed and set aside, last ` +
      `${first.collection} ${first.id} (${first.fields.join(', ')}) at ${first.at.toISOString()}`,
    `look at the collection ${unreadable.name}, find out who wrote these rows, and remove them ` +
      `from it`,
  );
}

/** Waits for the leader to raise its counter. A leader whose counter stands still has stopped. */
async function checkLease({ registry, leaseMs }: Patient): Promise<Found> {
  const first = registry.me().lease;
  const deadline = performance.now() + leaseMs;
  for (let now = first; now !== undefined; now = registry.me().lease) {
    if (now.holder !== first?.holder || now.beat !== first.beat)
      return ok(`held by ${nameProcess(now.holder)}`);
    if (performance.now() > deadline) break;
    await sleep(Math.min(500, leaseMs / 10));
    await registry.refresh();
  }
  return failed(
    first === undefined
      ? 'no process leads this host: nothing is delivered from here'
      : `the process that held the lease, ${nameProcess(first.holder)}, does not answer`,
    'start the app, see that it calls startSyncMedia() once its models are defined, and look ' +
      'into its log',
  );
}
