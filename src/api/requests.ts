import type { Host } from '../model/host.js';

/**
 * The values to register for a host. An omitted value keeps its stored value, or gets the default
 * given in docs/reference.md.
 */
export interface HostRegistration {
  hostname?: string;
  url?: string;
  sshPort?: number;
  username?: string;
  /** A path to a public key, or a literal public key line. */
  key?: string;
  /**
   * Makes an ed25519 key pair in the state folder, or uses the pair made there before. Excludes
   * `key`.
   */
  generate?: boolean;
  root?: string;
  syncDirs?: readonly string[];
  /**
   * Gives the keys of other hosts a login shell here, for machines that cannot confine them to
   * the sync dirs.
   */
  unconfined?: boolean;
  /**
   * Retires the host that has this name, if it is not at work, and takes over what it captured
   * and did not record: for a machine whose state folder was lost. Default false.
   */
  replace?: boolean;
}

export interface PassiveHostRegistration extends Omit<
  HostRegistration,
  'unconfined' | 'generate' | 'replace'
> {
  hostname: string;
  root: string;
  /**
   * The fingerprint (`SHA256:…`) of one of its sshd's host keys. The server must present that
   * key.
   */
  fingerprint?: string;
  /**
   * A host key of its sshd, as the line of a `.pub` file, instead of the fingerprint. Its sshd is
   * not asked for its keys then.
   */
  hostKey?: string;
}

/** The source of a change of a host. */
export interface HostChange {
  /**
   * Whether the request comes from somebody who is not at one of the hosts. A change of what
   * identifies or reaches a host then makes it wait for approval, and nothing connects to an
   * unapproved address. Default false.
   */
  remote?: boolean;
}

/** The changeable fields of a registered host. */
export type HostEdit = Partial<
  Pick<Host, 'hostname' | 'url' | 'sshPort' | 'username' | 'rootPath'>
> & {
  syncDirs?: readonly string[];
  status?: 'approved' | 'paused';
  publicKey?: string;
};

export interface RunRequest {
  /** Host names or ids; empty or omitted: all. */
  hosts?: readonly string[];
  /** Sync dirs; empty or omitted: all. */
  dirs?: readonly string[];
  dryRun?: boolean;
  /** Who requests the run; stored with it. */
  by?: string;
}

/** The scope of a verify run; see RunRequest. */
export interface VerifyRequest {
  /** Hosts to verify, also this one; empty or omitted: all. */
  hosts?: readonly string[];
  dirs?: readonly string[];
  /**
   * Whether to fetch or send missing, rotten or outdated files, from bytes that match the ledger.
   * Default false.
   */
  repair?: boolean;
  by?: string;
}

/** A document of a plugged model, or the path of one file (root-relative or absolute). */
export type NamedFiles = string | { readonly _id: unknown };
