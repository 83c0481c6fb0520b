import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackendName } from '../../src/model/backend-name.js';
import { AnnexHistory } from '../../src/transport/git-annex/annex-history.js';
import { getObjectPath, makeKey } from '../../src/transport/git-annex/key.js';
import { GitHistory } from '../../src/transport/git/git-history.js';
import type { BackendOptions } from '../../src/transport/options.js';
import { dir, type Machine } from '../../test/flow/site.js';
import { until } from '../../test/harness/wait.js';
import { Arrivals } from '../arrivals.js';
import { run } from '../baselines.js';
import type { Settings } from '../benchmark.js';
import { now } from '../figures.js';
import { measured, openBenchSite, untilIdle, writeFresh, type BenchSite } from '../site.js';

const historyTimeoutMs = 180_000;
/** The limits that users have. */
const limits = { days: 30, maxBytes: 10 * 2 ** 30, maxFileBytes: 32 * 2 ** 20, author: 'bench' };
const annex = { largerThan: 8 * 2 ** 20, on: 'all' } as const;

/** What a site of one backend is measured by. */
export class BackendSite {
  /** Of all files that were saved here, without the tree. */
  savedBytes = 0;
  private saves = 0;

  private constructor(
    readonly backend: BackendName,
    readonly site: BenchSite,
    readonly arrivals: Arrivals,
  ) {}

  static async open(settings: Settings, backend: BackendName, files: number): Promise<BackendSite> {
    const site = await openBenchSite(settings, { backend, files });
    try {
      const opened = new BackendSite(backend, site, await Arrivals.at(site.receivers, measured));
      await opened.untilRemembered();
      return opened;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.arrivals.close();
    await this.site.close();
  }

  get keepsHistory(): boolean {
    return this.backend !== 'rsync';
  }

  /** Saves one fresh file. @returns when it began, and milliseconds until all hosts had it */
  async save(size: number): Promise<{ began: number; took: number }> {
    const { sender, app } = this.site;
    const name = `one-${String(this.saves++)}.jpg`,
      file = `${measured}/${name}`;
    const content = await writeFresh(sender, name, size);
    this.savedBytes += size;
    const arriving = this.arrivals.expect(name);
    const began = now();
    await app.Photo.create({ title: name, file });
    const took = Math.max(...(await arriving)) - began;
    await this.arrivals.check(name, content);
    await untilIdle(app, file);
    return { began, took };
  }

  /** The last commits of the sender's days. */
  readTips(machine = this.site.sender): Promise<string> {
    return readTips(machine, this.site.me);
  }

  /** Waits until the hosts have commits that the sender did not have before. */
  async untilShared(before: string): Promise<void> {
    await until(
      async () => {
        const tips = await this.readTips();
        return tips !== before && (await this.isEverywhere(tips));
      },
      { timeout: historyTimeoutMs, interval: 5 },
    );
  }

  /** Waits until every version is recorded, and all hosts have the history. */
  async untilRemembered(): Promise<void> {
    if (!this.keepsHistory) return;
    const rows = this.site.app.connection.collection('syncmedia_ledger');
    await until(async () => (await rows.countDocuments({ unrecorded: true }, { limit: 1 })) === 0, {
      timeout: historyTimeoutMs,
    });
    await until(async () => this.isEverywhere(await this.readTips()), {
      timeout: historyTimeoutMs,
    });
  }

  /** Waits until the annexes of all hosts have a content. */
  async untilKept(size: number, sha256: string): Promise<void> {
    const key = makeKey({ size, mtime: 0, sha256 });
    if (this.backend !== 'git-annex' || key === undefined) return;
    const machines = [this.site.sender, ...this.site.receivers];
    await until(
      async () =>
        (
          await Promise.all(
            machines.map(({ ssh }) =>
              readdir(join(ssh.stateDir, 'annex', getObjectPath(key), '..')).catch(() => []),
            ),
          )
        ).every(({ length }) => length > 0),
      { timeout: historyTimeoutMs, interval: 20 },
    );
  }

  /** Bytes on the disk below the sync dir and in the histories, at the sender and at a receiver. */
  async measureDisk(): Promise<{ sender: number; receiver: number }> {
    const [receiver] = this.site.receivers;
    if (!receiver) throw new Error('no receiver');
    return {
      sender: await measureDisk(this.site.sender),
      receiver: await measureDisk(receiver),
    };
  }

  /** Does what the leader of each host does once a day. */
  async clean(): Promise<void> {
    if (!this.keepsHistory) return;
    const hosts = await this.site.app.sync.hosts.list();
    for (const { name, ssh } of [this.site.sender, ...this.site.receivers]) {
      // Cleaning needs no other option.
      const options = {
        self: hosts.find(({ hostname }) => hostname === name)?.id ?? '',
        timeoutMs: historyTimeoutMs,
      } as BackendOptions;
      const place = { ...limits, stateDir: ssh.stateDir, hostname: name, annex };
      const history =
        this.backend === 'git' ? new GitHistory(options, place) : new AnnexHistory(options, place);
      await history.maintain(new AbortController().signal);
      await history.close();
    }
  }

  private async isEverywhere(tips: string): Promise<boolean> {
    const others = await Promise.all(this.site.receivers.map((one) => this.readTips(one)));
    return tips !== '' && others.every((there) => there === tips);
  }
}

async function readTips({ ssh }: Machine, host: string): Promise<string> {
  const folder = join(ssh.stateDir, 'git/refs/heads', host);
  const names = await readdir(folder).catch(() => []);
  const tips = await Promise.all(
    names
      .filter((name) => !name.endsWith('.lock'))
      .sort()
      .map(async (name) => `${name} ${await readFile(join(folder, name), 'utf8')}`),
  );
  return tips.join('');
}

async function measureDisk(machine: Machine): Promise<number> {
  const histories = ['git', 'annex'].map((name) => join(machine.ssh.stateDir, name));
  let bytes = 0;
  for (const folder of [machine.path(dir), ...histories]) {
    const output = await run('du', ['-s', '-B1', '--', folder]).catch(() => '0');
    bytes += Number(/^\d+/.exec(output)?.[0] ?? 0);
  }
  return bytes;
}
