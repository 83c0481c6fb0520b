import type { Overview } from '../api/overview.js';
import { describeInit } from './setup-needs.js';

/** The overview of a machine that was not initialised: the command that registers it. */
export function describeUnregistered({
  now,
  hostnames,
  root,
  syncDirs,
}: {
  readonly now: Date;
  /** The hosts of this database. */
  readonly hostnames: readonly string[];
  readonly root: string | undefined;
  readonly syncDirs: readonly string[];
}): Overview {
  const isFirst = hostnames.length === 0;
  return {
    at: now,
    id: `unregistered ${String(hostnames.length)}`,
    headline: isFirst ? 'No machine is registered yet' : 'This machine is not registered',
    entries: 0,
    missing: { count: 0, capped: false },
    captures: { count: { count: 0, capped: false } },
    hosts: [],
    needs: [
      {
        id: 'setup this machine',
        kind: 'setup',
        title: isFirst ? 'No machine is registered yet' : 'This machine is not registered',
        cause: isFirst
          ? 'Run this command first on the machine that has the files.'
          : `${String(hostnames.length)} other ` +
            `${hostnames.length === 1 ? 'host is' : 'hosts are'} registered in this database.`,
        safe: 'Until then nothing is captured, sent or received here.',
        remedy: 'Run the command in the directory of the application.',
        command: describeInit(root, syncDirs),
      },
    ],
    runs: [],
    recent: [],
  };
}
