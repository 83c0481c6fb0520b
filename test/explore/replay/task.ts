import { AsyncLocalStorage } from 'node:async_hooks';

/** Where a task may wait for its turn; `done`: it has ended. */
export type Point =
  | 'disk'
  | 'write'
  | 'begin'
  | 'rename'
  | 'replace'
  | 'resolve'
  | 'carry out'
  | 'acknowledge'
  | 'again'
  | 'done';

/** Its process is gone: all further work fails. */
class Killed extends Error {
  constructor() {
    super('the process is gone');
  }
}

/** If a wait is longer, something hangs. */
const patienceMs = 30_000;

const running = new AsyncLocalStorage<Task>();

/** The task on whose behalf a port is asked; undefined: the replay itself. */
export function findTask(): Task | undefined {
  return running.getStore();
}

/**
 * Waits at this point until the replay lets the task go on. @throws where its process was killed
 */
export async function pass(point: Point): Promise<void> {
  await findTask()?.wait(point);
}

/** The task that is at work uses the folder of replaced files that this path names. */
export function noteReplacedFolder(path: unknown): void {
  const name =
    typeof path === 'string' ? /\.syncmedia\/replaced\/([0-9a-z-]+)/.exec(path)?.[1] : undefined;
  if (name !== undefined) findTask()?.replacedFolders.add(name);
}

export interface TaskKind {
  readonly kind: 'look' | 'put' | 'remove' | 'fetch';
  /** The path below the root that it is about. */
  readonly path: string;
  /** It waits between reading the entry and looking at the disk. */
  readonly fine?: boolean;
  /** It waits between linking the replaced file and renaming. */
  readonly window?: boolean;
  readonly via?: 'sftp' | 'rsync';
}

/**
 * One piece of the product's own work, such as reconciling or a delivery, that goes from point to
 * point as the replay lets it.
 */
export class Task {
  /** Where it waits. */
  at: Point = 'begin';
  /** Reconciling has led to a placement. */
  isPlacing: boolean;
  /** Its backend was asked to move the bytes. */
  isSending = false;
  /** It has read the entry. */
  hasRead = false;
  /** Its last compare-and-set succeeded. */
  hasWritten = false;
  /** Points that are waited at once only. */
  readonly passed = new Set<Point>();
  error: unknown;
  /** Its outcome, for messages. */
  readonly notes: string[] = [];
  /** Its folders in `replaced` of the receiving host. */
  readonly replacedFolders = new Set<string>();
  private killed = false;
  private free = false;
  private release: (() => void) | undefined;
  private told: (() => void) | undefined;

  constructor(readonly about: TaskKind) {
    this.isPlacing = about.kind !== 'look';
  }

  /** Begins the work; resolves where it waits first. */
  begin(work: () => Promise<void>): Promise<Point> {
    const stopped = this.nextStop();
    running
      .run(this, work)
      .catch((error: unknown) => {
        if (!this.killed) this.error = error;
      })
      .finally(() => {
        this.stop('done');
      });
    return stopped;
  }

  /** Lets it go on to the next point. */
  go(): Promise<Point> {
    const { release } = this;
    if (!release) return Promise.resolve(this.at);
    const stopped = this.nextStop();
    this.release = undefined;
    release();
    return stopped;
  }

  /** Lets it go to its end. */
  async finish(): Promise<void> {
    this.free = true;
    await this.go();
  }

  /** As if its process had been killed where it waits. */
  async kill(): Promise<void> {
    this.killed = true;
    while (this.at !== 'done') await this.go();
  }

  async wait(point: Point): Promise<void> {
    this.check();
    if (this.free) return;
    this.passed.add(point);
    const released = new Promise<void>((resolve) => {
      this.release = resolve;
    });
    this.stop(point);
    await released;
    this.check();
  }

  check(): void {
    if (this.killed) throw new Killed();
  }

  private nextStop(): Promise<Point> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new Error(
            `a ${this.about.kind} that waited at "${this.at}" does not come to its next point`,
          ),
        );
      }, patienceMs);
      this.told = () => {
        clearTimeout(timer);
        resolve(this.at);
      };
    });
  }

  private stop(point: Point): void {
    this.at = point;
    this.told?.();
  }
}
