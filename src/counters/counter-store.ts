import { mongo } from 'mongoose';
import type { RowReader } from '../database/unreadable-rows.js';
import { encodeFieldName } from '../hosts/host-model.js';
import type { HostId } from '../model/host.js';
import { findWriteErrors } from '../util/collections.js';
import {
  makeMinuteId,
  makeTotalsId,
  minuteShape,
  readHostId,
  readMinuteId,
  totalsShape,
  type CounterRow,
  type MinuteRow,
  type TotalsRow,
} from './counter-row.js';
import type { CounterSums } from './counter-sums.js';

/** A process, by a random name, on its host. */
export interface CounterWriterId {
  readonly host: HostId;
  readonly process: string;
}

/** Sums with the number that tells whether they were stored already. */
export interface CounterBatch extends CounterSums {
  /** From 1 on, one more than the batch before. */
  readonly number: number;
  /** When it was taken, by the database's clock. */
  readonly at: Date;
}

type Statement = mongo.AnyBulkWriteOperation<CounterRow> & {
  updateOne: mongo.UpdateOneModel<CounterRow>;
};

/** Minutes are kept for two days. The bars need one hour. */
const keptMs = 2 * 24 * 3_600_000;
/** A process that was silent for this long does not send an old batch again. */
const forgetWriterMs = keptMs;
/** Processes that end are looked for once a row lists so many. */
const manyWriters = 20;
const minuteMs = 60_000;
const minutesOfBars = 60;
const minutesPerBar = 3;
const duplicateKey = 11_000;

/** Stores what processes have counted, and sums it up for the whole site. */
export class CounterStore {
  /** @param collection called at each use, because the app may open its connection again */
  constructor(
    private readonly collection: () => mongo.Collection<CounterRow>,
    private readonly reader: RowReader,
  ) {}

  /**
   * Adds a batch in one command. A batch that was stored before changes nothing: each row keeps
   * the number of the last batch of each process. So a caller that got no answer repeats the call.
   */
  async add(writer: CounterWriterId, batch: CounterBatch): Promise<void> {
    const statements = makeStatements(writer, batch);
    const rows = this.collection();
    try {
      await rows.bulkWrite(statements, { ordered: false });
    } catch (error) {
      const refused = findWriteErrors(error);
      if (!refused) throw error;
      if (refused.some(({ code }) => code !== duplicateKey)) {
        await this.moveUnreadable(writer, batch);
        throw error;
      }
      // Either the row has this batch already, or another process inserted the row just now.
      const again = refused.flatMap(({ index }) => statements[index] ?? []);
      await rows.bulkWrite(
        again.map(({ updateOne }) => ({ updateOne: { ...updateOne, upsert: false } })),
        { ordered: false },
      );
    }
  }

  /**
   * Removes minutes that are over for two days, and those that are as far in the future. The
   * database's clock decides, not the clock of this machine.
   */
  async removeOldMinutes(): Promise<void> {
    const format = 'minute:%Y-%m-%dT%H:%M';
    const kept = { $subtract: ['$$NOW', keptMs] },
      ahead = { $add: ['$$NOW', keptMs] };
    await this.collection().deleteMany({
      _id: { $gte: 'minute:', $lt: 'minute;' },
      $expr: {
        $or: [
          { $lt: ['$_id', { $dateToString: { date: kept, format } }] },
          { $gt: ['$_id', { $dateToString: { date: ahead, format } }] },
        ],
      },
    });
  }

  /** Forgets processes that have not counted for two days, if the row of a host lists many. */
  async forgetOldWriters(host: HostId): Promise<void> {
    const _id = makeTotalsId(host);
    const row = await this.collection().findOne({ _id }, { projection: { writers: 1 } });
    const writers = Object.entries((row as TotalsRow | null)?.writers ?? {});
    if (writers.length < manyWriters) return;
    const times = writers.map(([, { at }]) => new Date(at).getTime());
    const newest = Math.max(...times);
    const old = writers.filter((_, index) => (times[index] ?? 0) < newest - forgetWriterMs);
    if (old.length === 0) return;
    const $unset = Object.fromEntries(old.map(([name]) => [`writers.${name}`, 1]));
    await this.collection().updateOne({ _id }, { $unset } as mongo.UpdateFilter<CounterRow>);
  }

  /** Reads the totals of every host that has counted. */
  async readTotals(): Promise<TotalsRow[]> {
    const rows = this.collection();
    const found = await rows
      .find({ _id: { $gte: 'host:', $lt: 'host;' } }, { projection: { writers: 0 } })
      .toArray();
    return (await this.reader.keepReadable(rows, found, totalsShape)) as TotalsRow[];
  }

  /**
   * Reads how many files were delivered to each host in the hour before `now`, by the database's
   * clock: 20 counts of three minutes, the oldest first. Hosts without deliveries are left out.
   */
  async readDeliveries(now: Date): Promise<Map<HostId, number[]>> {
    const rows = this.collection();
    const first = makeMinuteId(new Date(now.getTime() - (minutesOfBars - 1) * minuteMs));
    const found = await rows
      .find(
        { _id: { $gte: first, $lte: makeMinuteId(now) } },
        { projection: { writers: 0 }, limit: minutesOfBars },
      )
      .toArray();
    const readable = (await this.reader.keepReadable(rows, found, minuteShape)) as MinuteRow[];
    return sumBars(readable, now);
  }

  /** Moves away a row with unexpected values, to which nothing can be added. */
  private async moveUnreadable({ host }: CounterWriterId, { at }: CounterBatch): Promise<void> {
    const rows = this.collection();
    for (const [_id, shape] of [
      [makeTotalsId(host), totalsShape],
      [makeMinuteId(at), minuteShape],
    ] as const) {
      const row = await rows.findOne({ _id });
      if (row) await this.reader.keepReadable(rows, [row], shape);
    }
  }
}

function makeStatements(
  { host, process }: CounterWriterId,
  { number, at, fields, delivered }: CounterBatch,
): Statement[] {
  const statements = [
    {
      updateOne: {
        // "Not at least" and not "other than": a request that was held up arrives after later
        // batches.
        filter: {
          _id: makeTotalsId(host),
          [`writers.${process}.batch`]: { $not: { $gte: number } },
        },
        update: {
          $inc: toDoubles(fields),
          $set: { [`writers.${process}.batch`]: number },
          $currentDate: { [`writers.${process}.at`]: true },
        },
        upsert: true,
      },
    },
  ];
  if (delivered.size === 0) return statements as Statement[];
  const byHost = [...delivered].map(([to, n]) => [`to.${encodeFieldName(to)}`, n] as const);
  return [
    ...statements,
    {
      updateOne: {
        filter: { _id: makeMinuteId(at), [`writers.${process}`]: { $not: { $gte: number } } },
        update: {
          $inc: toDoubles(byHost),
          $set: { [`writers.${process}`]: number },
        },
        upsert: true,
      },
    },
  ] as Statement[];
}

/** Sums of integers may become 64 bits wide, which some connections read as objects. */
function toDoubles(amounts: Iterable<readonly [string, number]>): Record<string, mongo.Double> {
  return Object.fromEntries(
    [...amounts].map(([field, amount]) => [field, new mongo.Double(amount)]),
  );
}

function sumBars(rows: readonly MinuteRow[], now: Date): Map<HostId, number[]> {
  const bars = new Map<HostId, number[]>();
  const lastMinute = Math.floor(now.getTime() / minuteMs);
  for (const { _id, to = {} } of rows) {
    const at = readMinuteId(_id);
    if (!at) continue;
    const ago = lastMinute - at.getTime() / minuteMs;
    const bar = minutesOfBars / minutesPerBar - 1 - Math.floor(ago / minutesPerBar);
    for (const [name, count] of Object.entries(to)) {
      const host = readHostId(name);
      if (host === undefined) continue;
      const counts = bars.get(host) ?? new Array<number>(minutesOfBars / minutesPerBar).fill(0);
      bars.set(host, counts);
      counts[bar] = (counts[bar] ?? 0) + count;
    }
  }
  return bars;
}
