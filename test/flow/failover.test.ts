import { Schema, type Model } from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTestMongod, ReplicaSet } from '../harness/replica-set.js';
import { until } from '../harness/wait.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from './site.js';

/**
 * How many saves of each host are acknowledged before the primary is killed, and after another one
 * works.
 */
const savesBetween = 15;
/** A host begins a save so often, unless the one before is still under way. */
const paceMs = 50;
const slow = { timeout: 90_000 };

const binary = await findTestMongod().catch((error: unknown) => ({ missing: String(error) }));

let set: ReplicaSet, site: Site;
const closers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  if (typeof binary !== 'string') return;
  set = await ReplicaSet.start(binary);
  closers.push(() => set.close());
  site = await openSite({ server: set });
  closers.push(() => site.close());
}, 240_000);
afterAll(async () => {
  for (const close of closers.reverse()) await close();
}, 60_000);

/** Saves one document after another, and counts what the database made of it. */
class Saver {
  readonly acknowledged: string[] = [];
  readonly refused: Record<string, number> = {};

  private made = 0;
  private timer: NodeJS.Timeout | undefined;
  private doing: Promise<void> | undefined;

  constructor(
    private readonly name: string,
    private readonly save: (name: string) => Promise<unknown>,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.doing ??= this.saveNext().finally(() => {
        this.doing = undefined;
      });
    }, paceMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.doing;
  }

  private async saveNext(): Promise<void> {
    const name = `${this.name}-${String(this.made++)}`;
    try {
      await this.save(name);
      this.acknowledged.push(name);
    } catch (error) {
      const cause =
        error instanceof Error
          ? `${error.name}: ${error.message.replaceAll(/\d+/g, 'N')}`
          : String(error);
      this.refused[cause] = (this.refused[cause] ?? 0) + 1;
    }
  }
}

function makeSavers(machine: Machine): {
  synced: Saver;
  plain: Saver;
  Plain: Model<{ name: string }>;
} {
  const {
    app: { Photo, connection },
    name,
  } = machine;
  const Plain = connection.model<{ name: string }>('Plain', new Schema({ name: String }));
  const synced = new Saver(name, async (title) => {
    await machine.write(`${dir}/${title}.jpg`, title);
    await Photo.create({ title, file: `${dir}/${title}.jpg` });
  });
  return {
    synced,
    plain: new Saver(`plain ${name}`, (title) => Plain.create({ name: title })),
    Plain,
  };
}

test.skipIf(typeof binary !== 'string')(
  `what was acknowledged reaches every host while the primary of the database is killed twice${typeof binary === 'string' ? '' : ` (skipped: ${binary.missing})`}`,
  async () => {
    const savers = site.machines.map(makeSavers);
    const all = savers.flatMap(({ synced, plain }) => [synced, plain]);
    for (const saver of all) saver.start();
    const untilMoreAreSaved = async (): Promise<void> => {
      const before = all.map(({ acknowledged }) => acknowledged.length);
      await until(
        () =>
          all.every(
            ({ acknowledged }, i) => acknowledged.length >= (before[i] ?? 0) + savesBetween,
          ),
        { ...slow, what: 'more saves' },
      );
    };
    try {
      for (let round = 0; round < 2; round++) {
        await untilMoreAreSaved();
        const startAgain = await set.killPrimary();
        await untilMoreAreSaved();
        await startAgain();
      }
      await untilMoreAreSaved();
    } finally {
      await Promise.all(all.map((saver) => saver.stop()));
    }
    console.log(
      `failover: ` +
        `${JSON.stringify(savers.map(({ synced, plain }) => [synced, plain].map(({ acknowledged, refused }) => ({ acknowledged: acknowledged.length, refused }))))}`,
    );

    const [{ Plain }] = savers as [ReturnType<typeof makeSavers>];
    const [machine] = site.machines as [Machine];
    const stored = new Set([
      ...(await Plain.distinct('name')),
      ...(await machine.app.Photo.distinct('title')),
    ]);
    expect(
      all.flatMap(({ acknowledged }) => acknowledged).filter((name) => !stored.has(name)),
      'acknowledged, and not in the database',
    ).toEqual([]);

    const names = savers.flatMap(({ synced }) => synced.acknowledged);
    const findMissing = async ({ read }: Machine): Promise<string[]> => {
      const missing: string[] = [];
      for (const name of names) if ((await read(`${dir}/${name}.jpg`)) !== name) missing.push(name);
      return missing;
    };
    for (const host of site.machines)
      await until(async () => (await findMissing(host)).length === 0, {
        ...slow,
        what: `every file on ${host.name}`,
      });
    await untilNothingPending(site, slow.timeout);
    expect(await Promise.all(site.machines.map(findMissing))).toEqual([[], [], []]);
  },
  300_000,
);
