/** The backends. `transport/registry.ts` creates each. */
export const backendNames = ['rsync', 'git', 'git-annex'] as const;
export type BackendName = (typeof backendNames)[number];
