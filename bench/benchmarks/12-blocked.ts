import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'mongoose';
import { formatFingerprint } from '../../src/util/public-key.js';
import { getNativeCollection } from '../../src/util/collections.js';
import type { LedgerRow } from '../../src/ledger/filters.js';
import { dir } from '../../test/flow/site.js';
import {
  makeOrdinaryUser,
  ordinaryUserIsMissing,
  type TestUser,
} from '../../test/harness/ordinary-user.js';
import { startHost, type TestHost } from '../../test/harness/sshd.js';
import { until } from '../../test/harness/wait.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, ratio, row, rowHead } from '../figures.js';
import { measured, openBenchSite, writeFresh, type BenchSite } from '../site.js';
import { fillTree } from '../tree.js';

const hostCount = 3;
const size = 50_000;
const everyMs = 20;
const goal = 1.2;

interface Phase {
  readonly saves: number[];
  readonly descriptors: number;
}

/** `--files N`: N blocked paths on each host; `--saves N`: N saves in each phase. */
export const blockedPaths: Benchmark = {
  number: 12,
  title: 'Saves while 10,000 paths are blocked on each host',
  async run(settings): Promise<Result> {
    const files = settings.files ?? 10_000,
      saves = settings.saves ?? 1_000;
    const missing =
      process.getuid?.() === 0
        ? await ordinaryUserIsMissing()
        : 'only root can give a directory away';
    if (missing !== undefined) return makeSkipped(missing);
    const user = await makeOrdinaryUser();
    const site = await openBenchSite(settings, { receivers: 0 });
    const hosts: TestHost[] = [];
    try {
      for (let i = 0; i < hostCount; i++) hosts.push(await addHost(site, user, `to${String(i)}`));
      const warmUp = await save(site, 300, 'warm');
      settings.say(`warm: ${milliseconds(median(warmUp.saves))}`);
      const before = await save(site, saves, 'before');
      settings.say(`without blocked paths: ${milliseconds(median(before.saves))}`);
      await makePending(site, files);
      const becoming = await save(site, saves, 'becoming');
      settings.say(`while they become blocked: ${milliseconds(median(becoming.saves))}`);
      await untilBlocked(site, files, settings.say);
      const blocked = await save(site, saves, 'blocked');
      settings.say(`once they are: ${milliseconds(median(blocked.saves))}`);
      await removeBlocked(site.app.connection);
      await sleep(5_000);
      const after = await save(site, saves, 'after');
      settings.say(`without them again: ${milliseconds(median(after.saves))}`);
      const without = median([...before.saves, ...after.saves]);
      const against = ({ saves: times }: Phase): string => ratio(median(times) / without);
      const phases: [string, Phase][] = [
        ['before', before],
        ['while they become blocked', becoming],
        ['once they are blocked', blocked],
        ['after they are gone', after],
      ];
      return {
        sizes:
          `${files.toLocaleString('en')} paths blocked on each of ${String(hostCount)} hosts, whose ` +
          `directories belong to another user there; ${String(saves)} saves of 50 KB files in each ` +
          `phase, ${String(1000 / everyMs)} a second`,
        tables: [
          {
            head: [...rowHead, 'against without', 'open descriptors'],
            rows: phases.map(([what, phase]) =>
              row(`save(): ${what}`, phase.saves, against(phase), String(phase.descriptors)),
            ),
          },
        ],
        goals: [
          {
            goal: `a save while so many paths are blocked: ≤ ${String(goal)} × without them`,
            measured: `${against(blocked)}; while they become blocked ${against(becoming)}`,
            met: median(blocked.saves) <= goal * without,
          },
        ],
        notes: ['Descriptors: the most of the process that saves and delivers, once a second.'],
      };
    } finally {
      await site.app.close();
      for (const host of hosts) await host.close();
      await site.close();
      await user.remove();
    }
  },
};

function makeSkipped(reason: string): Result {
  return { sizes: 'none', tables: [], goals: [], notes: [`SKIPPED: ${reason}.`] };
}

async function addHost({ sender }: BenchSite, user: TestUser, name: string): Promise<TestHost> {
  const ssh = await startHost({ name, user });
  await mkdir(join(ssh.root, dir), { recursive: true });
  await user.own(ssh.root);
  // Only root may write there.
  await mkdir(join(ssh.root, dir, 'blocked'));
  await ssh.trust(sender.ssh.publicKey);
  await sender.app.sync.hosts.add({
    hostname: name,
    url: ssh.hostname,
    sshPort: ssh.port,
    username: ssh.username,
    root: ssh.root,
    fingerprint: formatFingerprint(ssh.hostPublicKeys[0] ?? ''),
  });
  return ssh;
}

/** One save every so often, whether or not the one before has resolved. */
async function save(
  { sender, app }: Pick<BenchSite, 'sender' | 'app'>,
  count: number,
  prefix: string,
): Promise<Phase> {
  const saves: number[] = [];
  const underWay: Promise<void>[] = [];
  let descriptors = 0;
  const begin = now();
  for (let i = 0; i < count; i++) {
    const name = `${prefix}-${String(i)}.jpg`;
    await writeFresh(sender, name, size);
    await sleep(Math.max(0, begin + i * everyMs - now()));
    const began = now();
    underWay.push(
      app.Photo.create({ title: name, file: `${measured}/${name}` }).then(() => {
        saves.push(now() - began);
      }),
    );
    if (i % (1000 / everyMs) === 0)
      descriptors = Math.max(descriptors, (await readdir('/proc/self/fd')).length);
  }
  await Promise.all(underWay);
  return { saves, descriptors };
}

/** Files of the sender in a directory that the other hosts' user may not write to. */
async function makePending(site: BenchSite, files: number): Promise<void> {
  const { sender, app, me } = site;
  const others = (await app.sync.hosts.list()).map(({ id }) => id).filter((id) => id !== me);
  await fillTree(app.connection, [sender], me, [me], files, {
    pending: others,
    folder: 'blocked',
  });
}

async function untilBlocked(
  { app }: Pick<BenchSite, 'app'>,
  files: number,
  say: (line: string) => void,
): Promise<void> {
  const rows = getRows(app.connection);
  let left = files;
  await until(
    async () => {
      left =
        files -
        (await rows.countDocuments({ [`blocked.${String(hostCount - 1)}`]: { $exists: true } }));
      say(`${left.toLocaleString('en')} are not blocked yet`);
      return left <= files / 10;
    },
    { timeout: 5 * 60_000, interval: 2_000, what: 'the blocking of the paths' },
  );
}

async function removeBlocked(connection: Connection): Promise<void> {
  await getRows(connection).deleteMany({ 'blocked.0': { $exists: true } });
}

function getRows(connection: Connection): ReturnType<typeof getNativeCollection<LedgerRow>> {
  return getNativeCollection<LedgerRow>(connection, 'syncmedia_ledger');
}
