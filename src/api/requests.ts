import type { DocumentRef } from '../model/capture.js';
import type { Host } from '../model/host.js';
import type { Run } from '../model/run.js';

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
   * Retires the host that has this name, if it is not at work, and takes over its saves that are
   * not recorded: for a machine whose state folder was lost. Default false.
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
  /** Who requests it; stored with a pause. */
  by?: string;
}

/** The changeable fields of a registered host. */
export type HostEdit = Partial<
  Pick<Host, 'hostname' | 'url' | 'sshPort' | 'username' | 'rootPath'>
> & {
  syncDirs?: readonly string[];
  status?: 'approved' | 'paused';
  /** Why the host is paused; goes with that status. At most 500 characters. */
  reason?: string;
  publicKey?: string;
};

/** What `previewChange` showed before a host is retired. The retirement counts for that alone. */
export interface ShownHost {
  digest?: string;
  /** The count of files that no other host has. */
  onlyHere?: number;
  /** Whether the host is only retired if the site loses nothing by it. Default false. */
  safe?: boolean;
  /** The rescans that were stored before a scan of its whole disk began, which made up for them. */
  scanned?: Host['rescans'];
}

export interface RunRequest {
  /**
   * The host that carries the run out, by name or id; default: this one. It must be approved and
   * active. Nobody hurries it: it begins when its leader next looks, within seconds.
   */
  at?: string;
  /**
   * Host names or ids; empty or omitted: all that are approved. A named host that is paused, waits
   * for approval, or is too new for a pull, makes the run end as failed; the others take part.
   */
  hosts?: readonly string[];
  /** Sync dirs; empty or omitted: all. */
  dirs?: readonly string[];
  /** Only shows what the run would do. Default false; for an adoption true. */
  dryRun?: boolean;
  /** Who requests the run; stored with it. */
  by?: string;
}

/** The scope of a verify run; see RunRequest. */
export interface VerifyRequest {
  at?: string;
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

/** Which runs to list. Every condition that is given must hold. */
export interface RunQuery {
  state?: Run['state'];
  /** The host that carries them out, by name or id. */
  host?: string;
  /**
   * The list goes on after this run: its `requestedAt` in milliseconds since 1970, a hyphen, and
   * its `id`. The router gives it as `next`.
   */
  after?: string;
  /** Default 100; at most 1,000. */
  limit?: number;
}

/**
 * Which files to find: one of `path`, `document` and `url`, or entries of the ledger that meet
 * every other condition, by path.
 */
export interface FileQuery {
  /** Relative to the root, or absolute below the root of any host. */
  path?: string;
  /**
   * The files that the document names. In a process without its model: the files whose current
   * version it saved.
   */
  document?: DocumentRef;
  /** A public address of the file, or its path. */
  url?: string;
  /** A part of the path, in upper or lower case. */
  contains?: string;
  /** A host, by name or id, that is to get the file or has it blocked. */
  pendingOn?: string;
  blockedOn?: string;
  /** Files that no host holds. */
  missing?: boolean;
  /** The list goes on after this path. */
  after?: string;
  /** Default 50; at most 200. */
  limit?: number;
}

/** Which deliveries to try again now: those of a path, those to a host, or both. */
export interface RetryRequest {
  path?: string;
  /** By name or id. */
  host?: string;
}

/** Which recoverable files to list. */
export interface RecoverableQuery {
  /** The host that keeps them, by name or id; default: this one. */
  host?: string;
  /** Per sync dir. Default 100; at most 1,000. */
  limit?: number;
}

/** A person's decision about a recoverable file. */
export interface RecoverableDecision {
  /** The host that keeps it, by name or id; default: this one. */
  host?: string;
  /**
   * The sha256 of the kept file and of the file at its path, as `compare` showed them; `current` is
   * null if there was none. The decision counts for these alone.
   */
  shown?: { kept?: string; current?: string | null };
  /** Who decides; stored with the run that carries it out on another host. */
  by?: string;
}

/** A document of a plugged model, or the path of one file (root-relative or absolute). */
export type NamedFiles = string | { readonly _id: unknown };
