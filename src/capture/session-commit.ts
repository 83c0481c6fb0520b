import type { ClientSession } from 'mongoose';
import { getErrorMessage } from '../model/errors.js';
import type { Capture } from '../model/capture.js';
import type { CaptureContext } from './capturing.js';

/** Further captures of a session are not remembered. They are found when they are due. */
const maxCaptures = 1_000;

/**
 * Hands over captures of transactions after the commit, and never after an abort. The driver only
 * reports that a session ended, and its own state says "committed" even if a commit failed. The
 * outbox shows which rows exist.
 */
export class CommitWatch {
  private readonly waiting = new WeakMap<ClientSession, Map<string, Capture>>();

  /** Hands these captures over when `session` has ended, if their transaction was committed. */
  add(session: ClientSession, captures: readonly Capture[], context: CaptureContext): void {
    let waiting = this.waiting.get(session);
    if (waiting === undefined) {
      const fresh = (waiting = new Map<string, Capture>());
      this.waiting.set(session, fresh);
      session.once('ended', () => {
        this.waiting.delete(session);
        void handOverStored(fresh, context);
      });
    }
    for (const capture of captures)
      if (waiting.size < maxCaptures) waiting.set(capture.id, capture);
  }
}

async function handOverStored(
  captures: ReadonlyMap<string, Capture>,
  { outbox, handOver, log }: CaptureContext,
): Promise<void> {
  try {
    for (const id of await outbox.findStored([...captures.keys()])) {
      const capture = captures.get(id);
      if (capture !== undefined) handOver(capture);
    }
  } catch (error) {
    log.warn(
      `captures of a transaction wait until they are due, because the outbox could not be read: ` +
        `${getErrorMessage(error)}`,
    );
  }
}
