import type { Backend } from '../../src/transport/backend.js';
import type { Change, DeliveryOutcome } from '../../src/model/change.js';
import type { Failure } from '../../src/model/failure.js';
import type { Host, HostId } from '../../src/model/host.js';

/** The answer to one change, without the change itself. */
export type ScriptedAnswer =
  | { result: 'delivered'; sha256?: string }
  | { result: 'kept' | 'changed' | 'vanished' }
  | { result: 'refused' | 'failed'; failure: Failure };

export const delivered: ScriptedAnswer = { result: 'delivered' };
export const unreachable: Failure = {
  code: 'HOST_UNREACHABLE',
  message: 'nobody answers',
  retryable: true,
  scope: 'host',
};
export const noMarker: Failure = { ...unreachable, code: 'NO_MARKER', message: 'no marker' };
export const diskFull: Failure = {
  code: 'DISK_FULL',
  message: 'no space left',
  retryable: true,
  scope: 'path',
};
export const cancelled: Failure = { ...unreachable, code: 'CANCELLED', message: 'cancelled' };
export const failWith = (failure: Failure): ScriptedAnswer => ({ result: 'failed', failure });

/** One call of `send`: its paths with their versions, as `a.jpg v1`. */
export interface ScriptedSend {
  readonly to: HostId;
  readonly files: string[];
}

/**
 * A backend whose answers a test decides, and that records what it was called with. It moves
 * nothing: what it stands for is tested by test/transport/contract.ts.
 */
export class ScriptedBackend implements Backend {
  readonly sends: ScriptedSend[] = [];
  /** The sync dirs of each call of `prepare`. */
  readonly prepares: { to: HostId; dirs: string[] }[] = [];
  /** Decides the outcome of each change; `send` throws its errors. */
  answer: (change: Change, signal: AbortSignal) => ScriptedAnswer | Promise<ScriptedAnswer> = () =>
    delivered;
  answerTakesConnection = (): boolean => true;
  answerPrepare: (dirs: readonly string[]) => Failure | undefined = () => undefined;

  /** Every file that was sent, in order. */
  get files(): string[] {
    return this.sends.flatMap(({ files }) => files);
  }

  prepare({ id }: Host, dirs: readonly { path: string }[]): Promise<Failure | undefined> {
    const paths = dirs.map(({ path }) => path);
    this.prepares.push({ to: id, dirs: paths });
    return Promise.resolve(this.answerPrepare(paths));
  }

  fetchCopy = (): Promise<boolean> => Promise.resolve(false);

  takesConnection = (): Promise<boolean> => Promise.resolve(this.answerTakesConnection());

  async *send(
    { id }: Host,
    changes: readonly Change[],
    signal: AbortSignal,
  ): AsyncGenerator<DeliveryOutcome> {
    this.sends.push({
      to: id,
      files: changes.map(
        ({ path, version, dir }) => `${path.slice(dir.path.length + 1)} ${version}`,
      ),
    });
    for (const change of changes)
      yield { change, via: 'script', bytes: 0, ...(await this.answer(change, signal)) };
  }

  fetch = (): never => this.refuse();
  compare = (): never => this.refuse();
  read = (): never => this.refuse();
  close = (): Promise<void> => Promise.resolve();

  private refuse(): never {
    throw new Error('a delivery queue only prepares and sends');
  }
}

/** A promise that a test resolves. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}
export function makeGate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
