import type { HostContext } from '../context/host-context.js';

/**
 * Formats the log line of an application that has started.
 * @param leader the process that leads this host; undefined if there is none yet
 */
export function describeStart(
  { registry, dirs }: Pick<HostContext, 'registry' | 'dirs'>,
  leader: 'this process' | 'another process' | undefined,
): string {
  const hosts = registry
    .all()
    .filter(({ status }) => status !== 'retired')
    .map(({ hostname }) => hostname);
  const syncDirs = dirs.current().list.map(({ path }) => path);
  return (
    `started on host ${registry.me().hostname}; sync dirs: ` +
    `${syncDirs.join(', ') || 'none'}; known hosts: ${hosts.join(', ')}; leader: ` +
    `${leader ?? 'none yet'}`
  );
}
