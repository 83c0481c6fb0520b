import type { Connection } from 'mongoose';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostContext } from '../context/host-context.js';
import { readDatabaseClock } from '../database/database-clock.js';
import { getRemedy } from '../model/error-catalogue.js';
import { nameProcess } from '../state-dir/process-identity.js';
import type { DoctorCheck } from '../api/reports.js';
import type { Host, HostId } from '../model/host.js';
import { Ssh } from '../transport/ssh/ssh.js';
import { runCheck, reportFailed, reportInfo, reportOk, type CheckResult } from './check.js';
import { checkHistory } from './check-history.js';
import { checkHostRows, checkKeys } from './check-keys.js';
import { checkOthers, assessSkew } from './check-others.js';
import { checkPlace } from './check-place.js';
import { checkPrograms } from './check-programs.js';
import { checkRules } from './check-rules.js';
import { checkStatus } from './check-status.js';

/** What doctor examines on a machine that was initialised. */
export type ExaminedHost = Pick<
  HostContext,
  'config' | 'tuning' | 'state' | 'replica' | 'dirs' | 'registry' | 'unreadable' | 'ledger'
>;

/**
 * Checks everything that must be right on this host and on the way to the other hosts. Each
 * failed check has a remedy. Without a patient (on a machine that was never initialised) only the
 * programs and the database are checked.
 */
export async function examineHost(
  connection: Connection,
  examined: ExaminedHost | undefined,
): Promise<DoctorCheck[]> {
  const checks = [
    ...(await checkPrograms()),
    await runCheck('database', 'see that the database answers', () => checkDatabase(connection)),
  ];
  if (!examined)
    return [
      ...checks,
      {
        name: 'this host',
        ...reportFailed('this machine was never initialised', 'run `syncmedia init`'),
      },
    ];
  const { config, state, registry } = examined;
  await registry.refresh();
  const now = await readDatabaseClock(connection);
  const hosts = registry.all().filter(({ status }) => status !== 'retired');
  const ssh = new Ssh({
    stateDir: config.stateDir,
    identityFile: state.identityFile,
    timeoutMs: config.timeoutMs,
    idleMs: 10_000,
  });
  try {
    const parts = await Promise.all([
      runCheck('this host', 'run `syncmedia init`', () =>
        checkStatus(registry.me(), config.secret !== undefined),
      ).then((one) => [one]),
      checkPlace(examined),
      checkKeys(examined, hosts),
      checkRules(examined.dirs),
      runCheck('application', '', () => checkSetup(registry.me())).then((one) => [one]),
      runCheck('database rows', 'see that the database answers', () =>
        checkUnreadableRows(examined),
      ).then((one) => [one]),
      runCheck('lease', 'start the app', () => checkLease(examined, state.id)).then((one) => [one]),
      checkOthers(
        ssh.connections,
        hosts.filter(({ id }) => id !== state.id),
        examined.dirs.current().list,
        now,
        hosts,
      ),
    ]);
    return [...checks, ...(await checkHistory(examined)), ...parts.flat()];
  } finally {
    await ssh.close();
  }
}

/** Checks of another host what this one can see: its row, and the way to it. */
export async function examineOther(
  connection: Connection,
  examined: ExaminedHost,
  host: Host,
): Promise<DoctorCheck[]> {
  const now = await readDatabaseClock(connection);
  const { config, state, registry } = examined;
  const ssh = new Ssh({
    stateDir: config.stateDir,
    identityFile: state.identityFile,
    timeoutMs: config.timeoutMs,
    idleMs: 10_000,
  });
  const others = registry.all().filter(({ status }) => status !== 'retired');
  try {
    const parts = await Promise.all([
      runCheck(host.hostname, '', () => checkStatus(host, config.secret !== undefined)),
      ...(host.passive
        ? []
        : [
            runCheck('application', '', () => checkSetup(host)),
            runCheck('lease', 'start the app there', () => checkLease(examined, host.id)),
          ]),
      runCheck('halted', '', () => checkHalted(host)),
      runCheck('row', '', () => checkHostRows([host])),
      ...others.flatMap(({ hostname, deliveries }) => {
        const failure = deliveries[host.id]?.failure;
        return failure
          ? [
              runCheck(`deliveries from ${hostname}`, '', () =>
                reportFailed(`${failure.code}: ${failure.message}`, getRemedy(failure.code)),
              ),
            ]
          : [];
      }),
    ]);
    return [
      ...parts,
      ...(await checkOthers(ssh.connections, [host], examined.dirs.current().list, now, others)),
    ];
  } finally {
    await ssh.close();
  }
}

function checkHalted({ halted }: Host): CheckResult {
  const failures = Object.values(halted);
  if (failures.length === 0) return reportOk('nothing waits for a person');
  return reportFailed(
    failures.map(({ code, message }) => `${code}: ${message}`).join('; '),
    [...new Set(failures.map(({ code }) => getRemedy(code)))].join(' '),
  );
}

async function checkDatabase(connection: Connection): Promise<CheckResult> {
  const before = Date.now();
  const answer = await connection.db?.command({ hello: 1 });
  const after = Date.now();
  const clock: unknown = answer?.['localTime'];
  const summary = `"${connection.name}" answers in ${String(after - before)} ms`;
  if (!(clock instanceof Date)) return reportInfo(`${summary}; it does not report its time`);
  const skew = assessSkew(Math.max(0, before - clock.getTime(), clock.getTime() - after) / 1000);
  return { ...skew, message: `${summary}; ${skew.message}` };
}

/** Reports the setup problems that a host's processes recorded when they started. */
function checkSetup({ setup: problems = [] }: Host): CheckResult {
  const [first] = problems;
  if (first === undefined)
    return reportOk('everything that the application declares can be synced here');
  return reportFailed(
    problems.map(({ message }) => message).join('; '),
    [...new Set(problems.map(({ remedy }) => remedy))].join('; '),
  );
}

async function checkUnreadableRows({ unreadable }: ExaminedHost): Promise<CheckResult> {
  const [first] = await unreadable.list(1);
  if (first === undefined) return reportOk('no row had to be set aside');
  return reportFailed(
    `${String(await unreadable.count())} rows were malformed and set aside, last ` +
      `${first.collection} ${first.id} (${first.fields.join(', ')}) at ${first.at.toISOString()}`,
    `look at the collection ${unreadable.name}, find out who wrote these rows, and remove them ` +
      `from it`,
  );
}

/** Waits for the leader to raise its counter. A leader whose counter stands still has stopped. */
async function checkLease(
  { registry, tuning: { leaseMs } }: ExaminedHost,
  id: HostId,
): Promise<CheckResult> {
  const first = registry.find(id)?.lease;
  const deadline = performance.now() + leaseMs;
  for (let now = first; now !== undefined; now = registry.find(id)?.lease) {
    if (now.leader !== first?.leader || now.beat !== first.beat)
      return reportOk(`held by ${nameProcess(now.leader)}`);
    if (performance.now() > deadline) break;
    await sleep(Math.min(500, leaseMs / 10));
    await registry.refresh();
  }
  return reportFailed(
    first === undefined
      ? 'no process leads this host: nothing is delivered from it'
      : `the process that held the lease, ${nameProcess(first.leader)}, does not answer`,
    getRemedy('HOST_SILENT'),
  );
}
