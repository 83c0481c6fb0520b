import type { Overview } from '../api/overview.js';
import { getRemedy, type ErrorCode } from '../model/error-catalogue.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import { withTimeout } from '../util/with-timeout.js';

/**
 * In milliseconds: the shortest time between two readings; how long callers wait for one, and for
 * one that follows a recent one; and after which time one that never ended is given up.
 */
const defaultLimits = { pauseMs: 1_000, waitMs: 4_000, hasteMs: 50, abandonMs: 30_000 };
/** After a reading its duration times this passes, so that readings take a tenth of the time. */
const restFactor = 9;
/** The longest pause in milliseconds: a process that was held up shows news after it as well. */
const longestRestMs = 10_000;
/** A reading counts as recent for this many times the planned time until the next one. */
const recentFactor = 2;
/** A failed reading burdens the database little, and everyone waits for the next one. */
const failedRestFactor = 1;

/**
 * One overview for everyone in this process who asks. It is read only while somebody asks, at most
 * once a second and at most a tenth of the time, though after ten seconds at the latest; in between
 * everyone gets the last reading. Nobody waits long for a new one while the last one is recent:
 * every answer has its time, and the next caller gets the new one. So a slow database delays only
 * the first who asks after a while.
 *
 * While the database does not answer, the last reading stays, and says since when. It has no timer.
 */
export class SharedOverview {
  private last: { readonly overview: Overview; readonly readAt: number } | undefined;
  private failure: { readonly error: unknown; readonly since: number } | undefined;
  private reading: Promise<void> | undefined;
  /** A reading that callers may no longer wait for. There is one at a time. */
  private work: { readonly result: Promise<Overview>; readonly begunAt: number } | undefined;
  private nextAt = -Infinity;
  private recentUntil = -Infinity;

  /** @param now milliseconds of a monotonic clock */
  constructor(
    private readonly read: () => Promise<Overview>,
    private readonly now: () => number = () => performance.now(),
    private readonly limits = defaultLimits,
  ) {}

  /** @throws the error of the reading, if there is no earlier one */
  async get(): Promise<Overview> {
    if (this.reading || this.now() >= this.nextAt) {
      const reading = (this.reading ??= this.readAgain().finally(() => {
        this.reading = undefined;
      }));
      if (this.isRecent()) await endsWithin(reading, this.limits.hasteMs);
      else await reading;
    }
    const { last, failure } = this;
    if (!last) throw toError(failure?.error);
    return failure
      ? { ...last.overview, unavailable: this.describe(failure, last) }
      : last.overview;
  }

  /** Waits for a reading under way, which has a time limit. */
  async close(): Promise<void> {
    await this.reading;
  }

  private isRecent(): boolean {
    return this.last !== undefined && !this.failure && this.now() < this.recentUntil;
  }

  /** Never rejects. */
  private async readAgain(): Promise<void> {
    const begunAt = this.now();
    try {
      await withTimeout(this.startWork(begunAt), this.limits.waitMs, 'the database');
    } catch (error) {
      this.failure = { error, since: this.failure?.since ?? begunAt };
    }
    const endedAt = this.now();
    const rest = (this.failure ? failedRestFactor : restFactor) * (endedAt - begunAt);
    const pause = Math.min(rest, longestRestMs);
    this.nextAt = Math.max(begunAt + this.limits.pauseMs, endedAt + pause);
    this.recentUntil = begunAt + recentFactor * (this.nextAt - begunAt);
  }

  /** Joins an earlier reading that has not ended yet, unless it never will. */
  private startWork(begunAt: number): Promise<Overview> {
    if (this.work && begunAt - this.work.begunAt < this.limits.abandonMs) return this.work.result;
    const result = this.read();
    const work = { result, begunAt };
    this.work = work;
    const end = (): void => {
      if (this.work === work) this.work = undefined;
    };
    // An answer that came too late for its callers is still the newest.
    result.then((overview) => {
      end();
      this.last = { overview, readAt: begunAt };
      this.failure = undefined;
    }, end);
    return result;
  }

  private describe(
    { error, since }: NonNullable<SharedOverview['failure']>,
    { overview, readAt }: NonNullable<SharedOverview['last']>,
  ): NonNullable<Overview['unavailable']> {
    const code: ErrorCode = error instanceof SyncMediaError ? error.code : 'NO_CONNECTION';
    return {
      // By the clock of the database, as all other times.
      since: new Date(overview.at.getTime() + Math.round(since - readAt)),
      code,
      message: getErrorMessage(error).slice(0, 500),
      remedy: getRemedy(code),
    };
  }
}

/** @param work never rejects */
async function endsWithin(work: Promise<void>, ms: number): Promise<void> {
  await withTimeout(work, ms, 'the database').catch(() => undefined);
}

function toError(error: unknown): Error {
  return error instanceof Error
    ? error
    : new SyncMediaError('NO_CONNECTION', getErrorMessage(error));
}
