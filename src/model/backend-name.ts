/** Backends that the row of a host may name. */
export const backendNames = ['rsync', 'git', 'git-annex'] as const;
export type BackendName = (typeof backendNames)[number];

/** Backends of this release. `transport/registry.ts` creates each. */
export const availableBackends = ['rsync', 'git'] as const satisfies readonly BackendName[];
export type AvailableBackend = (typeof availableBackends)[number];
