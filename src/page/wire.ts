import type { HostDetails } from '../api/describe-host.js';
import type { HistoryRestore, HistoryVersion } from '../api/history.js';
import type { OverviewChange } from '../api/live-events.js';
import type { HostOverview, Overview } from '../api/overview.js';
import type {
  AuditEntry,
  ConflictComparison,
  DoctorCheck,
  DocumentStatus,
  FileStatus,
  RecoverableFile,
} from '../api/reports.js';
import type { SessionState } from '../api/session.js';
import type { Failure } from '../model/failure.js';
import type { Run } from '../model/run.js';

/** A value as JSON carries it: dates are text. */
export type Wire<T> = T extends Date
  ? string
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends readonly (infer U)[]
      ? Wire<U>[]
      : T extends object
        ? { [K in keyof T]: Wire<T[K]> }
        : T;

export type WireOverview = Wire<Overview>;
export type WireHost = Wire<HostOverview>;
export type WireNeed = WireOverview['needs'][number];
export type WireRunSummary = WireOverview['runs'][number];
export type WireRun = Wire<Run>;
export type WireFile = Omit<Wire<FileStatus>, 'pending'> & {
  /** The document whose save named this version. */
  savedBy?: { model: string; id: string };
  pending: (Wire<FileStatus>['pending'][number] & {
    /** Why the host lacks it, in a sentence, and what to do if anything. */
    why?: string;
    remedy?: string;
  })[];
};
export type WireDocument = Omit<Wire<DocumentStatus>, 'files'> & { files: WireFile[] };
export type WireHostDescription = Wire<HostDetails>;
export type WireAudit = Wire<AuditEntry>;
export type WireCheck = Wire<DoctorCheck>;
type Content = { size: number; mtime: string; sha256?: string };
export type WireComparison = Omit<Wire<ConflictComparison>, 'conflict' | 'here'> & {
  conflict: Content;
  here?: Content;
};

export type WireVersion = Wire<HistoryVersion>;
export type WireRestore = Wire<HistoryRestore>;
export type PageSession = Wire<SessionState>;
export type WireChange = Wire<OverviewChange>;

export type WireRecoverable = Wire<RecoverableFile> & {
  host?: string;
  why?: string;
  /** The version of the ledger. */
  current?: { size: number; sha256?: string; capturedAt?: string };
};

export interface WireRemovals {
  host: string;
  dir: string;
  failure: Failure;
  count?: number;
  /** The part of the sync dir's files, from 0 to 1. */
  share?: number;
  since?: string;
  /** The first 1,000. */
  paths?: string[];
}

/** What becomes of the files of a host that is retired or paused, counted now. */
export interface WireChangePreview {
  digest: string;
  pending: { count: number; capped: boolean; bytes: number };
  onlyHere: { count: number; capped: boolean; paths: string[] };
  /** Saves on it that are not in the ledger yet. */
  captures?: { count: number; capped: boolean };
}

export interface ConnectionCheck {
  name: string;
  ok: boolean;
  message: string;
  remedy?: string;
}

export interface WireModel {
  name: string;
  syncDirs: string[];
}
