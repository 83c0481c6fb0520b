import { allows } from '../planning/wants.js';
import type { Host } from '../words.js';
import type { Progress, RunContext } from './context.js';
import { pull } from './pull.js';

/**
 * Fills a new host: everything the others have is fetched, while new saves are already owed to it. Then it is owed every entry that
 * it neither holds nor is owed, and is ready: a source for others from then on. What others fold meanwhile by a host list without it
 * they owe it themselves, once they know it (`delivery/filling.ts`).
 */
export async function bootstrap(context: RunContext, progress: Progress, me: Host): Promise<void> {
  await pull(context, progress);
  if (progress.run.failures.length > 0) return;
  for (const dir of context.dirs()) {
    progress.signal.throwIfAborted();
    if (allows(me, dir.path)) await context.ledger.oweLacking(dir.path, me.id);
  }
  await context.markReady();
  // What lies here and no entry knows is captured now: a first adoption.
  for (const dir of context.dirs()) await context.scan(dir, progress.signal);
}
