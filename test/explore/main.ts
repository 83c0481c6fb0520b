import { parseArgs } from 'node:util';
import { Decisions } from './decisions.js';
import type { Options } from './model.js';
import { findMutation, modelOf, mutations } from './mutations.js';
import { rules } from './rules.js';
import { explore, type Explored } from './search.js';
import { budgets } from './state.js';

const text = { type: 'string' } as const,
  flag = { type: 'boolean' } as const;
const known: Record<string, typeof text | typeof flag> = {
  ...Object.fromEntries(budgets.map((what) => [what, text])),
  hosts: text,
  states: text,
  minutes: text,
  empty: flag,
  collide: flag,
  window: flag,
  returning: flag,
  passive: flag,
  fine: flag,
  forgetful: flag,
  exact: flag,
  scanless: flag,
  beside: flag,
  mutations: flag,
  help: flag,
  quiet: flag,
  lean: flag,
  first: flag,
};
const { values } = parseArgs({ options: known });
const options: Options = {
  hosts: values.hosts === '3' ? 3 : 2,
  empty: values.empty === true,
  collide: values.collide === true,
  window: values.window === true,
  returning: values.returning === true,
  passive: values.passive === true,
  fine: values.fine === true,
  forgetful: values.forgetful === true,
  exact: values.exact === true,
  scanless: values.scanless === true,
  beside: values.beside === true,
  budget: Object.fromEntries(budgets.map((what) => [what, Number(values[what] ?? 0)])),
};
function print({ states, atRest, complete, violations }: Explored, quiet: boolean): void {
  console.log(
    `states ${states} at rest ${atRest} ${complete ? 'all explored' : 'ended by a limit'}`,
  );
  for (const { what, count, trace } of violations) {
    console.log(`  ${String(count).padStart(8)} ${what}`);
    if (!quiet) for (const line of trace) console.log(`        ${line}`);
  }
}
const help = `npm run test:explore -- [options]
how often, at most:  ${budgets.map((what) => `--${what} N`).join(' ')}
--hosts 2|3          hosts; 2 without it
--empty              no entry and no file at first; else the same file everywhere
--collide            contents may agree in size and second
--exact              with --collide: those that look alike agree in the fraction of the second, too
--window             linking the replaced file and renaming are two steps (the known gap: with two writes it loses bytes)
--fine               reading the entry and looking at the disk are two steps
--forgetful          entries remember one replaced version instead of 16
--scanless           no scan looks for what every capture has missed
--beside             a save's document and its capture are stored in either order; deaths: the process
                     that saves dies; refusals: the outbox refuses the capture
--passive            the last host only has sshd and rsync
--returning          the host that joins has a file that no entry knows any more
--states N           ends after so many states; --minutes N: after so long; --first: at the first broken promise
--lean               does not look whether every state can come to rest, which takes memory
--mutations          explores with each wrong decision of mutations.ts instead, until a promise is broken
--quiet              prints no traces`;

if (values.help === true) {
  console.log(help);
} else if (values.mutations === true) {
  for (const mutation of mutations) {
    console.log(`${mutation.name}: ${mutation.says}`);
    const result = findMutation(mutation);
    print(result, values.quiet === true);
    // Else it would be found by whatever the right decision breaks.
    const { options: same } = modelOf(mutation),
      right = explore(
        { options: same, decisions: new Decisions(rules, same) },
        { states: result.states, untilBroken: true },
      );
    if (right.violations.length > 0) {
      console.log('  but the right decision breaks a promise, too:');
      print(right, values.quiet === true);
    }
    if (result.violations.length === 0 || right.violations.length > 0) process.exitCode = 1;
  }
} else {
  const began = Date.now();
  const result = explore(
    { options, decisions: new Decisions(rules, options) },
    {
      ...(values.states ? { states: Number(values.states) } : {}),
      ...(values.minutes ? { milliseconds: Number(values.minutes) * 60_000 } : {}),
      restless: values.lean !== true,
      untilBroken: values.first === true,
    },
  );
  print(result, values.quiet === true);
  console.error(`${((Date.now() - began) / 1000).toFixed(1)} s`);
  process.exitCode = result.violations.length > 0 ? 1 : 0;
}
