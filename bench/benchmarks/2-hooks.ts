import { lstat } from 'node:fs/promises';
import { type Collection, Schema } from 'mongoose';
import type { Machine } from '../../test/flow/site.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, ratio, row, rowHead } from '../figures.js';
import { measured, openBenchSite, untilIdle, writeFresh } from '../site.js';

/**
 * A process that has been at work for a while, as that of a site is: its code is compiled by then.
 */
const warmUp = 300;

/** A schema whose hooks do the least that a capture needs. */
function leastHooks(captures: Collection, sender: Machine): Schema {
  const schema = new Schema({ title: String, file: String });
  const asStored = {
    depopulate: true,
    flattenMaps: true,
    getters: false,
    virtuals: false,
    transform: false,
    minimize: false,
    useProjection: false,
  };
  schema.pre('save', async function capture() {
    const { title, file } = this.toObject(asStored) as { title: string; file: string };
    await Promise.all(
      [`${measured}/${title}`, file].map((path) =>
        lstat(sender.path(path), { bigint: true }).catch(() => undefined),
      ),
    );
    await captures.insertOne(
      { touched: [file], dueAt: new Date() },
      { writeConcern: { w: 'majority' } },
    );
  });
  schema.post('save', async function look() {
    await Promise.resolve(this.toObject(asStored));
  });
  return schema;
}

export const addedToSave: Benchmark = {
  number: 2,
  title: 'What the hooks add to save()',
  async run(settings): Promise<Result> {
    const saves = settings.saves ?? 200;
    const site = await openBenchSite(settings);
    const { sender, app, Plain } = site;
    const times = {
      ping: [] as number[],
      insert: [] as number[],
      plain: [] as number[],
      created: [] as number[],
      least: [] as number[],
      edited: [] as number[],
      editedPlain: [] as number[],
    };
    try {
      // On the connection of the app, as the hooks are.
      const Own = app.connection.model('PlainHere', new Schema({ title: String, file: String }));
      await Plain.createCollection();
      const rows = app.connection.collection('round_trips');
      const Least = app.connection.model(
        'Least',
        leastHooks(app.connection.collection('least_captures'), sender),
      );
      const timed = async (
        into: number[],
        i: number,
        work: () => Promise<unknown>,
      ): Promise<void> => {
        const began = now();
        await work();
        if (i >= warmUp) into.push(now() - began);
      };
      for (let i = 0; i < saves + warmUp; i++) {
        const file = `${measured}/${String(i)}.jpg`;
        await writeFresh(sender, `${String(i)}.jpg`, 1_000);
        await timed(
          times.ping,
          i,
          () => app.connection.db?.command({ ping: 1 }) ?? Promise.resolve(),
        );
        await timed(times.insert, i, () =>
          rows.insertOne({ at: i }, { writeConcern: { w: 'majority' } }),
        );
        const plain = new Own({ title: 'plain', file });
        await timed(times.plain, i, () => plain.save());
        const least = new Least({ title: 'least', file });
        await timed(times.least, i, () => least.save());
        const photo = new app.Photo({ title: 'ours', file });
        await timed(times.created, i, () => photo.save());
        await untilIdle(app, file);
        plain.title = photo.title = 'edited';
        await timed(times.editedPlain, i, () => plain.save());
        await timed(times.edited, i, () => photo.save());
        if (i % 20 === 19) await app.sync.status();
      }
    } finally {
      await site.close();
    }
    const added = median(times.created) - median(times.plain);
    const addedAtLeast = median(times.least) - median(times.plain);
    const addedToEdit = median(times.edited) - median(times.editedPlain);
    const [trip, write] = [median(times.ping), median(times.insert)];
    return {
      sizes: `${String(saves)} saves, after ${String(warmUp)} that are not counted`,
      tables: [
        {
          head: rowHead,
          rows: [
            row('one round trip: ping', times.ping),
            row('one round trip: insert of a small document', times.insert),
            row('plain save of a new document', times.plain),
            row('save of a new document', times.created),
            row('the same with hooks that do the least', times.least),
            row('plain save of an edit', times.editedPlain),
            row('save of an edit', times.edited),
          ],
        },
      ],
      goals: [
        {
          goal: 'added to save(): ≤ 2 × one database round trip (an insert)',
          measured: `${milliseconds(added)}, ${ratio(added / write)}`,
          met: added <= 2 * write,
        },
        {
          goal: 'the same for an edit',
          measured: `${milliseconds(addedToEdit)}, ${ratio(addedToEdit / write)}`,
          met: addedToEdit <= 2 * write,
        },
      ],
      notes: [
        `The least: hooks that do nothing but what a capture cannot do without. Before the ` +
          `write they convert the document, look whether its two strings name files, and insert ` +
          `a capture; after it they convert it again. They add ${milliseconds(addedAtLeast)}, ` +
          `${ratio(addedAtLeast / write)}.`,
        `Against a ping, which writes nothing: ${ratio(added / trip)} for a new document, ` +
          `${ratio(addedToEdit / trip)} for an edit.`,
      ],
    };
  },
};
