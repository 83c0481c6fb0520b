import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { formatFingerprint } from '../../src/util/public-key.js';
import { dir, type Machine } from '../../test/flow/site.js';
import { startHost, type TestHost } from '../../test/harness/sshd.js';
import { Arrivals } from '../arrivals.js';
import type { Benchmark, Result } from '../benchmark.js';
import { median, milliseconds, now, row, rowHead } from '../figures.js';
import { measured, openBenchSite, untilIdle, writeFresh } from '../site.js';

const size = 50_000;

/** `--files N`: N hosts. */
export const manyHosts: Benchmark = {
  number: 8,
  title: 'One save of a 50 KB file to 30 hosts',
  async run(settings): Promise<Result> {
    const count = settings.files ?? 30;
    const saves = settings.saves ?? 20;
    const site = await openBenchSite(settings, { receivers: 0 });
    const { sender, app } = site;
    const hosts: TestHost[] = [];
    const first: number[] = [],
      last: number[] = [],
      plain: number[] = [];
    try {
      settings.say(`adding ${String(count)} passive hosts`);
      for (let i = 0; i < count; i++) hosts.push(await addHost(sender, `passive${String(i)}`));
      const machines = hosts.map((ssh): Pick<Machine, 'path'> => ({
        path: (file) => join(ssh.root, file),
      }));
      const arrivals = await Arrivals.at(machines, measured);
      try {
        let login = NaN;
        for (let i = -3; i < saves; i++) {
          const plainBegan = now();
          await site.Plain.create({ title: 'plain' });
          plain.push(now() - plainBegan);
          const name = `${String(i)}.jpg`,
            file = `${measured}/${name}`;
          const content = await writeFresh(sender, name, size);
          const arriving = arrivals.expect(name);
          const began = now();
          await app.Photo.create({ title: name, file });
          const arrived = await arriving;
          if (i === -3) login = Math.max(...arrived) - began;
          if (i >= 0) {
            first.push(Math.min(...arrived) - began);
            last.push(Math.max(...arrived) - began);
          }
          await arrivals.check(name, content);
          await untilIdle(app, file);
        }
        return {
          sizes:
            `${String(count)} passive hosts, each with an sshd of its own, ` +
            `${String(saves)} saves`,
          tables: [
            {
              head: rowHead,
              rows: [
                row('first host', first),
                row('last host', last),
                row('plain save', plain.slice(3)),
              ],
            },
          ],
          goals: [],
          notes: [
            `The first save, which logs in to all of them, took ${milliseconds(login)}. For ` +
              `each host, the last one was there ${milliseconds(median(last) / count)} after ` +
              `the begin of the save.`,
          ],
        };
      } finally {
        arrivals.close();
      }
    } finally {
      await app.close();
      for (const host of hosts) await host.close();
      await site.close();
    }
  },
};

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
