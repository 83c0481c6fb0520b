import { afterEach, describe, expect, test, vi } from 'vitest';
import { compileProgram } from '../harness/compile.js';
import type { BackendName } from '../../src/model/backend-name.js';
import type { Entry } from '../../src/model/entry.js';
import { dir } from '../flow/site.js';
import { findCopies, readAll, treeOf } from './disks.js';
import { explainLack, type SeenVersion } from './histories.js';
import { describeStep, drawSteps, type Step } from './steps.js';
import { World } from './world.js';

const first = Number(process.env.RANDOM_SEED ?? 1),
  given = process.env.RANDOM_BACKEND as BackendName | undefined,
  seeds = process.env.RANDOM_SEEDS,
  count = Number(process.env.RANDOM_STEPS ?? 40);
/** Without a choice both backends run; a seed on git reads every version back, and takes longer. */
const runs = [
  ...listRuns(given ?? 'rsync', Number(seeds ?? 2)),
  ...(given === undefined && seeds === undefined ? listRuns('git', 1) : []),
];
/**
 * How long the site may take to come to rest in the end. A host whose scan took long, as on a busy
 * machine, waits twenty times as long until the next one.
 */
const restMs = 240_000;
vi.setConfig({ testTimeout: restMs + 60_000 + count * 2_000, hookTimeout: 120_000 });

const program = compileProgram(new URL('app.ts', import.meta.url));
let world: World | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

test('a seed always draws the same steps', () => {
  expect(drawSteps(7, 200)).toEqual(drawSteps(7, 200));
  expect(drawSteps(7, 200)).not.toEqual(drawSteps(8, 200));
});

describe('after any steps all hosts come to hold the files that the model predicts, and no bytes are lost', () => {
  test.each(runs)(`seed $seed on $backend, ${String(count)} steps`, async ({ seed, backend }) => {
    const steps = drawSteps(seed, count);
    world = await World.open(program, backend);
    let at = 0;
    try {
      for (const step of steps) await world.carryOut(step, at++);
      await world.comeToRest(restMs);
      const wrong = compare(world);
      if (backend !== 'rsync' && wrong.length === 0) wrong.push(...(await compareHistories(world)));
      if (wrong.length > 0)
        throw new Error(
          (await Promise.all(wrong.map((one) => explain(one, steps, world as World)))).join('\n'),
        );
      console.log(summarise(seed, world));
    } catch (error) {
      throw await report(error, seed, steps, at, world);
    }
  });
});

function listRuns(backend: BackendName, length: number): { seed: number; backend: BackendName }[] {
  return Array.from({ length }, (_, n) => ({ seed: first + n, backend }));
}

/**
 * Every version that was current is in the history of a host with its bytes, unless its own app
 * destroyed the only copy. And every repository is sound.
 */
async function compareHistories(of: World): Promise<Wrong[]> {
  for (const { app } of of.ones) await app.stop();
  const { histories, givenUp } = of;
  const seen = await of.listSeenVersions();
  const wrong: Wrong[] = [];
  let lost = 0;
  for (const one of seen) {
    const lack = await explainLack(histories, one);
    if (lack === undefined) continue;
    if (givenUp.has(one.sha256 ?? '')) lost++;
    else
      wrong.push({
        path: one.path.slice(dir.length + 1),
        what: `${describeSeen(of, one)}: ${lack}`,
      });
  }
  for (const history of histories) {
    const found = await history.check();
    if (found !== '') wrong.push({ path: undefined, what: `${history.host}: ${found}` });
  }
  console.log(
    `${String(seen.length)} versions were current; ${String(seen.length - lost - wrong.length)} are in the ` +
      `history, ${String(lost)} were destroyed by their own app`,
  );
  return wrong;
}

function describeSeen({ saved }: World, { version, kind, sha256 = '' }: SeenVersion): string {
  const write = saved.get(sha256);
  return (
    `version ${version} (${kind}) ` +
    (write ? `that ${write.host} saved in step ${String(write.step)}` : sha256.slice(0, 8))
  );
}

/** How much the seed has tried: a path counts as decided where the model knew who had to win. */
function summarise(seed: number, { model, saved, givenUp }: World): string {
  const paths = model.known(),
    decided = paths.filter((path) => model.possible(path).length === 1);
  return (
    `seed ${String(seed)}: ${String(saved.size)} contents saved, ${String(givenUp.size)} ` +
    `destroyed by their own app; ${String(decided.length)} of ${String(paths.length)} paths decided`
  );
}

interface Wrong {
  readonly path: string | undefined;
  readonly what: string;
}

function compare({ replicas, model, saved, givenUp, ones }: World): Wrong[] {
  const all = new Map(replicas.map((replica) => [replica.host, readAll(replica)]));
  const trees = new Map([...all].map(([host, copies]) => [host, treeOf(copies)]));
  const wrong: Wrong[] = [];
  const say = (sha256: string | undefined): string => {
    if (sha256 === undefined) return 'nothing';
    const write = saved.get(sha256);
    return write
      ? `what ${write.host} saved in step ${String(write.step)}`
      : `unknown bytes (${sha256.slice(0, 8)})`;
  };
  const paths = new Set([
    ...model.known(),
    ...[...trees.values()].flatMap((tree) => [...tree.keys()]),
  ]);
  for (const path of paths) {
    const there = ones.map(({ machine: { name } }) => trees.get(name)?.get(path));
    if (new Set(there).size > 1)
      wrong.push({
        path,
        what:
          `the hosts differ: ` +
          `${ones.map(({ machine: { name } }, n) => `${name} has ${say(there[n])}`).join(', ')}`,
      });
    const possible = model.possible(path);
    for (const sha256 of new Set(there)) {
      if (possible.some((write) => write.sha256 === sha256)) continue;
      const expected = possible
        .map((write) =>
          write.sha256 === undefined ? `nothing (step ${String(write.step)})` : say(write.sha256),
        )
        .join(', or ');
      wrong.push({ path, what: `there is ${say(sha256)}, and there should be ${expected}` });
    }
  }
  const kept = new Set([...all.values()].flat().map(({ sha256 }) => sha256));
  for (const [sha256, write] of saved) {
    if (!kept.has(sha256) && !givenUp.has(sha256))
      wrong.push({
        path: pathOf(world, write.step),
        what: `${say(sha256)} is gone from everywhere`,
      });
  }
  return wrong;
}

function pathOf(of: World | undefined, step: number): string | undefined {
  return of?.model
    .known()
    .find((path) => of.model.history(path).some((write) => write.step === step));
}

/**
 * The steps that concern a path, and what the hosts did and said of it meanwhile; where copies of
 * what was there lie now.
 */
async function explain({ path, what }: Wrong, steps: readonly Step[], of: World): Promise<string> {
  if (path === undefined) return what;
  const told = JSON.stringify(path).slice(1, -1);
  const lines = steps
    .slice(0, of.times.length)
    .flatMap((step, at) =>
      isAbout(step, told)
        ? [`${of.times[at]?.toISOString() ?? ''} step ${String(at)}: ${describeStep(step)}`]
        : [],
    );
  for (const {
    machine: { name },
    app,
  } of of.ones) {
    for (const line of app.log.split('\n'))
      if (line.includes(told) || / (run|lease) \{/.test(line))
        lines.push(line.replace(' ', ` ${name} `).slice(0, 600));
  }
  const copies = findCopies(of.replicas, path).map(({ host, at, sha256 }) => {
    const write = of.saved.get(sha256);
    return (
      `${host}:${at} is ` +
      `${write ? `what ${write.host} saved in step ${String(write.step)}` : 'unknown'} ` +
      `(${sha256.slice(0, 8)})`
    );
  });
  const entry = await of
    .rows<Entry>('ledger')
    .findOne({ _id: { $regex: `/${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$` } });
  return [`${path}: ${what}`, ...lines.sort(), ...copies, JSON.stringify(entry)].join('\n    ');
}

/** What happens to a host may matter to any path. */
function isAbout(step: Step, told: string): boolean {
  return (
    (step.do !== 'save' &&
      step.do !== 'delete' &&
      step.do !== 'write beside' &&
      step.do !== 'remove beside') ||
    JSON.stringify(step).includes(told)
  );
}

async function report(
  error: unknown,
  seed: number,
  steps: readonly Step[],
  at: number,
  of: World,
): Promise<Error> {
  const step = steps[Math.min(at, steps.length) - 1];
  const pending = await of
    .rows('ledger')
    .find({ $or: [{ pending: { $ne: [] } }, { blocked: { $ne: [] } }] } as never)
    .limit(5)
    .toArray();
  const rest = [
    pending.length > 0 ? `pending: ${JSON.stringify(pending)}` : '',
    ...of.ones.map(({ machine: { name }, app }) =>
      app.log === ''
        ? ''
        : `${name} said last:\n${app.log
            .split('\n')
            .filter((line) => !/^\S+ (recorded|outcome|acknowledged|run|lease) \{/.test(line))
            .join('\n')
            .slice(-3_000)}`,
    ),
  ]
    .filter((text) => text !== '')
    .join('\n');
  return new Error(
    [
      `seed ${String(seed)}, after step ${String(at - 1)} of ${String(steps.length)} ` +
        `(${step ? describeStep(step) : 'none'}):`,
      error instanceof Error ? error.message : String(error),
      rest,
      `again: npm run test:random -- --seed ${String(seed)} --steps ${String(steps.length)} ` +
        `--backend ${of.backend}`,
    ].join('\n'),
    { cause: error },
  );
}
