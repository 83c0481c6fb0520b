import { Draw } from './draw.js';

export const hosts = [0, 1, 2] as const;
export type HostIndex = (typeof hosts)[number];

/**
 * How an app writes a file: into the one that is there, under another name and renamed, or so by a
 * clock that is an hour off.
 */
export type Writing = 'in place' | 'renamed' | 'clock off';

export interface Save {
  readonly host: HostIndex;
  readonly path: string;
  readonly size: number;
  readonly writing: Writing;
  /**
   * As `save()` of a document, or as an update; both name the file, in one of the forms apps store.
   */
  readonly by: 'save' | 'update';
}

/** What happens to the site. `killedAfter` milliseconds the app is killed while it does it. */
export type Step =
  | { readonly do: 'save'; readonly saves: readonly Save[]; readonly killedAfter?: number }
  | {
      readonly do: 'delete';
      readonly host: HostIndex;
      readonly path: string;
      readonly by: 'document' | 'query';
      readonly killedAfter?: number;
    }
  /** A file that no document names, as a thumbnail: found by a scan; removed by `remove(paths)`. */
  | { readonly do: 'write beside'; readonly save: Save }
  | { readonly do: 'remove beside'; readonly host: HostIndex; readonly path: string }
  /**
   * frozen: its sshd takes connections and answers nothing; cut: nothing listens. `slow`: its rsync
   * begins late.
   */
  | {
      readonly do: 'freeze' | 'thaw' | 'cut' | 'connect' | 'slow' | 'quick';
      readonly host: HostIndex;
    }
  | { readonly do: 'stop' | 'kill' | 'start'; readonly host: HostIndex }
  /** The whole machine at once. */
  | { readonly do: 'power off' | 'power on'; readonly host: HostIndex }
  | { readonly do: 'push' | 'pull' | 'repair' | 'approve'; readonly host: HostIndex }
  /** Until the captures of all working hosts are processed. */
  | { readonly do: 'rest' };

const folders = ['', 'a/', 'a/b/', 'with space & "quotes"/', 'naïve-日本/'];
const named = Array.from(
  { length: 24 },
  (_, n) => `${folders[n % folders.length] ?? ''}photo-${String(n)}.jpg`,
);
const beside = Array.from(
  { length: 8 },
  (_, n) => `${folders[n % folders.length] ?? ''}thumbnail-${String(n)}.png`,
);

/** What the steps so far have made of a host. */
interface HostState {
  app: boolean;
  net: 'up' | 'cut' | 'frozen';
  slow: boolean;
}

/**
 * The steps of a seed: a pure function, so that a failure can be seen again as far as timing
 * allows.
 */
export function drawSteps(seed: number, count: number): Step[] {
  const draw = new Draw(seed);
  const states: HostState[] = hosts.map(() => ({ app: true, net: 'up' as const, slow: false }));
  const documents = new Set<string>();
  const steps: Step[] = [];
  while (steps.length < count) {
    const step = drawStep(draw, states, documents);
    if (!step) continue;
    note(step, states, documents);
    steps.push(step);
  }
  return steps;
}

function drawStep(
  draw: Draw,
  states: readonly HostState[],
  documents: ReadonlySet<string>,
): Step | undefined {
  const able = (test: (state: HostState) => boolean): HostIndex[] =>
    hosts.filter((host) => test(states[host] as HostState));
  const running = able(({ app }) => app);
  if (running.length === 0) return { do: 'start', host: draw.pick(hosts) };
  const kind = draw.weighted({
    'save new': 20,
    replace: 22,
    'save at once': 8,
    delete: 12,
    'write beside': 5,
    'remove beside': 2,
    rest: 8,
    freeze: 3,
    thaw: 5,
    cut: 3,
    connect: 5,
    slow: 1,
    quick: 2,
    stop: 2,
    kill: 3,
    start: 7,
    'power off': 1,
    'power on': 3,
    push: 3,
    pull: 3,
    repair: 1,
    approve: 1,
  });
  const among = (list: readonly HostIndex[]): HostIndex | undefined =>
    list.length === 0 ? undefined : draw.pick(list);
  const one = (
    doing: Extract<Step, { host: HostIndex }>['do'],
    list: readonly HostIndex[],
  ): Step | undefined => {
    const host = among(list);
    return host === undefined ? undefined : ({ do: doing, host } as Step);
  };
  switch (kind) {
    case 'save new':
      return {
        do: 'save',
        saves: [drawSave(draw, draw.pick(running), draw.pick(named))],
        ...drawKill(draw),
      };
    case 'replace': {
      if (documents.size === 0) return undefined;
      return {
        do: 'save',
        saves: [drawSave(draw, draw.pick(running), draw.pick([...documents]))],
        ...drawKill(draw),
      };
    }
    case 'save at once': {
      if (running.length < 2) return undefined;
      const path = draw.pick(named),
        first = draw.pick(running),
        second = draw.pick(running.filter((host) => host !== first));
      return { do: 'save', saves: [drawSave(draw, first, path), drawSave(draw, second, path)] };
    }
    case 'delete':
      return documents.size === 0
        ? undefined
        : {
            do: 'delete',
            host: draw.pick(running),
            path: draw.pick([...documents]),
            by: draw.pick(['document', 'query']),
            ...drawKill(draw),
          };
    case 'write beside':
      return { do: 'write beside', save: drawSave(draw, draw.pick(running), draw.pick(beside)) };
    case 'remove beside':
      return { do: 'remove beside', host: draw.pick(running), path: draw.pick(beside) };
    case 'rest':
      return { do: 'rest' };
    case 'freeze':
      return one(
        kind,
        able(({ net }) => net === 'up'),
      );
    case 'thaw':
      return one(
        kind,
        able(({ net }) => net === 'frozen'),
      );
    case 'cut':
      return one(
        kind,
        able(({ net }) => net !== 'cut'),
      );
    case 'connect':
      return one(
        kind,
        able(({ net }) => net === 'cut'),
      );
    case 'slow':
      return one(
        kind,
        able(({ slow }) => !slow),
      );
    case 'quick':
      return one(
        kind,
        able(({ slow }) => slow),
      );
    case 'stop':
    case 'kill':
      return one(kind, running);
    case 'start':
      return one(
        kind,
        able(({ app }) => !app),
      );
    case 'power off':
      return one(
        kind,
        able(({ app, net }) => app && net !== 'cut'),
      );
    case 'power on':
      return one(
        kind,
        able(({ app, net }) => !app && net === 'cut'),
      );
    case 'push':
    case 'pull':
    case 'repair':
    case 'approve':
      return one(kind, running);
  }
}

function drawKill(draw: Draw): { killedAfter?: number } {
  return draw.chance(4) ? { killedAfter: draw.below(25) } : {};
}

function drawSave(draw: Draw, host: HostIndex, path: string): Save {
  // Beyond a mebibyte rsync carries it instead of SFTP.
  const size = draw.chance(4)
    ? 1_100_000 + draw.below(100_000)
    : draw.chance(50)
      ? 40
      : 40 + draw.below(400);
  return {
    host,
    path,
    size,
    writing: draw.pick(['in place', 'renamed', 'clock off']),
    by: draw.pick(['save', 'update']),
  };
}

function note(step: Step, states: readonly HostState[], documents: Set<string>): void {
  if (step.do === 'save') {
    for (const { host, path } of step.saves) {
      documents.add(path);
      if (step.killedAfter !== undefined) (states[host] as HostState).app = false;
    }
    return;
  }
  if (step.do === 'rest' || step.do === 'write beside' || step.do === 'remove beside') return;
  const state = states[step.host] as HostState;
  switch (step.do) {
    case 'delete':
      documents.delete(step.path);
      if (step.killedAfter !== undefined) state.app = false;
      break;
    case 'freeze':
      state.net = 'frozen';
      break;
    case 'thaw':
    case 'connect':
      state.net = 'up';
      break;
    case 'cut':
      state.net = 'cut';
      break;
    case 'slow':
      state.slow = true;
      break;
    case 'quick':
      state.slow = false;
      break;
    case 'stop':
    case 'kill':
      state.app = false;
      break;
    case 'start':
      state.app = true;
      break;
    case 'power off':
      Object.assign(state, { app: false, net: 'cut' });
      break;
    case 'power on':
      Object.assign(state, { app: true, net: 'up' });
      break;
    default:
  }
}

export function describeStep(step: Step): string {
  const save = ({ host, path, size, writing, by }: Save): string =>
    `host ${String(host)} saves ${path} (${String(size)} bytes, ${writing}, by ${by})`;
  switch (step.do) {
    case 'save':
      return (
        step.saves.map(save).join(', at once ') +
        (step.killedAfter !== undefined ? ', killed meanwhile' : '')
      );
    case 'delete':
      return (
        `host ${String(step.host)} deletes ${step.path} (by ` +
        `${step.by})${step.killedAfter !== undefined ? ', killed meanwhile' : ''}`
      );
    case 'write beside':
      return `${save(step.save)}, which no document names`;
    case 'remove beside':
      return `host ${String(step.host)} removes ${step.path}`;
    case 'rest':
      return 'rest';
    default:
      return `${step.do} host ${String(step.host)}`;
  }
}
