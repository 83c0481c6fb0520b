import { resolveReplacedFolder } from '../../../src/replica/replaced.js';
import { hasErrorCode } from '../../../src/model/errors.js';
import { createReplacedFileResolver } from '../../../src/replication/resolve-replaced.js';
import type { Host, HostId } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import type { LocalFileInfo } from '../../../src/model/file.js';
import { requireSafePath } from '../../../src/replica/paths.js';
import { hostIds } from '../decisions.js';
import { bit, goneHosts, hostOf, type Model } from '../model.js';
import type { Content, HostIndex, Placement, Look, State } from '../state.js';
import type { Step } from '../walk.js';
import { findDifferences } from './compare.js';
import { contentIn, factsOf, hashOf, textOf } from './content.js';
import { type ReplayHost, uploads } from './host.js';
import { type ReplaySite, rowOf } from './site.js';
import { Task, type Point } from './task.js';

/** A difference between the explorer and the hosts, at this step of a walk. */
export interface Difference {
  readonly step: number;
  readonly label: string;
  readonly what: string[];
  readonly before: string[];
}

/**
 * A save is young enough to wait for an acknowledgement, and older than a delete of the walk:
 * documents are asked whether they name the file.
 */
const saveAgeMs = 120_000;

/**
 * Takes walks of the explorer with real files, step by step, and looks after each whether the hosts
 * are where the explorer is.
 */
export class Replay {
  private hosts: ReplayHost[] = [];
  private model!: Model;
  private state!: State;
  private path!: Path;
  private count = 0;
  private readonly looks = new Map<HostIndex, Task>();
  private readonly placements: (Task | undefined)[] = [];
  private readonly asserted = new Map<HostIndex, LocalFileInfo>();

  private constructor(private readonly site: ReplaySite) {}

  static async open(site: ReplaySite): Promise<Replay> {
    const replay = new Replay(site);
    replay.hosts = await site.hostsFor({ state: () => replay.state, model: () => replay.model });
    return replay;
  }

  async close(): Promise<void> {
    await this.killAll();
    for (const host of this.hosts) await host.close();
  }

  /**
   * The first difference, or undefined where the hosts go all the way with the explorer, and come
   * to rest where it does.
   */
  async take(model: Model, steps: readonly Step[]): Promise<Difference | undefined> {
    const first = steps[0]?.from;
    if (!first) return undefined;
    this.model = model;
    this.path = requireSafePath(`${uploads.path}/${++this.count}.jpg`);
    this.asserted.clear();
    try {
      await this.arrange(first);
      for (const [i, step] of steps.entries()) {
        const what: string[] = [];
        try {
          await this.step(step, steps, i);
        } catch (error) {
          what.push(error instanceof Error ? error.message : String(error));
        }
        what.push(
          ...(await findDifferences(model, step.to, this.site.ledger, this.hosts, this.path)),
        );
        if (what.length > 0)
          return {
            step: i,
            label: step.label,
            what,
            before: steps.slice(0, i).map(({ label }) => label),
          };
      }
      return undefined;
    } finally {
      await this.killAll();
    }
  }

  private async killAll(): Promise<void> {
    for (const task of [...this.looks.values(), ...this.placements]) await task?.kill();
    this.looks.clear();
    this.placements.length = 0;
  }

  /** The state that all walks begin with. */
  private async arrange(state: State): Promise<void> {
    await this.site.database.connection.collection('ledger').deleteMany({});
    const { entry } = this.model.decisions.known(state.entry) ?? {};
    const { info: facts } = entry ?? {};
    if (entry && facts) {
      const real = factsOf(state, 1, true);
      await this.site.ledger.insert({
        ...entry,
        path: this.path,
        info: { ...real, sha256: hashOf(state, 1) },
        version: `start ${this.path}`,
        capturedBy: 'A',
      });
    }
    for (const [i, { disk, dated }] of state.hosts.entries())
      if (disk) await this.write(state, i, disk, (dated & bit(disk)) !== 0);
  }

  private async write(
    state: State,
    host: HostIndex,
    content: Content,
    dated: boolean,
  ): Promise<void> {
    await this.host(host).write(
      this.path,
      textOf(state, content),
      factsOf(state, content, dated, hostOf(state, host).redated),
    );
  }

  private host(index: HostIndex): ReplayHost {
    const found = this.hosts[index];
    if (!found) throw new Error(`no host ${index}`);
    return found;
  }

  private async step(step: Step, steps: readonly Step[], at: number): Promise<void> {
    const { label, from, to } = step;
    this.state = to;
    const named = / on ([ABC])/.exec(label)?.[1] ?? '',
      host = hostIds.indexOf(named);
    if (label.startsWith('app ')) return this.app(label, to, host);
    const crashes = /(crashes|is retired)/.test(label);
    const looking = from.hosts.findIndex((own, i) => own.look.step !== to.hosts[i]?.look.step);
    const begun = /^([ABC]) (?:capture|scan|delete): /.exec(label)?.[1];
    if (begun !== undefined) await this.look(from, to, hostIds.indexOf(begun), label);
    if (crashes) return this.crash(to, label);
    if (begun !== undefined || looking >= 0) return;
    return this.other(step, steps, at);
  }

  private async app(label: string, to: State, host: HostIndex): Promise<void> {
    const disk = hostOf(to, host).disk;
    if (label.startsWith('app writes') || label.startsWith('app puts'))
      await this.write(to, host, disk, true);
    else if (label.startsWith('app unlinks')) await this.host(host).unlink(this.path);
    else if (label.startsWith('app asserts')) {
      const seen = await this.host(host).disk.observe(this.path);
      if (seen) this.asserted.set(host, seen);
    }
  }

  // ---- capture, scan, delete

  private async look(from: State, to: State, index: HostIndex, label: string): Promise<void> {
    const before = hostOf(from, index).look,
      after = hostOf(to, index).look;
    if (before.step === 'none') {
      const why = /^. scan/.test(label)
        ? 'scan'
        : /^. delete/.test(label)
          ? 'left'
          : after.step === 'none'
            ? this.whyOf(from, to, index)
            : after.why;
      const task = new Task({
        kind: 'look',
        path: this.path,
        fine: this.model.options.fine,
        window: this.model.options.window,
      });
      const seen = this.asserted.get(index),
        host = this.host(index),
        { path } = this;
      const asserted = why === 'asserted' && seen ? [{ path, info: seen }] : undefined;
      const reached = await task.begin(async () => {
        if (why === 'left') await host.deleting.processCandidates([path], new Date());
        else {
          const { failed } = await host.reconciler.reconcileEach(
            [path],
            why === 'scan'
              ? { why }
              : { why: 'named', asserted, savedAt: new Date(Date.now() - saveAgeMs) },
          );
          if (failed[0]) throw failed[0].error;
        }
      });
      this.looks.set(index, task);
      if (after.step === 'none') {
        // The explorer sees at once that nothing follows.
        this.reach(task, reached === 'disk' ? await task.go() : reached, 'done');
        this.looks.delete(index);
      } else
        this.reach(
          task,
          reached,
          after.step === 'read' ? 'disk' : isOver(after) ? 'done' : 'write',
        );
      return;
    }
    const task = this.looks.get(index);
    if (!task) throw new Error(`no look of ${index} is under way`);
    if (before.step === 'read')
      return this.reach(task, await task.go(), isOver(after) ? 'done' : 'write');
    this.looks.delete(index);
    if (isOver(before)) return this.reach(task, task.at, 'done');
    const slot = from.placements.findIndex(
      ({ step }, i) => step === 'free' && to.placements[i]?.step !== 'free',
    );
    if (slot >= 0) {
      this.placements[slot] = task;
      return this.reach(task, await task.go(), 'rename');
    }
    if (label.endsWith('its copy is gone, again')) return this.fail(task);
    // It finds that when it is about to move the copy, and looks again.
    if (label.endsWith('its copy is gone, or the version moved, again')) return task.kill();
    const reached = await task.go();
    if (before.answer === 'take-back' && after.step !== 'none') {
      // It looks again at once.
      this.looks.set(index, task);
      this.reach(task, reached, 'again');
      return this.reach(task, await task.go(), isOver(after) ? 'done' : 'write');
    }
    // Whether a document has come to name the file is, to the explorer, another look: as after a
    // crash.
    if (label.endsWith('delete: tombstone')) return task.kill();
    // What has moved is looked at again at once; for the explorer that is another look. A delete
    // reads what there is now, and that is that.
    if (reached === 'again' && label.endsWith('is newer than the delete'))
      this.reach(task, await task.go(), 'done');
    else if (reached !== 'again') this.reach(task, reached, 'done');
    else if (/again/.test(label)) await task.kill();
    else throw new Error('its compare-and-set failed');
  }

  private whyOf(from: State, to: State, index: HostIndex): 'named' | 'asserted' {
    return hostOf(from, index).asserted && !hostOf(to, index).asserted ? 'asserted' : 'named';
  }

  private reach(task: Task, reached: Point, wanted: Point): void {
    if (task.error !== undefined)
      throw task.error instanceof Error
        ? task.error
        : new Error('it failed', { cause: task.error });
    if (reached !== wanted)
      throw new Error(
        `the ${task.about.kind} (${task.about.via ?? 'here'}) waits at "${reached}", the ` +
          `explorer at "${wanted}" ${task.notes.join(', ')}`,
      );
  }

  /** The copy that it was to restore is gone: it fails, and is tried again later. */
  private async fail(task: Task): Promise<void> {
    await task.finish();
    if (!hasErrorCode(task.error, 'TRANSFER_FAILED'))
      throw new Error('its copy is not gone', { cause: task.error });
  }

  // ---- what ends

  private async crash(to: State, label: string): Promise<void> {
    for (const [index, task] of this.looks) {
      if (hostOf(to, index).look.step !== 'none') continue;
      await task.kill();
      this.looks.delete(index);
    }
    for (let i = 0; i < 2; i++) {
      const task = this.placements[i];
      if (!task || to.placements[i]?.step !== 'free') continue;
      await task.kill();
      this.placements[i] = undefined;
    }
    const retired = /^([ABC]) is retired/.exec(label)?.[1];
    if (retired !== undefined) await this.site.ledger.forgetHosts([retired]);
  }

  // ---- queues, fetches, placements, leftovers, taking over, joining

  private async other(
    { label, from, to }: Step,
    steps: readonly Step[],
    at: number,
  ): Promise<void> {
    const leftover = /^([ABC]) resolves leftover/.exec(label)?.[1],
      successor = /^([ABC]) takes over/.exec(label)?.[1];
    if (leftover !== undefined) return this.resolveLeftover(from, to, hostIds.indexOf(leftover));
    if (successor !== undefined) return this.takeOver(from, successor);
    if (label.includes('gets its missing files pending')) {
      await this.site.ledger.markLackingPending(uploads.path, hostIds[from.hosts.length - 1] ?? '');
      return;
    }
    const slot = from.placements.findIndex(({ step }, i) => to.placements[i]?.step !== step);
    const before = from.placements[slot],
      after = to.placements[slot];
    if (!before || !after) return;
    if (before.step === 'free') return this.begin(after, slot, steps, at);
    const task = this.placements[slot];
    if (!task) throw new Error('no placement is under way');
    const wanted =
      pointOf(after) === 'acknowledge' && isCheckedAgain(after) ? 'again' : pointOf(after);
    if (before.driver === 'late') {
      this.placements[slot] = undefined;
      const reached = await task.go();
      if (reached === 'done')
        throw new Error(`what was late did not come ${task.notes.join(', ')}`);
      await task.kill();
    } else if (after.step === 'free') {
      this.placements[slot] = undefined;
      await this.end(task, before);
    } else if (before.moved === 0 && (before.step === 'placed' || before.step === 'resolved')) {
      // There is nothing to resolve, or the replaced file was taken away.
      while (task.at !== wanted && task.at !== 'done') await task.go();
      this.reach(task, task.at, wanted);
    } else this.reach(task, await task.go(), wanted);
    if (before.kind === 'restore' && before.step !== 'resolved')
      await this.removeSpares(to, before, task);
  }

  /**
   * The explorer counts a content in the trash once: the first restore takes it, but a replaced
   * file comes before that.
   */
  private async removeSpares(state: State, { to, content }: Placement, task: Task): Promise<void> {
    const { trash, grave, replaced } = hostOf(state, to),
      host = this.host(to);
    const find = async (area: 'trash' | 'replaced'): Promise<string[]> =>
      (await host.contents(this.path, area))
        .filter((one) => contentIn(one.content) === content)
        .map(({ name }) => name);
    const inTrash = await find('trash');
    if (((trash | grave) & bit(content)) === 0)
      for (const name of inTrash) await host.removeFromTrash(this.path, name);
    else if (inTrash.length === 0 && (replaced & bit(content)) === 0)
      for (const name of await find('replaced'))
        if (!task.replacedFolders.has(name)) await host.moveToTrash(this.path, name);
  }

  private async end(task: Task, placement: Placement): Promise<void> {
    // What it finds when it looks again is, to the explorer, the next scan.
    if (task.at === 'again' && isCheckedAgain(placement)) return task.kill();
    if (placement.kind === 'restore' && task.at !== 'acknowledge') return this.fail(task);
    if (placement.kind === 'restore' && !placement.sameVersion) {
      await task.go();
      return task.kill();
    }
    await task.finish();
    this.reach(task, task.at, 'done');
  }

  private async begin(
    placement: Placement,
    slot: number,
    steps: readonly Step[],
    at: number,
  ): Promise<void> {
    const { kind, from, to } = placement;
    if (kind === 'restore' || kind === 'put-back' || kind === 'trash')
      throw new Error('a restore begins while a path is reconciled');
    const via =
      kind !== 'remove' && this.suitsRsync(steps, at, slot, placement) && at % 2 === 0
        ? 'rsync'
        : 'sftp';
    const task = new Task({ kind, path: this.path, via, window: this.model.options.window });
    this.placements[slot] = task;
    const host = kind === 'fetch' ? this.host(to) : this.host(from);
    const reached = await task.begin(() =>
      kind === 'fetch' ? host.fetch(this.path, this.rowOf(from)) : host.deliver(hostIds[to] ?? ''),
    );
    this.reach(task, reached, 'rename');
  }

  private rowOf(index: HostIndex): Host {
    return rowOf(this.host(index).ssh, hostIds[index] ?? '');
  }

  /**
   * Whether rsync may carry it, which reads the source when it renames: the source stays as it is
   * until the placement has ended, and is not replaced by the same bytes. And rsync keeps the
   * fraction of the mtime, which to the explorer every transfer drops: an assertion tells these
   * apart, and so do contents of one size and second.
   */
  private suitsRsync(
    steps: readonly Step[],
    at: number,
    slot: number,
    { from, to, content }: Placement,
  ): boolean {
    if (
      this.model.options.window ||
      this.model.options.collide ||
      steps.slice(at).some((step) => step.to.hosts[to]?.asserted === content)
    )
      return false;
    for (let i = at; i < steps.length; i++) {
      const state = steps[i]?.to;
      if (!state || state.placements[slot]?.step === 'free') return true;
      if (
        state.hosts[from]?.disk !== content ||
        state.placements.some((placement) => placement.step !== 'free' && placement.to === from)
      )
        return false;
    }
    return true;
  }

  private async resolveLeftover(from: State, to: State, index: HostIndex): Promise<void> {
    const gone = hostOf(from, index).replaced & ~hostOf(to, index).replaced;
    const paused = from.placements.find(
      ({ moved }, i) => moved !== 0 && to.placements[i]?.moved === 0,
    );
    const content = gone ? Math.log2(gone) : (paused?.moved ?? 0),
      host = this.host(index);
    const resolver = createReplacedFileResolver(this.site.ledger, {
      all: () => this.site.hostRows({ state: () => from, model: () => this.model }),
    })(hostIds[index] ?? '', () => undefined);
    const place = host.disk.locateDir(uploads);
    const owner = from.placements.findIndex(
      ({ moved }, i) => moved !== 0 && to.placements[i]?.moved === 0,
    );
    const isIts = (name: string): boolean =>
      gone
        ? this.placements.every((task) => !task?.replacedFolders.has(name))
        : this.placements[owner]?.replacedFolders.has(name) === true;
    const found = (await host.contents(this.path, 'replaced')).filter(
      (one) => one.content === textOf(from, content) && isIts(one.name),
    );
    if (found.length === 0) throw new Error('no replaced file is there');
    for (const { name } of found) await resolveReplacedFolder(place, name, 'leftover', resolver);
  }

  private async takeOver(from: State, me: HostId): Promise<void> {
    const set = goneHosts(this.model, from),
      gone = hostIds.filter((_, i) => (set >> i) & 1);
    const { ledger } = this.site;
    for (const entry of await ledger.findForTakeOver(me, gone, 500))
      if (entry.path === this.path) await ledger.takeOver(entry, me);
  }
}

/** It has decided, and there is nothing that it writes. */
function isOver({ answer }: Look): boolean {
  return answer === 'nothing' || answer === 'wait';
}

/**
 * Nothing is acknowledged by a task that moved the file to the trash or put one back, or whose
 * restored copy gave way to what the app had written.
 */
function isCheckedAgain({ kind, putBacks }: Placement): boolean {
  return kind === 'trash' || kind === 'put-back' || (kind === 'restore' && putBacks > 0);
}

function pointOf({ step, moved }: Placement): Point {
  switch (step) {
    case 'sent':
      return 'rename';
    case 'linked':
      return 'replace';
    case 'placed':
      return moved ? 'resolve' : 'acknowledge';
    case 'resolved':
      return 'carry out';
    case 'done':
      return 'acknowledge';
    case 'free':
      return 'done';
  }
}
