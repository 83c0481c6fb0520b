import { createConnection } from 'node:net';
import { findRemoteRsyncVersion } from '../transport/rsync/version.js';
import { countSeconds, hostLimits, isSilent } from '../decisions/host-state.js';
import { getRemedy } from '../model/error-catalogue.js';
import { SyncMediaError } from '../model/errors.js';
import { explainMissingSecret, explainUnsealed } from '../hosts/seal.js';
import type { DoctorCheck } from '../api/reports.js';
import { allowsPath } from '../decisions/wants.js';
import { areas, newName } from '../replica/areas.js';
import { checkMarker } from '../replica/marker.js';
import type { SshConnection } from '../transport/ssh/connection.js';
import type { SshConnections } from '../transport/ssh/connections.js';
import type { Host } from '../model/host.js';
import type { SyncDir } from '../model/sync-dir.js';
import { runCheck, reportFailed, reportInfo, reportOk, type CheckResult } from './check.js';
import { checkAbsence } from './check-absence.js';
import { assessRsync } from './check-programs.js';

const greetingMs = 5_000;
const minFreeBytes = 256 * 1024 ** 2;

/**
 * Checks every other host over the same connections that its delivery queue uses.
 * @param now the time of the database, whose clock dates heartbeats
 * @param registered all hosts
 */
export async function checkOthers(
  connections: SshConnections,
  hosts: readonly Host[],
  dirs: readonly SyncDir[],
  now: Date,
  registered: readonly Host[],
): Promise<DoctorCheck[]> {
  const all = await Promise.all(
    hosts.map(async (host): Promise<DoctorCheck[]> => {
      const name = `host ${host.hostname}`;
      if (host.status === 'pending') {
        const why = host.unsealed ? explainUnsealed(host).message : 'nobody has approved it yet';
        return [
          { name, ...reportInfo(`waits for approval: ${why}`, getRemedy('HOST_NOT_APPROVED')) },
        ];
      }
      const reached = await runCheck(
        name,
        (error) => findHostRemedy(error, host),
        () =>
          connections.use(host, () =>
            Promise.resolve(
              reportOk(
                `reached as ${host.username}@${host.url}:${String(host.sshPort)}; its host key ` +
                  `is the pinned one`,
              ),
            ),
          ),
      );
      const heartbeat = checkHeartbeat(host, now);
      if (reached.state === 'failed')
        return [reached, ...heartbeat, ...checkAbsence(host, registered, now)];
      const use = (
        what: string,
        remedy: string,
        examine: (connection: SshConnection) => Promise<CheckResult>,
      ): Promise<DoctorCheck> =>
        runCheck(`${name}: ${what}`, remedy, () => connections.use(host, examine));
      const dir = dirs.find(({ path }) => allowsPath(host, path));
      return [
        reached,
        ...heartbeat,
        await runCheck(`${name}: sshd`, 'look at its sshd', async () =>
          reportOk(await readGreeting(host)),
        ),
        await use('rsync', 'install rsync there', async (connection) =>
          assessRsync(await findRemoteRsyncVersion(connection, host)),
        ),
        ...(await Promise.all(
          dirs
            .filter(({ path }) => allowsPath(host, path))
            .map(({ path }) =>
              use(
                `sync dir ${path}`,
                'mount it there, or run `syncmedia init` there',
                async ({ disk }) => {
                  const failure = await checkMarker(
                    disk,
                    `${host.rootPath.replace(/\/+$/, '')}/${path}`,
                    host.id,
                    path,
                  );
                  return failure
                    ? reportFailed(failure.message, 'mount it there, or run `syncmedia init` there')
                    : reportOk('marked for it');
                },
              ),
            ),
        )),
        ...(dir
          ? [
              await use(
                'clock and writing',
                `let ${host.username} own the sync dirs there`,
                (connection) => checkClock(connection, getTmpFolder(host, dir)),
              ),
              await use('space', 'make room there', async ({ sftp }) => {
                const free = await sftp.freeBytes(getTmpFolder(host, dir));
                if (free === undefined)
                  return reportInfo('its server does not report how much is free');
                const summary = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
                return free < minFreeBytes
                  ? reportFailed(summary, 'make room there: what does not fit is not received')
                  : reportOk(summary);
              }),
            ]
          : []),
      ];
    }),
  );
  return all.flat();
}

/** A passive host has no heartbeat, and an older version sends none with a date. */
function checkHeartbeat(host: Host, now: Date): DoctorCheck[] {
  const name = `host ${host.hostname}: heartbeat`;
  if (isSilent({ host, now })) {
    const message = host.heartbeatAt
      ? `the last one is of ${host.heartbeatAt.toISOString()}`
      : 'no process there has started syncmedia yet';
    return [{ name, ...reportFailed(message, getRemedy('HOST_SILENT')) }];
  }
  if (host.passive || !host.heartbeatAt) return [];
  return [{ name, ...reportOk(`${String(countSeconds(host.heartbeatAt, now))} s ago`) }];
}

function getTmpFolder(host: Host, dir: SyncDir): string {
  return `${host.rootPath.replace(/\/+$/, '')}/${dir.path}/${areas.tmp}`;
}

/**
 * Writes a file there and compares its mtime with our clock. We read our clock before and after
 * writing, so the duration of the request does not count as skew.
 */
async function checkClock({ disk }: SshConnection, folder: string): Promise<CheckResult> {
  const file = `${folder}/${newName()}`;
  const before = Date.now() / 1000;
  try {
    await disk.writeNew(file, Buffer.from('doctor\n'), 0o600);
    const after = Date.now() / 1000;
    const there = (await disk.stat(file))?.mtime;
    if (there === undefined)
      return reportFailed(
        'a file that was written there is gone',
        'look for what removes files there',
      );
    return assessSkew(there < before - 1 ? before - there : Math.max(0, there - after));
  } finally {
    await disk.remove(file);
  }
}

export function assessSkew(seconds: number): CheckResult {
  const summary = `clocks differ by ${seconds < 2 ? 'less than 2' : String(Math.round(seconds))} s`;
  return seconds <= hostLimits.skew
    ? reportOk(summary)
    : reportFailed(summary, getRemedy('CLOCKS_DIFFER'));
}

/** Reads the identification line of its sshd (RFC 4253, 4.2). */
function readGreeting({ url, sshPort }: Host): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: url, port: sshPort, timeout: greetingMs });
    let text = '';
    const end = (error?: Error): void => {
      socket.destroy();
      if (error) reject(error);
      else
        resolve(
          /^SSH-[\x20-\x7e]{1,250}/m.exec(text)?.[0] ?? 'a server that does not identify itself',
        );
    };
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (/^SSH-[^\n]*\n/m.test(text) || text.length > 8_192) end();
    });
    socket.on('timeout', () => {
      end(new SyncMediaError('TIMED_OUT', `${url} port ${String(sshPort)} says nothing`));
    });
    socket.on('error', end).on('end', () => {
      end();
    });
  });
}

function findHostRemedy(error: unknown, host: Host): string {
  const code = error instanceof SyncMediaError ? error.code : 'HOST_UNREACHABLE';
  if (code === 'AUTH_FAILED' && host.uncheckedSeal) return explainMissingSecret([host]).remedy;
  if (code === 'AUTH_FAILED' && host.passive)
    return "put this host's public key into authorized_keys there";
  if (code === 'BAD_OPTION') return 'its row in the database is malformed: register it anew';
  return getRemedy(code);
}
