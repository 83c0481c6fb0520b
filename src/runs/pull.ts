import { answerPull, chooseDirs } from '../planning/differences.js';
import { owe } from '../planning/transitions.js';
import type { Change, Difference, Entry, Host, Outcome, Path, SyncDir } from '../words.js';
import type { Progress, RunContext } from './context.js';
import { chooseHosts, eachDir, inBatches } from './push.js';

/**
 * A pull: what other hosts, active and passive, have and this one lacks is fetched by this host. Where the ledger knows the version
 * it settles as held, else it is captured; what only this host knows to be missing on a passive one is owed to it again.
 */
export async function pull(context: RunContext, progress: Progress): Promise<void> {
  const hosts = chooseHosts(context, progress).filter(({ passive, readyAt }) => passive || readyAt !== undefined);
  const dirs = chooseDirs(context.dirs(), progress.run.dirs);
  // One host after another: a file that several of them have is fetched once.
  for (const host of hosts) {
    await eachDir(progress, host, dirs, (dir) =>
      inBatches(context.backend.compare(host, dir, 'time', progress.signal), (some) => fetchSome(context, progress, host, dir, some)));
  }
}

async function fetchSome(
  context: RunContext, progress: Progress, host: Host, dir: SyncDir, differences: readonly Difference[],
): Promise<void> {
  progress.signal.throwIfAborted();
  const { ledger, me } = context;
  const safe = differences.filter(({ path }) => context.isSafe(path));
  const entries = await ledger.readMany(safe.map(({ path }) => path));
  const changes: Change[] = [], known = new Map<Path, Entry>(), owed: Entry[] = [];
  for (const difference of safe) {
    const { path, there } = difference;
    const entry = entries.get(path);
    const answer = answerPull(difference, entry, me, host, dir);
    if (answer.do === 'owe there' && entry) owed.push(entry);
    if ((answer.do !== 'fetch' && answer.do !== 'fetch unknown') || !there) continue;
    if (answer.do === 'fetch') known.set(path, answer.entry);
    const version = entry?.version ?? '';
    changes.push({ do: 'put', path, dir, version, facts: there, ...(answer.do === 'fetch unknown' ? { rule: answer.rule } : {}) });
  }
  if (progress.run.dryRun) {
    for (const { path } of changes) progress.would(host.id, path);
    return;
  }
  for (const entry of owed) await ledger.change(entry, owe(entry, [host.id]));
  if (changes.length === 0) return;
  progress.found(changes.length, changes.reduce((sum, change) => sum + (change.do === 'put' ? change.facts.size : 0), 0));
  let landed = 0;
  const arrived: Path[] = [];
  for await (const outcome of context.backend.fetch(host, changes, progress.signal)) {
    context.events.emit('outcome', { host: me, outcome });
    if (outcome.result === 'delivered') {
      landed++;
      progress.done(1, outcome.bytes);
      await take(context, outcome, known.get(outcome.change.path), arrived);
    } else if ('failure' in outcome) progress.fail(host.id, outcome.failure);
  }
  if (arrived.length > 0) {
    context.offer(await context.fold.paths(arrived, { why: 'named', alsoHeldBy: [host.id] }));
  }
  if (landed > 0) context.landedHere(landed);
}

async function take(context: RunContext, outcome: Outcome, entry: Entry | undefined, arrived: Path[]): Promise<void> {
  if (entry) await context.settler.settle(entry.path, entry.version, context.me, 'sha256' in outcome ? outcome.sha256 : undefined);
  else arrived.push(outcome.change.path);
}
