import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { formatFingerprint } from '../../src/util/public-key.js';
import { dir, type Machine } from '../../test/flow/site.js';
import { startHost, type TestHost } from '../../test/harness/sshd.js';
import { Arrivals } from '../arrivals.js';
import { putBare } from '../bare-put.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, row, rowHead } from '../figures.js';
import { measured, openBenchSite, untilIdle, writeFresh, type BenchSite } from '../site.js';

const size = 50_000;
const warmUp = 10;
const goal = 0.5;

interface Times {
  readonly hosts: number;
  readonly first: number[];
  readonly last: number[];
  readonly plain: number[];
  readonly put: number[];
}

/** `--files N`: N hosts. */
export const manyHosts: Benchmark = {
  number: 8,
  title: 'One save of a 50 KB file to 1 and to 30 hosts',
  async run(settings): Promise<Result> {
    const counts = [1, settings.files ?? 30];
    const saves = settings.saves ?? 30;
    const site = await openBenchSite(settings, { receivers: 0 });
    const hosts: TestHost[] = [];
    const found: Times[] = [];
    try {
      for (const count of counts) {
        settings.say(`${String(count)} passive hosts`);
        while (hosts.length < count)
          hosts.push(await addHost(site.sender, `passive${String(hosts.length)}`));
        found.push(await measure(site, hosts, saves));
      }
    } finally {
      await site.app.close();
      for (const host of hosts) await host.close();
      await site.close();
    }
    const [one, many] = found as [Times, Times];
    const each = (pick: (times: Times) => number[]): number =>
      (median(pick(many)) - median(pick(one))) / (many.hosts - one.hosts);
    const more = each(({ last }) => last);
    return {
      sizes:
        `${String(many.hosts)} passive hosts, each with an sshd of its own, ` +
        `${String(saves)} saves, after ${String(warmUp)} that are not counted`,
      tables: found.map((times) => ({
        head: [`${String(times.hosts)} hosts`, ...rowHead.slice(1)],
        rows: [
          row('first host', times.first),
          row('last host', times.last),
          row('plain save', times.plain),
          row('bare SFTP put, all at once', times.put),
        ],
      })),
      goals: [
        {
          goal: `the last host of 30 against the one of 1: ≤ ${String(goal)} ms for each more`,
          measured: milliseconds(more, 2),
          met: more <= goal,
        },
      ],
      notes: [
        `Each more host adds ${milliseconds(
          each(({ put }) => put),
          2,
        )} to a bare SFTP put.`,
      ],
    };
  },
};

async function measure(site: BenchSite, hosts: readonly TestHost[], saves: number): Promise<Times> {
  const { sender, app, Plain } = site;
  const times: Times = { hosts: hosts.length, first: [], last: [], plain: [], put: [] };
  const machines = hosts.map((ssh): Pick<Machine, 'path'> => ({
    path: (file) => join(ssh.root, file),
  }));
  const arrivals = await Arrivals.at(machines, measured);
  try {
    for (let i = -warmUp; i < saves; i++) {
      const beganPlain = now();
      await Plain.create({ title: 'plain' });
      const plain = now() - beganPlain;
      const name = `${String(hosts.length)}-${String(i)}.jpg`,
        file = `${measured}/${name}`;
      const content = await writeFresh(sender, name, size);
      const arriving = arrivals.expect(name);
      const began = now();
      await app.Photo.create({ title: name, file });
      const arrived = await arriving;
      await arrivals.check(name, content);
      await untilIdle(app, file);
      if (i < 0) continue;
      times.plain.push(plain);
      times.first.push(Math.min(...arrived) - began);
      times.last.push(Math.max(...arrived) - began);
    }
  } finally {
    arrivals.close();
  }
  const names = hosts.map((_, i) => `passive${String(i)}`);
  times.put.push(...(await putBare(site, names, size, 30, { flush: true })));
  return times;
}

async function addHost(sender: Machine, name: string): Promise<TestHost> {
  const ssh = await startHost({ name });
  await mkdir(join(ssh.root, dir), { recursive: true });
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
