import { listCommandLines } from './command-lines.js';
import { listCodeBlocks, listUserPages } from './pages.js';

/** Lines that need more than this test has, each with its reason. Only their syntax is checked. */
export const unexecuted: Readonly<Record<string, string>> = {
  'npm run demo': 'test/examples runs the demo',
  'npm install prom-client': 'this checkout has it',
  'curl -H "Authorization: Bearer $SYNCMEDIA_ADMIN_TOKEN" http://127.0.0.1:3000/sync-admin/metrics':
    'test/flow/counters.test.ts scrapes',
  'npm test': 'it is the suite that this test is part of',
  'npm run test:explore -- --writes 2 --crashes 1 --late 1':
    'it takes minutes; test/explore runs a short form',
  'npm run test:explore -- --mutations': 'it takes minutes; test/explore runs a short form',
  'npx syncmedia status --watch':
    'it runs until somebody ends it; test/cli/commands.test.ts runs it',
  ...Object.fromEntries(
    [
      'npx syncmedia history uploads/photos/cat.jpg',
      'npx syncmedia history forget uploads/photos/cat.jpg',
      'npx syncmedia history show uploads/photos/cat.jpg --at 2026-11-28 --output cat-then.jpg',
      'npx syncmedia history bundle november.bundle --since 2026-11-01',
      'npx syncmedia restore uploads/photos/cat.jpg --at 2026-11-28T12:00Z',
      'npx syncmedia restore uploads/photos/cat.jpg --at 2026-11-28T12:00Z --yes',
      'npx syncmedia restore uploads/photos/cat.jpg --at 2026-11-28',
      'npx syncmedia restore uploads/photos/cat.jpg --at 2026-11-28 --yes',
    ].map((line) => [
      line,
      'it needs the backend git; test/flow/history.test.ts runs the commands',
    ]),
  ),
  ...Object.fromEntries(
    [
      'npx syncmedia restore --dir uploads/photos --at 2026-11-28T12:00Z',
      'npx syncmedia restore --dir uploads/photos --at 2026-11-28T12:00Z --yes',
    ].map((line) => [line, 'it needs the backend git; test/flow/restore-dir.test.ts runs it']),
  ),
  ...Object.fromEntries(
    [
      'npx syncmedia unregister --drain 60',
      'npx syncmedia unregister web3 --safe',
      'npx syncmedia unregister web4 --safe',
    ].map((line) => [line, 'it retires a host; test/flow/host-changes.test.ts runs the options']),
  ),
  'SYNCMEDIA_STATE_DIR=/tmp/no-syncmedia npx vitest run': 'it runs the tests of the reader',
};

/** Lines that another test takes from the page and executes. */
export const executedElsewhere: Readonly<Record<string, string>> = {
  'rsync -a --exclude=.syncmedia/ /srv/app/uploads/photos/ web2:/srv/app/uploads/photos/':
    'test/docs/moving.test.ts',
  'node list-hosts.mjs --keys < hosts.json > old-keys': 'test/docs/moving.test.ts',
  'cp -p ~/.ssh/authorized_keys ~/.ssh/authorized_keys.old': 'test/docs/moving.test.ts',
  'grep -vFf old-keys ~/.ssh/authorized_keys.old > ~/.ssh/authorized_keys':
    'test/docs/moving.test.ts',
  'node list-hosts.mjs --root /srv/app --sync-dirs media,hidden < hosts.json':
    'test/docs/moving.test.ts',
  'node from-gridfs.mjs --root /srv/app --dir uploads/photos --dry-run':
    'test/examples/gridfs.test.ts',
  'node from-gridfs.mjs --root /srv/app --dir uploads/photos': 'test/examples/gridfs.test.ts',
  'node to-gridfs.mjs --root /srv/app --dir uploads/photos --bucket media':
    'test/examples/gridfs.test.ts',
  'npm install syncmedia': 'test/consumers/five-minutes.test.ts',
  'node --env-file=syncmedia.env server.mjs': 'test/consumers/five-minutes.test.ts',
  'curl --data-binary @cat.jpg http://127.0.0.1:3000/photos': 'test/consumers/five-minutes.test.ts',
  'curl -H "Authorization: Bearer $SYNCMEDIA_ADMIN_TOKEN" http://127.0.0.1:3000/sync-admin/status':
    'test/consumers/five-minutes.test.ts',
};

/** Lines of the env file of Five minutes, which test/docs/commands.test.ts executes as a block. */
const isEnvFile = (line: string): boolean => /^printf |^chmod 600 syncmedia\.env/.test(line);

/** All shell lines of README and docs/. */
export const sampleLines: readonly string[] = [
  ...new Set(
    listUserPages()
      .flatMap(listCodeBlocks)
      .filter(({ language }) => language === 'sh')
      .flatMap((block) => listCommandLines(block, { assignments: true }))
      .map(({ line }) => line),
  ),
];

/** The lines that test/docs/run-samples.test.ts executes. */
export const executedSamples: readonly string[] = sampleLines.filter(
  (line) => !(line in unexecuted) && !(line in executedElsewhere) && !isEnvFile(line),
);
