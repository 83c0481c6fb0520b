import type { BackendName } from './backend-name.js';
import type { Failure } from './failure.js';
import type { Path } from './path.js';

/** `init` makes it once. The host's state folder keeps it. */
export type HostId = string;

/** How this host's deliveries to another host are going. */
export interface DeliveryState {
  deliveredAt?: Date;
  failure?: Failure;
  failingSince?: Date;
  nextTryAt?: Date;
}

export interface ScanTimes {
  all: Date;
  changed: Date;
}

/**
 * A machine that keeps a replica. Only the host itself writes `lease`, `heartbeatAt`,
 * `deliveries`, `rescans`, `scans`, `conflicts` and `members`.
 */
export interface Host {
  id: HostId;
  hostname: string;
  /** The name or address (FQDN) at which other hosts connect to its sshd. */
  url: string;
  sshPort: number;
  username: string;
  /** One OpenSSH public key line. Empty for a passive host, which never connects anywhere. */
  publicKey: string;
  /** Public keys of its sshd (`ssh-ed25519 AAAA…`). Other hosts pin them. */
  hostKeys: string[];
  rootPath: string;
  /** Allow-list of sync dirs. Empty means all. */
  syncDirs: Path[];
  backend: BackendName;
  /**
   * A passive host only has sshd and rsync. Other hosts send files to it and fetch files from it.
   */
  passive: boolean;
  /**
   * A person decides this. New versions are marked as pending for approved and paused hosts.
   * Nothing is sent to paused ones.
   */
  status: 'pending' | 'approved' | 'paused' | 'retired';
  /** Who paused the host, why, and since when. Set only while it is paused. */
  paused?: HostPause;
  /**
   * The host waits for approval, because its row lacks a valid seal of this site. Never stored.
   */
  unsealed?: true;
  /** Fields of the row with values of a wrong type. They count as missing. Never stored. */
  unreadable?: readonly string[];
  /** The row has a seal, but this machine has no secret to check it. Never stored. */
  uncheckedSeal?: true;
  /** When the host had all files for the first time. Until then no host fetches from it. */
  readyAt?: Date;
  /**
   * A process examines whether the host may be retired without a loss, since then by the clock of
   * the database. Meanwhile its copies count for no other host that leaves.
   */
  leaving?: { token: string; since: Date };
  /** `socket` is the file (device and inode) at which the leader listens while it works. */
  lease?: { leader: string; beat: number; socket?: string };
  /** When the leader last renewed its lease, by the clock of the database. */
  heartbeatAt?: Date;
  /** How far the host's clock was ahead of the database's at a recent heartbeat. */
  clockOffsetMs?: number;
  /** How many files its `.syncmedia/conflicts` hold; counted up to a limit. */
  conflicts?: number;
  deliveries: Record<HostId, DeliveryState>;
  /** When the pending rescan of each sync dir is due. */
  rescans: Record<string, Date>;
  /** Other hosts increment it when they have delivered new files here. */
  received: number;
  /** A person's requests to try the deliveries to this host again, counted. */
  retries?: number;
  /** The runs that other hosts have requested here, counted. Each heartbeat reads it. */
  requestedRuns?: number;
  /**
   * For each sync dir: why its removals wait for a person. The host writes it, and the person's
   * decision removes it. The key `HOST_CLONED` is written by a second machine that runs with this
   * host's id.
   */
  halted: Record<string, Failure>;
  /**
   * For each sync dir: names on its disk that cannot be synced, as the newest scan found them.
   */
  unsyncable?: Record<string, UnsyncableNames>;
  /**
   * For each sync dir: a person's decision about removals that waited. It covers candidates older
   * than it.
   */
  removals?: Record<string, RemovalDecision>;
  /**
   * Hosts for which this host, as origin, marked its earlier files as pending. Each name includes
   * the sync dirs that the host wanted then.
   */
  backfilled?: string[];
  /**
   * New hosts that this host includes in every entry it writes. No reconciliation with an older
   * host list is still running.
   */
  members?: HostId[];
  /**
   * For each sync dir: when its last periodic scans began, the full one and the one of changed
   * directories.
   */
  scans?: Record<string, ScanTimes>;
  /**
   * When the host last worked, by its own clock, to the hour. It only serves to notice a long
   * absence.
   */
  lastSeenAt?: Date;
  /**
   * When the host came back with a disk that had been a replica before. Until it is ready again,
   * older files that the ledger does not know go to the conflicts: a file that was deleted
   * meanwhile must not come back.
   */
  returnedAt?: Date;
  /**
   * Declarations of its application that it cannot sync, as its processes found at their start.
   */
  setup?: SetupProblem[];
  /** For each model: saves on this host whose documents named no file. */
  unnamed?: Record<string, UnnamedSaves>;
  /** How the host keeps its history. Missing with a backend that keeps none. */
  history?: HistoryState;
  reload?: { at: Date; exitCode: number | null; output: string };
  software?: { syncmedia: string; node: string };
  createdAt: Date;
  updatedAt: Date;
}

/** How a host records its history and shares it, as its leader wrote it last. */
export interface HistoryState {
  /** Why nothing can be recorded at present. */
  failure?: Failure;
  failingSince?: Date;
  /** For each host: why it does not get this host's history at present. */
  unshared?: Record<HostId, { failure: Failure; since: Date }>;
  /** After the last cleaning: the size, and the oldest day. */
  bytes?: number;
  oldest?: Date;
  /** Requests to forget a path that are older than this were carried out. */
  forgottenUntil?: Date;
  adoption?: HistoryAdoption;
}

/** How far the files that existed before the history are recorded in it. */
export interface HistoryAdoption {
  /** Files that were captured before are adopted; later ones are recorded as they are captured. */
  since: Date;
  /** The last path that was looked at. */
  after?: string;
  files: number;
  bytes: number;
  endedAt?: Date;
  /** It ended because the rest would take too much of the limit. */
  isFull?: boolean;
}

/**
 * Names that cannot be synced: not valid UTF-8, too long, or in a directory that cannot be read.
 * `examples` holds the first 20.
 */
export interface UnsyncableNames {
  count: number;
  examples: { path: string; why: string }[];
}

/**
 * A declaration of the application that the host cannot sync as it is. `about` names the sync
 * dir, field or directory.
 */
export interface SetupProblem {
  readonly about: string;
  readonly message: string;
  readonly remedy: string;
}

/** How many saves of a model had a document that named no file. */
export interface UnnamedSaves {
  readonly count: number;
  readonly lastDocument: string;
  readonly lastAt: Date;
}

/** Deliveries to a host that a person stopped for a while. */
export interface HostPause {
  readonly since: Date;
  /** The requester, as far as known. */
  readonly by?: string;
  readonly reason?: string;
}

export interface RemovalDecision {
  decision: 'approved' | 'rejected';
  at: Date;
}
