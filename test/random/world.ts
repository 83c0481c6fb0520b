import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Collection, mongo } from 'mongoose';
import type { Tuning } from '../../src/config/config.js';
import type { BackendName } from '../../src/model/backend-name.js';
import type { Capture } from '../../src/model/capture.js';
import type { Entry } from '../../src/model/entry.js';
import type { Host } from '../../src/model/host.js';
import type { Run } from '../../src/model/run.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { until } from '../harness/wait.js';
import { AppProcess } from './app-process.js';
import { findCopies, hashOf, listUnresolved, readAll, type Copy, type Replica } from './disks.js';
import { HostHistory, listSeenVersions, readLogTime, type SeenVersion } from './histories.js';
import { Model, type Known, type Write } from './model.js';
import type { HostIndex, Save, Step } from './steps.js';

/** Shorter than users have: what waits for a clock is to happen within the steps. */
const tuning: Partial<Tuning> = {
  leaseMs: 1_500,
  beatMs: 250,
  pollMs: 300,
  fullPollMs: 1_500,
  captureDueMs: 1_000,
  recheckOriginMs: 1_000,
  backoffMs: 100,
  backoffMaxMs: 400,
  blockedRetryMs: 1_000,
  idleMs: 5_000,
  goneMs: 3_000,
  scanChangedMs: 2_000,
  scanAllMs: 3_000,
  candidateMs: 5_000,
  leftoverMs: 5_000,
};
/** Seconds after which a frozen host is given up. */
const timeout = '2';
/** For so many steps after a host was thawed, earlier deliveries to it may still arrive. */
const stirred = 12;

type Row<T extends { id?: string; path?: string }> = Omit<T, 'id' | 'path'> & { _id: string };

interface One {
  readonly machine: Machine;
  readonly app: AppProcess;
  readonly id: string;
  frozen: boolean;
  thawedAt: number;
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
function readIfThere(file: string): Buffer | undefined {
  return ifThere(() => readFileSync(file));
}

/**
 * Three hosts of real parts, whose apps are processes of their own, and what a model expects of
 * them.
 */
export class World {
  readonly model = new Model();
  /**
   * Bytes that were saved, with what saved them; and those whose only copy the app itself
   * destroyed.
   */
  readonly saved = new Map<string, Write>();
  readonly givenUp = new Set<string>();
  /** When each step began. */
  readonly times: Date[] = [];
  private at = 0;

  private constructor(
    private readonly site: Site,
    readonly ones: readonly One[],
    private readonly began: mongo.Timestamp,
    readonly backend: BackendName,
  ) {}

  /** @param program of the hosts' apps */
  static async open(program: string, backend: BackendName): Promise<World> {
    const site = await openSite({
      plugin: { onDelete: 'propagate' },
      environment: { SYNCMEDIA_TIMEOUT: timeout, SYNCMEDIA_BACKEND: backend },
    });
    try {
      const ones: One[] = [];
      for (const machine of site.machines) {
        const { id } = await machine.app.sync.hosts.show(machine.name);
        await machine.app.close();
        const app = new AppProcess(machine.name, program, machine.environment, {
          uri: site.database.uri,
          dir,
          tuning,
        });
        ones.push({ machine, app, id, frozen: false, thawedAt: -stirred });
      }
      const began = await readLogTime(site.database.connection.db as mongo.Db);
      const world = new World(site, ones, began, backend);
      await Promise.all(ones.map(({ app }) => app.start()));
      return world;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const { app } of this.ones) await app.close();
    await this.site.close();
  }

  get replicas(): Replica[] {
    return this.ones.map(({ machine }) => ({ host: machine.name, dirPath: machine.path(dir) }));
  }

  /** Every version that was current, once the apps have ended. */
  listSeenVersions(): Promise<SeenVersion[]> {
    return listSeenVersions(this.rows<Entry>('ledger'), this.began);
  }

  /** The histories of the hosts, once the apps have ended. */
  get histories(): HostHistory[] {
    return this.ones.map(
      ({ machine, id }) => new HostHistory(machine.name, machine.ssh.stateDir, id),
    );
  }

  rows<T extends { id?: string; path?: string }>(name: string): Collection<Row<T>> {
    return this.site.database.connection.collection<Row<T>>(`syncmedia_${name}`);
  }

  async carryOut(step: Step, at: number): Promise<void> {
    this.at = at;
    this.times.push(new Date());
    switch (step.do) {
      case 'save':
        return this.save(step.saves, step.killedAfter);
      case 'delete':
        return this.delete(step);
      case 'write beside':
        return this.writeBeside(step.save);
      case 'remove beside':
        return this.removeBeside(step.host, step.path);
      case 'rest':
        return this.rest();
      case 'push':
      case 'pull':
      case 'repair':
        await this.doubtDeletes();
        return this.one(step.host).app.ask({ do: step.do });
      case 'approve':
        return this.one(step.host).app.ask({ do: step.do });
      default:
        return this.change(step.do, this.one(step.host));
    }
  }

  /**
   * Brings everything up again; resolves when nothing is pending and every host has scanned its
   * whole disk since.
   */
  async comeToRest(timeoutMs: number): Promise<void> {
    for (const one of this.ones) {
      if (one.frozen) await this.change('thaw', one);
      await this.change('connect', one);
      await this.change('quick', one);
      await this.change('start', one);
    }
    const since = new Date();
    await until(() => this.isAtRest(since), {
      timeout: timeoutMs,
      interval: 250,
      what: 'the site at rest',
    });
  }

  private async isAtRest(since: Date): Promise<boolean> {
    for (const { app } of this.ones) await app.ask({ do: 'approve' });
    const all = await this.rows<Host>('hosts').find().toArray();
    const isScanned = (host: Row<Host>): boolean =>
      Object.keys(host.scans ?? {}).length > 0 &&
      Object.values(host.scans ?? {}).every(({ all: date }) => date > since);
    const describe = ({ hostname, status, lease, halted, scans, rescans }: Row<Host>): object => ({
      hostname,
      status,
      lease,
      halted,
      scans,
      rescans,
    });
    const waits = {
      captures: await this.rows<Capture>('captures').countDocuments(),
      runs: await this.rows<Run>('runs').countDocuments({
        state: { $in: ['requested', 'running'] },
      } as never),
      pending: await this.rows<Entry>('ledger').countDocuments({
        $or: [{ pending: { $ne: [] } }, { blocked: { $ne: [] } }],
      }),
      unrecorded: await this.rows<Entry>('ledger').countDocuments({
        $or: [{ unrecorded: true }, { 'toRecord.0': { $exists: true } }],
      }),
      rescans: all.filter(({ rescans }) => Object.keys(rescans).length > 0).map(describe),
      unscanned: all.filter((host) => !isScanned(host)).map(describe),
      unresolved: this.replicas
        .flatMap(readAll)
        .filter(({ at }) => at.startsWith('.syncmedia/replaced/')).length,
    };
    if (
      Object.values(waits).every((some) => some === 0 || (Array.isArray(some) && some.length === 0))
    )
      return true;
    throw new Error(`still waiting: ${JSON.stringify(waits)}`);
  }

  private one(host: HostIndex): One {
    return this.ones[host] as One;
  }

  // ---- what apps do

  private async save(saves: readonly Save[], killedAfter: number | undefined): Promise<void> {
    const known = await Promise.all(saves.map((save) => this.look(save.host, save.path)));
    const writes = saves.map((save, n) => {
      const written = this.write(save, killedAfter === undefined);
      return { write: written.write, known: this.lookAgain(save, known[n] as Known, written) };
    });
    this.model.note(saves[0]?.path ?? '', writes);
    await Promise.all(
      saves.map(({ host, path, by }, n) => {
        const { app } = this.one(host);
        const asked = {
          do: 'save' as const,
          id: hashOf(Buffer.from(path)),
          file: this.spell(path),
          title: String(this.at),
          by,
        };
        return killedAfter === undefined || n > 0
          ? app.ask(asked)
          : app.askAndKill(asked, killedAfter);
      }),
    );
  }

  private async delete({
    host,
    path,
    by,
    killedAfter,
  }: Extract<Step, { do: 'delete' }>): Promise<void> {
    const { app, machine } = this.one(host);
    const known = await this.look(host, path);
    const asked = { do: 'delete' as const, id: hashOf(Buffer.from(path)), by };
    this.model.note(path, [{ write: { step: this.at, host: machine.name, named: true }, known }]);
    if (!known.isCalm || known.runs) this.model.doubtDelete(path);
    if (killedAfter !== undefined) {
      // It may have deleted the document, and did not come to removing the file.
      this.model.doubtDelete(path);
      return app.askAndKill(asked, killedAfter);
    }
    await app.ask(asked);
    this.unlink(host, path);
  }

  private async writeBeside(save: Save): Promise<void> {
    const known = await this.look(save.host, save.path);
    const written = this.write(save, false);
    this.model.note(save.path, [
      { write: written.write, known: this.lookAgain(save, known, written) },
    ]);
  }

  private async removeBeside(host: HostIndex, path: string): Promise<void> {
    const { app, machine } = this.one(host);
    const known = await this.look(host, path);
    this.model.note(path, [{ write: { step: this.at, host: machine.name, named: false }, known }]);
    if (!known.isCalm || known.runs) this.model.doubtDelete(path);
    this.unlink(host, path);
    await app.ask({ do: 'remove', path: `${dir}/${path}` });
  }

  private write(
    { host, path, size, writing }: Save,
    named: boolean,
  ): { write: Write; isMissed: boolean } {
    const { machine } = this.one(host);
    // Each content is the only one of its kind; some have the same length.
    const content = Buffer.concat([
      Buffer.from(`${String(this.at)} ${machine.name} `),
      Buffer.from(randomBytes(Math.ceil(size / 2)).toString('hex')),
    ]).subarray(0, size);
    const file = join(machine.path(dir), path);
    mkdirSync(dirname(file), { recursive: true });
    let isMissed = false;
    if (writing === 'in place') {
      const before = readIfThere(file),
        open = openSync(file, 'w');
      writeSync(open, content);
      futimesSync(open, ...this.tick(host, 0));
      isMissed = fstatSync(open).ino !== ifThere(() => lstatSync(file))?.ino;
      closeSync(open);
      this.noteDestroyed(host, path, before);
    } else {
      writeFileSync(`${file}.tmp`, content);
      utimesSync(
        `${file}.tmp`,
        ...this.tick(host, writing === 'clock off' ? ([0, 3_600, -3_600][host] ?? 0) : 0),
      );
      const before = this.take(
        host,
        (limbo) => {
          linkSync(file, limbo);
        },
        () => {
          renameSync(`${file}.tmp`, file);
        },
      );
      this.noteDestroyed(host, path, before);
    }
    const write: Write = { step: this.at, host: machine.name, sha256: hashOf(content), named };
    this.saved.set(write.sha256 ?? '', write);
    return { write, isMissed };
  }

  /**
   * Access and write time. One kernel gives two files of a moment the same date to the nanosecond;
   * three machines never do.
   */
  private tick(host: HostIndex, offSeconds: number): [number, number] {
    const now = Date.now() / 1000 + offSeconds + (host + 1) / 10_000;
    return [now, now];
  }

  private unlink(host: HostIndex, path: string): void {
    const file = join(this.one(host).machine.path(dir), path);
    this.noteDestroyed(
      host,
      path,
      this.take(host, (limbo) => {
        renameSync(file, limbo);
      }),
    );
  }

  /**
   * What `away` gives another name outside the sync dir, just before it is destroyed: hosts are at
   * work there all the time.
   */
  private take(
    host: HostIndex,
    away: (limbo: string) => void,
    destroy?: () => void,
  ): Buffer | undefined {
    const limbo = join(this.one(host).machine.ssh.dir, 'limbo');
    const isThere =
      ifThere(() => {
        away(limbo);
        return true;
      }) ?? false;
    destroy?.();
    if (!isThere) return undefined;
    const content = readFileSync(limbo);
    unlinkSync(limbo);
    return content;
  }

  /** The app has destroyed this: where nobody else has a copy, nobody can keep one. */
  private noteDestroyed(host: HostIndex, path: string, content: Buffer | undefined): void {
    if (!content) return;
    const { name } = this.one(host).machine,
      sha256 = hashOf(content);
    // A replaced file may be a second copy of the placed one, about to be dropped.
    const isOther = (copy: Copy): boolean =>
      copy.sha256 === sha256 &&
      !(copy.host === name && copy.at === path) &&
      !copy.at.startsWith('.syncmedia/replaced/');
    if (!findCopies(this.replicas, path).some(isOther)) this.givenUp.add(sha256);
  }

  private spell(path: string): string {
    return this.at % 2 === 0 ? `${dir}/${path}` : `/${dir}/${path}`;
  }

  private async look(host: HostIndex, rest: string): Promise<Known> {
    const { id, frozen, thawedAt } = this.one(host);
    const path = `${dir}/${rest}`;
    const [entry, captures, run] = await Promise.all([
      this.rows<Entry>('ledger').findOne({ _id: path }),
      this.rows<Capture>('captures')
        .find({ $or: [{ touched: path }, { unreferenced: path }] } as never)
        .toArray(),
      this.rows<Run>('runs').findOne({ state: { $in: ['requested', 'running'] } } as never),
    ]);
    return {
      current: entry?.info?.sha256,
      superseded: entry?.superseded.flatMap(({ sha256 }) => sha256 ?? []) ?? [],
      isHeldHere: entry?.heldBy.includes(id) ?? false,
      unresolved: listUnresolved(this.replicas[host] as Replica, rest),
      touchedWaits: captures.some(({ touched }) => (touched as string[]).includes(path)),
      leftWaits: captures.some(({ unreferenced: left }) => (left as string[]).includes(path)),
      isCalm: !frozen && this.at - thawedAt > stirred,
      runs: run !== null,
    };
  }

  /** After the write: it did not replace the files that deliveries have replaced meanwhile. */
  private lookAgain(
    { host, path }: Save,
    known: Known,
    { isMissed }: { isMissed: boolean },
  ): Known {
    return {
      ...known,
      isMissed,
      unresolved: [...known.unresolved, ...listUnresolved(this.replicas[host] as Replica, path)],
    };
  }

  /**
   * Deletes that are not processed yet, when something may bring the file back to that disk.
   */
  private async doubtDeletes(): Promise<void> {
    for await (const { unreferenced: left } of this.rows<Capture>('captures').find({
      unreferenced: { $ne: [] },
    } as never)) {
      for (const path of left) this.model.doubtDelete(path.slice(dir.length + 1));
    }
  }

  private async rest(): Promise<void> {
    const running = this.ones.filter(({ app }) => app.running).map(({ id }) => id);
    const isFolded = async (): Promise<boolean> =>
      (await this.rows<Capture>('captures').countDocuments({
        host: { $in: running },
        unreferenced: [],
      })) === 0;
    // It may take longer, where a lease has to run out first: then the steps go on.
    await until(isFolded, { timeout: 1_000 }).catch(() => undefined);
  }

  // ---- what happens to hosts

  private async change(what: Extract<Step, { host: HostIndex }>['do'], one: One): Promise<void> {
    const {
      machine: { ssh },
      app,
    } = one;
    switch (what) {
      case 'freeze':
        await ssh.freeze();
        one.frozen = true;
        return;
      case 'thaw':
        return this.thaw(one, () => ssh.thaw());
      case 'cut':
        return this.thaw(one, () => ssh.stop({ hard: true }));
      case 'connect':
        if (!ssh.running()) await ssh.start();
        return;
      case 'slow':
        return ssh.replaceProgram('rsync', 'sleep 0.5; PATH="${PATH#*:*:}" exec rsync "$@"');
      case 'quick':
        return ssh.replaceProgram('rsync', undefined);
      case 'stop':
        return app.stop();
      case 'kill':
        await this.doubtDeletes();
        return app.kill();
      case 'start':
        return app.start();
      case 'power off':
        await this.doubtDeletes();
        await app.kill();
        return this.change('cut', one);
      case 'power on':
        await this.change('connect', one);
        return app.start();
      default:
    }
  }

  private async thaw(one: One, doing: () => Promise<void>): Promise<void> {
    await doing();
    one.frozen = false;
    one.thawedAt = this.at;
  }
}
