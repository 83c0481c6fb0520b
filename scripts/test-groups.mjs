import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * Test files that start no sshd and still take too long for `npm run test:fast`, or need a process
 * of their own, with the reason.
 *
 * @type {Readonly<Record<string, string>>}
 */
export const slowTests = {
  'test/access/authorized-keys.test.ts': '100 processes write one file',
  'test/admin/express4.test.ts': 'loads Express 4 in the place of Express 5 in its process',
  'test/capture/named-and-saved.test.ts': 'saves hundreds of random documents by random models',
  'test/capture/new-primary.test.ts': 'starts a replica set of three servers, and kills them',
  'test/capture/no-majority.test.ts': 'starts a replica set of three servers, and kills two',
  'test/counters/failover.test.ts': 'starts a replica set of three servers, and kills them',
  'test/consumers/mongoose8-express4.test.ts': 'installs with npm and type-checks a whole app',
  'test/consumers/mongoose9-express5.test.ts': 'installs with npm and type-checks a whole app',
  'test/consumers/package.test.ts': 'builds and packs',
  'test/consumers/packed.test.ts': 'runs npm',
  'test/explore/explore.test.ts': 'computes every order of events',
  'test/explore/lease.test.ts': 'computes every order of events',
  'test/explore/mutations.test.ts': 'computes every order of events',
  'test/explore/trees.test.ts': 'replays random trees on a real disk',
  'test/docs/samples.test.ts': 'type-checks every sample',
  'test/examples/kubernetes.test.ts': 'installs with pip',
  'test/ledger/saves-win.test.ts': 'hashes files that are too large to be hashed at once',
  'test/leader/lease.test.ts': 'lets leases of real processes run out',
  'test/page/actions.test.ts': 'starts Chromium',
  'test/page/live.test.ts': 'starts Chromium',
  'test/page/views.test.ts': 'starts Chromium',
  'test/replica/crash.test.ts': 'cuts every placement off at every step',
  'test/replica/exclude.test.ts': "compares random patterns with rsync's own decisions",
  'test/scripts/mongod-wheel.test.ts': 'runs pip many times',
  'test/security/endless-replies.test.ts': 'reads replies up to their limits',
  'test/serving/aborted-downloads.test.ts': 'aborts thousands of downloads',
  'test/serving/browser.test.ts': 'starts Chromium',
  'test/serving/etags.test.ts': 'sends hundreds of large responses',
  'test/state-dir/file-lock.test.ts': 'waits until a lock has stood still for long enough',
};

/** Files that take long. They begin first, so that no run ends with one of them alone. */
export const longTests = [
  'test/consumers/mongoose9-express5.test.ts',
  'test/consumers/mongoose8-express4.test.ts',
  'test/consumers/deployed.test.ts',
  'test/consumers/previous-version.test.ts',
  'test/consumers/frameworks.test.ts',
  'test/consumers/package-managers.test.ts',
  'test/consumers/upload-app.test.ts',
  'test/consumers/site.test.ts',
  'test/examples/pm2.test.ts',
  'test/examples/nginx.test.ts',
  'test/examples/caddy.test.ts',
  'test/random/random.test.ts',
  'test/explore/explore.test.ts',
  'test/explore/mutations.test.ts',
  'test/serving/read-through.test.ts',
  'test/transport/rsync/rsync-backend.test.ts',
  'test/cli/commands.test.ts',
  'test/serving/acknowledged.test.ts',
];

/** Every test that starts an sshd finds it by this file. */
const sshd = 'scripts/sshd.mjs';
/** The folders whose files are followed; setup and lint start no sshd, nor does the product. */
const followed = ['test/', 'examples/'];

/**
 * Sorts the test files by what they need. A file needs sshd where its imports lead to
 * `scripts/sshd.mjs`. A program that it starts counts as an import when it is named by
 * `new URL('…', import.meta.url)`.
 *
 * @param {string} root of the project
 * @param {Readonly<Record<string, string>>} [slow]
 * @returns {{ fast: string[], slow: string[], sshd: string[] }} paths relative to the root
 * @throws where `slow` lists a file that does not exist or that needs sshd
 */
export function groupTests(root, slow = slowTests) {
  /** @type {Map<string, string[]>} */
  const imports = new Map();
  /** @param {string} file */
  const needsSshd = (file) => {
    const seen = new Set([file]);
    for (const one of seen) {
      if (one === sshd) return true;
      if (!followed.some((folder) => one.startsWith(folder))) continue;
      const found = imports.get(one) ?? findImports(root, one);
      imports.set(one, found);
      for (const next of found) seen.add(next);
    }
    return false;
  };
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('test', name))
    .sort();
  const withSshd = new Set(files.filter(needsSshd));
  for (const file of Object.keys(slow)) {
    if (!files.includes(file)) throw new Error(`${file} is listed as slow and does not exist`);
    if (withSshd.has(file)) throw new Error(`${file} is listed as slow and needs sshd anyway`);
  }
  return {
    fast: files.filter((file) => !withSshd.has(file) && !(file in slow)),
    slow: Object.keys(slow),
    sshd: [...withSshd],
  };
}

/**
 * Lists the files of the project that a file imports or names by `new URL`, without type imports.
 *
 * @param {string} root
 * @param {string} file
 */
function findImports(root, file) {
  const text = readFileSync(join(root, file), 'utf8');
  const found = [
    ...text.matchAll(/^(?:import|export)\s(?!type\s)(?:[^'";]*?\sfrom\s)?\s*'(\.[^']+)'/gm),
    ...text.matchAll(/\bimport\(\s*'(\.[^']+)'/g),
    ...text.matchAll(/\bnew URL\(\s*'([^':]+)'/g),
  ];
  return found.flatMap(([, path = '']) => {
    const target = resolve(join(root, dirname(file)), path);
    const source = [target.replace(/\.js$/, '.ts'), target].find(
      (one) => /\.[cm]?[jt]s$/.test(one) && existsSync(one),
    );
    return source === undefined ? [] : [relative(root, source)];
  });
}
