import { Schema } from 'mongoose';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, ratio, row, rowHead } from '../figures.js';
import { makeLeastModel } from '../least-hooks.js';
import { measured, openBenchSite, untilIdle, writeFresh } from '../site.js';
import { atOnce, burstUnreachable, type UnreachableBursts } from '../unreachable-burst.js';

/**
 * A process that has been at work for a while, as that of a site is: its code is compiled by then.
 */
const warmUp = 300;

export const addedToSave: Benchmark = {
  number: 2,
  title: 'What the hooks add to save()',
  async run(settings): Promise<Result> {
    const saves = settings.saves ?? 200;
    const inBurst = settings.saves ?? 10_000;
    const site = await openBenchSite(settings);
    const { sender, app, Plain } = site;
    let burst: UnreachableBursts;
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
      const Least = await makeLeastModel(app.connection, sender);
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
      burst = await burstUnreachable(site, {
        saves: inBurst,
        rounds: 3,
        say: settings.say,
        least: Least,
      });
    } finally {
      await site.close();
    }
    const added = median(times.created) - median(times.plain);
    const addedAtLeast = median(times.least) - median(times.plain);
    const addedToEdit = median(times.edited) - median(times.editedPlain);
    const slower = median(burst.times.ours) / median(burst.times.plain);
    const [trip, write] = [median(times.ping), median(times.insert)];
    return {
      sizes:
        `${String(saves)} saves, after ${String(warmUp)} that are not counted; bursts of ` +
        `${inBurst.toLocaleString('en')} saves of 1 KB files, ${String(atOnce)} at once, in turns`,
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
        {
          head: ['a burst, all other hosts unreachable', 'median', 'processor time', 'runs'],
          rows: (
            [
              ['plain', 'plain saves'],
              ['ours', 'saves'],
              ['least', 'with hooks that do the least'],
              ['recorded', 'with the same, and the least of a ledger'],
            ] as const
          ).map(([kind, what]) => [
            what,
            milliseconds(median(burst.times[kind])),
            milliseconds(median(burst.cpu[kind])),
            String(burst.times[kind].length),
          ]),
        },
      ],
      goals: [
        {
          goal: 'added to save() of a new document: ≤ 0.5 × one insert',
          measured: `${milliseconds(added)}, ${ratio(added / write)}`,
          met: added <= 0.5 * write,
        },
        {
          goal: 'a burst of saves, all other hosts unreachable: ≤ 1.3 × the time of plain saves',
          measured: ratio(slower),
          met: slower <= 1.3,
        },
      ],
      notes: [
        `The least: hooks that convert the document before and after its write, look whether its ` +
          `two strings name files, and insert a row beside the write. They add ` +
          `${milliseconds(addedAtLeast)} to one save, ${ratio(addedAtLeast / write)} of an ` +
          `insert; a burst takes ${ratio(median(burst.times.least) / median(burst.times.plain))} ` +
          `the time of plain saves. Nothing reads the files, records entries or removes the rows.`,
        `The least of a ledger: after such a save the file is read and hashed, an entry is inserted ` +
          `and the row removed, each in batches. Then a burst takes ` +
          `${ratio(median(burst.times.recorded) / median(burst.times.plain))} the time of plain ` +
          `saves.`,
        `To an edit the hooks add ${milliseconds(addedToEdit)}, ${ratio(addedToEdit / write)} ` +
          `of an insert. Against a ping, which writes nothing: ${ratio(added / trip)} for a new ` +
          `document, ${ratio(addedToEdit / trip)} for an edit.`,
      ],
    };
  },
};
