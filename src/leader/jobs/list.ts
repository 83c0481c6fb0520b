import type { LeaderContext } from '../../context/leader-context.js';
import type { DeliveryQueues } from '../../replication/delivery-queues.js';
import { BootstrapRequests } from '../../runs/bootstrap-requests.js';
import { Runner } from '../../runs/runner.js';
import type { LeaderJob } from '../leader-job.js';
import { AdoptHistory } from './adopt-history.js';
import { Backfill } from './backfill.js';
import { ConflictCounter } from './count-conflicts.js';
import { HistoryStateStore } from '../history-state.js';
import { EarlierCaptures } from './earlier-captures.js';
import { ForgetHistory } from './forget-history.js';
import { ForgetRetired } from './forget-retired.js';
import { MaintainHistory } from './maintain-history.js';
import { Membership } from './membership.js';
import { OutboxProcessor } from './process-outbox.js';
import { RecordHistory } from './record-history.js';
import { RecheckOrigin } from './recheck-origin.js';
import { PeriodicScan } from './periodic-scan.js';
import { QueueHosts } from './queue-hosts.js';
import { QueuePolls } from './queue-polls.js';
import { ReceivedFiles } from './received-files.js';
import { ReloadRunner } from './reload.js';
import { Rescans } from './rescans.js';
import { ShareHistory } from './share-history.js';
import { TakeOver } from './take-over.js';

/**
 * The jobs of a leader. They start and poll in this order:
 *
 * - The delivery queues come first: their files do not wait for the rest.
 * - Earlier captures begin before runs, which do not wait for them: a run that has to judge a
 *   changed file looks for a capture of it in the outbox.
 * - Everything that may make entries pending comes before the queues look for them.
 * - The history comes last: no delivery waits for it.
 */
export function createJobs(context: LeaderContext, queues: DeliveryQueues): LeaderJob[] {
  const rescans = new Rescans(context);
  const outbox = new OutboxProcessor(context, rescans);
  const history = new HistoryStateStore(context);
  const sharing = new ShareHistory(context, history);
  const runner = new Runner(context);
  return [
    new ReloadRunner(context),
    new ReceivedFiles(context),
    new QueueHosts(context, queues),
    new Membership(context),
    rescans,
    new EarlierCaptures(context, outbox),
    new BootstrapRequests(context, runner),
    runner,
    outbox,
    new RecheckOrigin(context),
    new TakeOver(context),
    new Backfill(context),
    new ForgetRetired(context),
    new QueuePolls(queues),
    new PeriodicScan(context),
    new ConflictCounter(context),
    new RecordHistory(context, history, sharing.notice),
    sharing,
    new AdoptHistory(context, history, sharing.notice),
    new MaintainHistory(context, history),
    new ForgetHistory(context, history),
  ];
}
