import type { Parts } from './parts.js';

/** One line for the log of an application that has started. @param leader who leads this host; undefined: nobody yet */
export function describeStart({ registry, dirs }: Pick<Parts, 'registry' | 'dirs'>, leader: 'this process' | 'another process' | undefined): string {
  const hosts = registry.all().filter(({ status }) => status !== 'retired').map(({ hostname }) => hostname);
  const syncDirs = dirs.current().list.map(({ path }) => path);
  return `started on host ${registry.me().hostname}; sync dirs: ${syncDirs.join(', ') || 'none'}; known hosts: ${hosts.join(', ')}; leader: ${leader ?? 'none yet'}`;
}
