import type { HostId } from '../model/host.js';
import type { HostOverview, Overview } from './overview.js';
import type { DocumentStatus } from './reports.js';

/** What changed since the last overview. A part that is absent is as it was. */
export interface OverviewChange extends Partial<
  Pick<Overview, 'headline' | 'entries' | 'missing' | 'captures' | 'needs' | 'runs' | 'recent'>
> {
  at: Date;
  id: string;
  /** The changed and new hosts only; at a ping also those with an age that began anew. */
  hosts?: HostOverview[];
  /** Present in every change while the database does not answer. */
  unavailable?: NonNullable<Overview['unavailable']>;
  /** All hosts in their new order. A host that is not in it is gone. */
  order?: HostId[];
}

/** The events of `GET /events`, by name. */
export interface LiveEvents {
  /** The first event, unless `Last-Event-ID` still holds. */
  overview: Overview;
  /**
   * What changed, or, every 15 seconds, a sign that the stream is alive: with the hosts and parts
   * whose ages began anew, which often is nothing but `at` and `id`.
   */
  change: OverviewChange;
  /** The file of the parameter `path`, whenever its status has changed. */
  files: DocumentStatus;
  /** The last event: a client that reads `signed out` has to sign in before it connects again. */
  end: { reason: 'closing' | 'signed out' | 'too many' };
}
