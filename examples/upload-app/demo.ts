// `npm run demo`: the upload app on three hosts of this machine, until ctrl-C. With --once it ends
// by itself: with 0 if every picture arrived everywhere byte-identical, else with 1 and what was
// missing.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../scripts/programs.mjs';
import type { DemoHost, Site } from './demo/host.js';
import { Owner } from './demo/owner.js';
import { Report } from './demo/report.js';
import { showCrash, showHistory, showOutage, showSaves, showStatus } from './demo/scenes.js';
import { type Hosts, startSite } from './demo/site.js';

const args = process.argv.slice(2);
const backends: readonly Site['backend'][] = ['rsync', 'git', 'git-annex'];
const backend = takeBackend(args);
const unknown = args.find((arg) => arg !== '--once');
if (unknown !== undefined) {
  console.error(`unknown argument ${unknown}; there are: --once, --backend ${backends.join('|')}`);
  process.exit(2);
}
// `npm run demo` prepares the machine before it reads these arguments.
if (backend === 'git-annex' && (await findProgram(backend)) === undefined) {
  const setup = fileURLToPath(new URL('../../scripts/setup.mjs', import.meta.url));
  const { status } = spawnSync(
    process.execPath,
    [setup, '--for', 'demo', '--backend', backend, '--programs-only'],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exit(2);
}

const report = new Report();
const owner = new Owner();
const stop = new AbortController();
// ctrl-C reaches us twice under npm: the first counts. Whatever else would end us ends all in
// order, too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    stop.abort(new Error(`stopped by ${signal}`));
  });
process.on('uncaughtException', (error) => {
  stop.abort(error);
});
process.stdout.on('error', () => {
  stop.abort(new Error('nobody reads the output any more'));
});

process.exitCode = await runDemo();
const problems = await owner.close();
for (const problem of problems) console.error(`could not be ended: ${problem}`);
if (problems.length > 0) process.exitCode = 1;

async function runDemo(): Promise<number> {
  let hosts: Hosts | undefined;
  try {
    report.say(
      'Three hosts on this machine, each with its own app, sshd, keys, root and state folder:',
    );
    const started = await startSite(owner, report, stop.signal, backend);
    hosts = started.hosts;
    const stage = { ...started, report };
    for (const show of [showSaves, showOutage, showCrash, showStatus, showHistory]) {
      await show(stage);
      // The later scenes would only wait for what the earlier one already lacks.
      if (report.missing.length > 0) break;
    }
    sayResult();
    if (!args.includes('--once') && !stop.signal.aborted)
      await keepRunning(started.site, started.hosts);
    return report.missing.length === 0 ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) {
      console.error(`\n${(stop.signal.reason as Error).message}`);
      return 130;
    }
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    if (report.missing.length > 0) await sayLogs(hosts ?? []);
  }
}

/** Takes `--backend NAME` out of the arguments. */
function takeBackend(given: string[]): Site['backend'] {
  const at = given.indexOf('--backend');
  if (at === -1) return 'rsync';
  const [, name] = given.splice(at, 2);
  const found = backends.find((one) => one === name);
  if (found) return found;
  console.error(`--backend takes ${backends.join(', ')}`);
  process.exit(2);
}

function sayResult(): void {
  if (report.missing.length === 0)
    report.title('Every picture and every thumbnail arrived on every host, byte-identical.');
  else report.title(`Missing:\n${report.missing.map((one) => `  ${one}`).join('\n')}`);
}

async function keepRunning({ adminToken }: Site, hosts: Hosts): Promise<void> {
  report.title(
    'The three hosts keep running; save pictures of your own, and look at the same page on the ' +
      'others:',
  );
  for (const { name, url } of hosts) report.say(`  ${name}  ${url}`);
  report.say(`
How they are, with the token ${adminToken}:
  ${hosts[0].url}/sync-admin/
  curl -H 'Authorization: Bearer ${adminToken}' ${hosts[0].url}/sync-admin/status
  npx tsx src/cli/main.ts status --env-file ${hosts[0].envFile}

ctrl-C ends everything and removes its files.`);
  await once(stop.signal, 'abort');
}

/** What the apps had to say, where something is missing: their files are gone in a moment. */
async function sayLogs(hosts: readonly DemoHost[]): Promise<void> {
  for (const host of hosts)
    console.error(`\nthe last that the app of ${host.name} said:\n${await host.tail('app.log')}`);
}
