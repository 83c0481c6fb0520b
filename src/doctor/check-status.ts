import { getRemedy } from '../model/error-catalogue.js';
import type { Host } from '../model/host.js';
import { reportFailed, reportInfo, reportOk, type CheckResult } from './check.js';

/** Checks whether the other hosts let this one in and send to it. */
export function checkStatus(
  { hostname, status, unsealed }: Pick<Host, 'hostname' | 'status' | 'unsealed'>,
  hasSecret: boolean,
): CheckResult {
  switch (status) {
    case 'approved':
      return reportOk(`registered as ${hostname}, and approved`);
    case 'paused':
      return reportInfo(
        `${hostname} is paused: the others send it nothing`,
        `run \`syncmedia hosts edit ${hostname} --status approved\``,
      );
    case 'pending': {
      const why = unsealed
        ? `; its row in the database ${hasSecret ? 'has no valid seal' : 'is malformed'}`
        : '';
      return reportFailed(
        `${hostname} waits for approval: the others send it nothing and refuse its key${why}`,
        getRemedy('HOST_NOT_APPROVED'),
      );
    }
    case 'retired':
      return reportFailed(
        `${hostname} was unregistered: the others send it nothing and refuse its key`,
        'run `syncmedia init`, which registers it again',
      );
  }
}
