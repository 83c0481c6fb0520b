// What `npm run demo` and `npm test` do first: makes sure that everything they need is on this
// machine. node scripts/setup.mjs [--for demo|tests|containers] [--backend git-annex]
// [--programs-only]
// As root on Debian or Ubuntu it installs what is missing; anywhere else it says what is, and ends
// with 1. It runs before there is any node_modules, so it imports none at its top.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embedGate } from './embed-gate.mjs';
import { embedPage } from './embed-page.mjs';
import {
  explainMissing,
  isInstalled,
  isNodeRecentEnough,
  packagesFor,
  recogniseSystem,
} from './requirements.mjs';

/** @typedef {import('./requirements.mjs').Program} Program */
/** @typedef {import('./requirements.mjs').Lock} Lock */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** The demo needs git-annex only with this backend; then its absence is no reason to skip it. */
const needsAnnex = process.argv.includes('git-annex');
const task = ['demo', 'containers'].find((name) => process.argv.includes(name)) ?? 'tests';

try {
  await setUp();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function setUp() {
  const range = /** @type {{ engines: { node: string } }} */ (readJson('package.json')).engines
    .node;
  if (!isNodeRecentEnough(process.versions.node, range)) {
    throw new Error(`Node ${range} is needed, and this is ${process.versions.node}`);
  }
  const programsOnly = process.argv.includes('--programs-only');
  if (!programsOnly) {
    embedGate();
    await installModules();
    await embedPage();
  }

  let missing = [...(await findMissingPrograms()), ...(await findMissingForDatabase())];
  if (missing.length > 0) {
    await installPrograms(missing);
    missing = [...(await findMissingPrograms()), ...(await findMissingForDatabase())];
    if (missing.length > 0) throw new Error(`installed, and yet not found: ${missing.join(', ')}`);
  }
  if (task === 'tests') await offerInstalled();
  if (task !== 'demo') await offerTestPrograms();
  if (task === 'containers') await offerContainers();
  await import('./sshd.mjs').then(({ prepareSeparation }) => prepareSeparation());
  if (!programsOnly)
    await import('./database.mjs').then(({ prepareDatabase }) => prepareDatabase({ say }));
}

function modulesAreInstalled() {
  const wanted = /** @type {Lock} */ (readJson('package-lock.json'));
  return isInstalled(
    wanted,
    /** @type {Lock | undefined} */ (readJson('node_modules/.package-lock.json')),
  );
}

async function installModules() {
  if (modulesAreInstalled()) return;
  say('installing node_modules: npm ci');
  await execute('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
}

/** @returns {Promise<Program[]>} */
async function findMissingPrograms() {
  const { findProgram, isProgram } = await import('./programs.mjs');
  const { findSshd, findSftpServer } = await import('./sshd.mjs');
  /** @type {Program[]} */
  const missing = [];
  /** @type {Program[]} */
  const onPath = [
    'rsync',
    'ssh',
    'git',
    ...(needsAnnex ? /** @type {const} */ (['git-annex']) : []),
  ];
  for (const name of onPath) if (!(await findProgram(name))) missing.push(name);
  if (!(await findSshd())) missing.push('sshd');
  // What confines the keys of other hosts; elsewhere they cannot be, and what is about that is
  // skipped.
  if (process.platform === 'linux') {
    if ((await findSftpServer()) === undefined) missing.push('sftp-server');
    if (!(await isProgram('/usr/bin/python3'))) missing.push('python3');
  }
  return missing;
}

/**
 * @returns {Promise<Program[]>} what the last way to a MongoDB lacks, where the others are closed
 */
async function findMissingForDatabase() {
  // --programs-only in a new checkout: the next run without it asks again.
  if (!modulesAreInstalled()) return [];
  const { findWay } = await import('./database.mjs');
  const way = await findWay();
  return way.way === 'none' ? way.missing : [];
}

/** @param {Program[]} missing */
async function installPrograms(missing) {
  const system = recogniseSystem(process.platform, readText('/etc/os-release'));
  if (system.kind !== 'apt' || process.getuid?.() !== 0)
    throw new Error(explainMissing(system, missing, { task }));

  const packages = packagesFor(
    system,
    missing.filter((program) => program !== 'sshd'),
  );
  const announced = [
    ...packages,
    ...(missing.includes('sshd') ? ['the files of openssh-server, without its service'] : []),
  ];
  say(`installing with apt: ${announced.join(', ')}`);
  await apt('update');
  if (packages.length > 0) await apt('install', ...packages);
  if (!missing.includes('sshd')) return;
  const { takeSshd } = await import('./sshd.mjs');
  await takeSshd((libraries) => apt('install', ...libraries));
}

/**
 * Installs programs that only some tests need, and that have no service. Where one cannot be had,
 * these tests say that they are skipped, and all others run.
 */
async function offerInstalled() {
  const { findBrowser } = await import('./browser.mjs');
  const { findProgram } = await import('./programs.mjs');
  await offer('chromium', 'a browser', findBrowser);
  for (const name of ['zsh', 'fish', 'git-annex']) await offer(name, name, () => findProgram(name));
}

/** @param {string} name @param {string} what @param {() => Promise<string | undefined>} find */
async function offer(name, what, find) {
  if (await find()) return;
  const system = recogniseSystem(process.platform, readText('/etc/os-release'));
  try {
    if (system.kind !== 'apt' || process.getuid?.() !== 0)
      throw new Error(`install ${name} to run them`);
    say(`installing with apt: ${name}`);
    await apt('update');
    await apt('install', name);
    if (!(await find())) throw new Error(`the package ${name} did not bring it`);
  } catch (error) {
    say(
      `no ${name} here, so the tests with ${what} are skipped: ` +
        `${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/**
 * Where a program cannot be had, the tests that run it say that they are skipped, and all others
 * run.
 */
async function offerTestPrograms() {
  const { findTestProgram, takeTestProgram, testPrograms } = await import('./test-programs.mjs');
  const system = recogniseSystem(process.platform, readText('/etc/os-release'));
  let isUpdated = false;
  for (const name of testPrograms) {
    if (await findTestProgram(name)) continue;
    try {
      if (system.kind !== 'apt' || process.getuid?.() !== 0)
        throw new Error(`install ${name} to run them`);
      say(`taking with apt: the files of ${name}, without a service`);
      if (!isUpdated) await apt('update');
      isUpdated = true;
      await takeTestProgram(name, (libraries) => apt('install', ...libraries));
    } catch (error) {
      say(
        `no ${name} here, so the tests with it are skipped: ` +
          `${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

/** Without containers `npm run test:containers` says that it is skipped. */
async function offerContainers() {
  const { findMissingForContainers, makeContainerBase, podmanPackages } =
    await import('./containers.mjs');
  const system = recogniseSystem(process.platform, readText('/etc/os-release'));
  try {
    if (system.kind !== 'apt' || process.getuid?.() !== 0)
      throw new Error('only root on Debian makes them');
    if ((await findMissingForContainers()).length > 0) {
      say(`installing with apt: ${podmanPackages.join(', ')}`);
      await apt('update');
      await apt('install', ...podmanPackages);
    }
    await makeContainerBase();
  } catch (error) {
    say(
      `no containers here, so their tests are skipped: ` +
        `${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** @param {string} command @param {string[]} packages */
function apt(command, ...packages) {
  // Another apt may be at work, as on a machine that has just booted. A changed configuration file
  // stays as it is: nobody is there to be asked.
  const settings = [
    'DPkg::Lock::Timeout=120',
    'Dpkg::Options::=--force-confdef',
    'Dpkg::Options::=--force-confold',
  ];
  const options = [
    '-qq',
    '-y',
    '--no-install-recommends',
    ...settings.flatMap((one) => ['-o', one]),
  ];
  return execute('apt-get', [command, ...options, ...packages], {
    DEBIAN_FRONTEND: 'noninteractive',
  });
}

/**
 * Runs a command in the checkout, its output on our standard error.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<void>}
 */
function execute(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, ...env },
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')} failed (exit code ${code})`));
    });
  });
}

/** @param {string} line */
function say(line) {
  console.log(`setup: ${line}`);
}

/** @param {string} file */
function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** @param {string} file of the checkout @returns {unknown} undefined where there is none */
function readJson(file) {
  const text = readText(join(root, file));
  return text === '' ? undefined : JSON.parse(text);
}
