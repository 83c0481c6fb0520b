import type { Failure } from '../model/failure.js';
import type { HostId } from '../model/host.js';
import { encodeFieldName, type HostRow, type HostCollection } from '../hosts/host-model.js';

/** The field that marks a host id as used by two machines. */
const CLONED_FIELD = `halted.${encodeFieldName('HOST_CLONED')}`;
/** An answer that took longer says too little about the moment of its beat, in milliseconds. */
const MAX_ROUND_TRIP_MS = 1_000;

/** What a beat reads. */
export type BeatView = Pick<HostRow, 'halted' | 'requestedRuns'>;

/** What a process that competes for a lease reads in the row of its host. */
export type LeaseView = Pick<HostRow, 'lease' | 'status' | 'halted'>;

/**
 * The lease in the row of a host, as one process reads and writes it. Each write is one atomic
 * operation, fenced on the leader.
 *
 * A beat also tells the other hosts that this one works. The database dates it, since the clocks of
 * hosts differ, and the process learns from that date how far its own clock is off.
 */
export class LeaseRow {
  private clockOffsetMs: number | undefined;

  constructor(
    private readonly rows: () => HostCollection,
    private readonly host: HostId,
    private readonly candidateId: string,
    private readonly software: HostRow['software'],
  ) {}

  async read(): Promise<LeaseView | null> {
    return this.rows().findOne(
      { _id: this.host },
      { projection: { lease: 1, status: 1, halted: 1 } },
    );
  }

  /**
   * Raises the counter of this process's lease to `number`.
   * @param socket the file at which the leader listens
   * @returns null if the lease is another one's, or a later beat came first
   */
  async beat(number: number, socket: string | undefined): Promise<BeatView | null> {
    const sentAt = Date.now();
    const row = await this.rows().findOneAndUpdate(
      {
        _id: this.host,
        status: { $ne: 'retired' },
        'lease.leader': this.candidateId,
        'lease.beat': { $lt: number },
      },
      {
        $set: {
          'lease.beat': number,
          ...(socket !== undefined && { 'lease.socket': socket }),
          ...this.describeClock(),
        },
        ...(socket === undefined && { $unset: { 'lease.socket': 1 } }),
        $currentDate: { heartbeatAt: true },
      },
      {
        returnDocument: 'after',
        projection: { halted: 1, heartbeatAt: 1, requestedRuns: 1 },
        includeResultMetadata: false,
      },
    );
    if (row) this.measureClock(sentAt, row.heartbeatAt);
    return row;
  }

  /** Takes the lease if the row meets `where`. @returns whether it did */
  async acquire(where: object, number: number): Promise<boolean> {
    const sentAt = Date.now();
    const row = await this.rows().findOneAndUpdate(
      { _id: this.host, status: { $ne: 'retired' }, ...where },
      {
        $set: {
          lease: { leader: this.candidateId, beat: number },
          ...(this.software && { software: this.software }),
          ...this.describeClock(),
        },
        $unset: { [CLONED_FIELD]: 1 },
        $currentDate: { heartbeatAt: true },
      },
      { returnDocument: 'after', projection: { heartbeatAt: 1 }, includeResultMetadata: false },
    );
    if (row) this.measureClock(sentAt, row.heartbeatAt);
    return row !== null;
  }

  /** Marks the host as cloned, which every process on both machines reads. */
  async markCloned(other: string, failure: Failure): Promise<Pick<HostRow, 'halted'> | null> {
    return this.rows().findOneAndUpdate(
      { _id: this.host, 'lease.leader': other },
      { $set: { [CLONED_FIELD]: failure } },
      { returnDocument: 'after', projection: { halted: 1 }, includeResultMetadata: false },
    );
  }

  async release(): Promise<void> {
    await this.rows().updateOne(
      { _id: this.host, 'lease.leader': this.candidateId },
      { $unset: { lease: 1 } },
    );
  }

  private describeClock(): { clockOffsetMs?: number } {
    return this.clockOffsetMs === undefined ? {} : { clockOffsetMs: this.clockOffsetMs };
  }

  /** The next beat stores the result, so that measuring costs no operation. */
  private measureClock(sentAt: number, heartbeatAt: unknown): void {
    const answeredAt = Date.now(),
      roundTripMs = answeredAt - sentAt;
    // A negative duration: the clock was set meanwhile.
    if (!(heartbeatAt instanceof Date) || roundTripMs < 0 || roundTripMs > MAX_ROUND_TRIP_MS)
      return;
    this.clockOffsetMs = Math.round((sentAt + answeredAt) / 2 - heartbeatAt.getTime());
  }
}

/** The message of the mark that a host id is used by two machines; undefined without a mark. */
export function findCloneMark(row: Pick<HostRow, 'halted'>): string | undefined {
  return (row.halted as HostRow['halted'] | undefined)?.[encodeFieldName('HOST_CLONED')]?.message;
}
