import { Schema, type Model } from 'mongoose';
import type { Photo } from '../test/flow/site.js';
import { until } from '../test/harness/wait.js';
import { milliseconds, now } from './figures.js';
import { makeLeastModel } from './least-hooks.js';
import { measured, writeFresh, type BenchSite } from './site.js';

/** Requests that an app has under way at once. */
export const atOnce = 20;

const kinds = ['plain', 'ours', 'least', 'recorded'] as const;
export type Kind = (typeof kinds)[number];
/**
 * Milliseconds of each round, by the clock and of processor time. `least`: hooks that do the least
 * that a capture needs. `recorded`: the same, and the least that a durable ledger needs.
 */
export interface UnreachableBursts {
  readonly times: Readonly<Record<Kind, number[]>>;
  readonly cpu: Readonly<Record<Kind, number[]>>;
}

/**
 * The cost of the hooks alone: bursts of saves while no other host is reachable, in turns with
 * plain ones on the same connection. The hosts stay unreachable.
 */
export async function burstUnreachable(
  { sender, receivers, app }: BenchSite,
  {
    saves,
    rounds,
    say,
    least,
    around = (_, burst) => burst(),
  }: {
    saves: number;
    rounds: number;
    say: (line: string) => void;
    /** The model with the least hooks, if there is one already. */
    least?: Model<Photo>;
    around?: (kind: Kind, burst: () => Promise<void>) => Promise<void>;
  },
): Promise<UnreachableBursts> {
  for (const { ssh } of receivers) await ssh.stop({ hard: true });
  const Plain = app.connection.model<Photo>(
    'PlainBurst',
    new Schema<Photo>({ title: { type: String, required: true }, file: String, thumbnail: String }),
  );
  await Plain.createCollection();
  const models = {
    plain: Plain,
    ours: app.Photo,
    least: least ?? (await makeLeastModel(app.connection, sender)),
    recorded: await makeLeastModel(app.connection, sender, true),
  };
  const found: UnreachableBursts = {
    times: { plain: [], ours: [], least: [], recorded: [] },
    cpu: { plain: [], ours: [], least: [], recorded: [] },
  };
  // The first round compiles the code.
  for (let round = -1; round < rounds; round++) {
    for (const kind of round % 2 ? kinds : [...kinds].reverse()) {
      const names = Array.from(
        { length: round < 0 ? 500 : saves },
        (_, i) => `${kind}${String(round)}-${String(i)}.jpg`,
      );
      for (const name of names) await writeFresh(sender, name, 1_000);
      const usage = process.cpuUsage(),
        began = now(),
        left = names.values();
      const request = async (): Promise<void> => {
        for (const name of left)
          await models[kind].create({ title: name, file: `${measured}/${name}` });
      };
      await around(kind, async () => {
        await Promise.all(Array.from({ length: atOnce }, request));
      });
      const took = now() - began,
        { user, system } = process.cpuUsage(usage);
      await until(async () => (await app.sync.status()).captures === 0, { timeout: 120_000 });
      if (round < 0) continue;
      found.times[kind].push(took);
      found.cpu[kind].push((user + system) / 1000);
      say(`${kind}: ${String(saves)} saves in ${milliseconds(took)}, hosts unreachable`);
    }
  }
  return found;
}
