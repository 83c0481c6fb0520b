import type { Host, Path } from '../words.js';

/** Whether a host's allow-list has this path; an empty list means all sync dirs. */
export function allows(host: Pick<Host, 'syncDirs'>, path: string): boolean {
  return host.syncDirs.length === 0 || host.syncDirs.some((dir) => path === dir || path.startsWith(`${dir}/`));
}

/** Whether a host is owed files at this path: a person approved it (paused ones are owed, but not sent to) and its list has it. */
export function wants(host: Pick<Host, 'status' | 'syncDirs'>, path: Path): boolean {
  return (host.status === 'approved' || host.status === 'paused') && allows(host, path);
}

/** Whether a host tells the ledger by itself of what its app writes: it is active, and ready. */
export function captures(host: Pick<Host, 'passive' | 'status' | 'readyAt'>): boolean {
  return !host.passive && host.status !== 'retired' && host.readyAt !== undefined;
}
