import { dirname } from 'node:path';
import { readGatePidNamespace } from '../access/gate.js';
import { listConnections } from '../access/open-connections.js';
import type { Host } from '../model/host.js';
import { readPidNamespace } from '../state-dir/process-identity.js';
import { listFirst } from '../util/list-first.js';
import { reportFailed, reportOk, type CheckResult } from './check.js';

const maxShown = 10;

/** Checks whether the open connections of a host would end if it were unregistered. */
export async function checkConnections(
  stateDir: string,
  hosts: readonly Pick<Host, 'id' | 'hostname'>[],
): Promise<CheckResult> {
  const connections = await listConnections(stateDir);
  const applicationNamespace = (await readGatePidNamespace(stateDir)) ?? readPidNamespace();
  const elsewhere = connections.filter(
    ({ pidNamespace }) => pidNamespace !== '' && pidNamespace !== applicationNamespace,
  );
  const staying = elsewhere.filter(({ isWatched }) => !isWatched);
  const [first] = staying;
  if (first) {
    const names = staying.map(
      ({ host }) =>
        hosts.find(({ id }) => id === host)?.hostname ?? `the unregistered host ${host}`,
    );
    return reportFailed(
      `connections of ${listFirst([...new Set(names)], maxShown)} do not end with the rights of ` +
        `their host: their sshd runs in another pid namespace than the application, and they ` +
        `began when it did not`,
      `restart that sshd, then remove the records of connections that have ended from ` +
        dirname(first.file),
    );
  }
  return reportOk(
    elsewhere.length > 0
      ? 'those of a host that is unregistered end within seconds; sshd runs in another pid ' +
          'namespace than the application'
      : 'those of a host that is unregistered end with its key',
  );
}
