import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { Schema } from 'mongoose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findProgram } from '../../scripts/programs.mjs';
import { createSyncMedia } from '../../src/instance/create.js';
import type { HostDescription } from '../../src/api/describe-host.js';
import type { Overview } from '../../src/api/overview.js';
import type { DocumentStatus, InitReport, RecoverableFile, Status } from '../../src/api/reports.js';
import type { Run } from '../../src/model/run.js';
import { confinement } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { listInitArgs } from '../harness/init-args.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { until } from '../harness/wait.js';
import { type CliOptions, type CliResult, runCli } from './run-cli.js';

// Each command is a process of its own, which takes its time to start on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** `script` of util-linux makes a terminal. */
const hasScript = process.platform === 'linux' && (await findProgram('script')) !== undefined;

/** The tests of this file are one story, in order: hosts come, files move, hosts go. */
let database: TestDatabase;
let web1: TestHost;
let web2: TestHost;

beforeAll(async () => {
  [database, web1, web2] = await Promise.all([
    testDatabase(),
    startHost({ name: 'web1' }),
    startHost({ name: 'web2' }),
  ]);
  for (const host of [web1, web2]) await mkdir(join(host.root, 'uploads'));
});
afterAll(async () => {
  await Promise.all([database.close(), web1.close(), web2.close()]);
});

const environmentOf = (host: TestHost): Record<string, string> => ({
  SYNCMEDIA_MONGODB_URI: database.uri,
  SYNCMEDIA_STATE_DIR: host.stateDir,
  SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
  HOME: host.dir,
  ...confinement,
  SYNCMEDIA_AUTO_APPROVE: 'true',
  SYNCMEDIA_TIMEOUT: '5',
});

/** The command line as run on a host. */
function on(host: TestHost, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runCli(args, { ...options, env: { ...environmentOf(host), ...options.env } });
}

/**
 * The application starts: its models declare the sync dirs. It ends after its first scan, so that
 * no scan is due when a command leads this host for a moment.
 */
async function startAppOnce(host: TestHost): Promise<void> {
  const app = createSyncMedia({
    connection: database.connection,
    environment: environmentOf(host),
  });
  const photos = new Schema({ file: String });
  photos.plugin(app.plugin, { syncDirs: 'uploads' });
  database.connection.model('Photo', photos);
  await app.start();
  await until(async () => (await app.hosts.show(host.name)).scans?.['uploads'] !== undefined, {
    what: 'the first scan',
  });
  await app.close();
}

const parse = <T>({ stdout }: CliResult): T => JSON.parse(stdout) as T;

describe('before init', () => {
  test.each([['push'], ['pull'], ['runs'], ['unregister']])(
    '%s exits with 4 and says how to go on',
    async (...args) => {
      const { code, stdout, stderr } = await on(web1, args);
      expect([code, stdout]).toEqual([4, '']);
      expect(stderr).toMatch(/^syncmedia: NOT_INITIALISED: .*syncmedia init/m);
    },
  );

  test('status exits with 4 and still prints its data', async () => {
    const result = await on(web1, ['status', '--json']);
    expect([result.code, parse<Overview>(result)]).toMatchObject([
      4,
      { headline: 'No machine is registered yet', needs: [{ kind: 'setup' }] },
    ]);
    const details = await on(web1, ['status', '--details', '--json']);
    expect([details.code, parse<Status>(details).initialised]).toEqual([4, false]);
  });

  test('a key that is none is refused, and nothing is registered', async () => {
    const { code, stderr } = await on(web1, [
      ...listInitArgs(web1),
      '-k',
      join(web1.dir, 'ssh/authorized_keys'),
    ]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^syncmedia: BAD_KEY: /m)]);
    expect((await on(web1, ['status'])).code).toBe(4);
  });
});

describe('hosts come', () => {
  test('init registers this machine and tries it; without a terminal -i asks nothing', async () => {
    const { code, stdout, stderr } = await on(web1, [...listInitArgs(web1), '-i']);
    expect(stderr).toContain('asks on a terminal only');
    expect(stdout).toMatch(/^Created host web1 \([\w-]+\), \S+@127\.0\.0\.1:\d+, root /);
    expect(stdout).not.toContain('FAILED');
    expect(code).toBe(0);
  });

  test('a second init updates it, and keeps values that are not given', async () => {
    const { code, stdout } = await on(web1, ['init']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Updated host web1 /)]);
  });

  test('init with a literal key, as JSON', async () => {
    const key = (await readFile(web2.publicKeyFile, 'utf8')).trim();
    const result = await on(web2, [...listInitArgs(web2), '-k', key, '--json'], {
      env: { SYNCMEDIA_IDENTITY: web2.privateKeyFile },
    });
    expect(parse<InitReport>(result)).toMatchObject({
      created: true,
      host: { hostname: 'web2', key: { type: 'ssh-ed25519' } },
    });
    expect(result.code).toBe(0);
  });

  test('hosts lists them as a table, as CSV and as JSON', async () => {
    const table = await on(web1, ['hosts']);
    expect(table.stdout.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      'HOST',
      'web1',
      'web2',
      '',
    ]);
    const csv = await on(web1, ['hosts', 'list', '--csv']);
    expect(csv.stdout).toMatch(
      new RegExp(
        `^username,hostname,url,port,.*\n${web1.username},web1,127.0.0.1,${String(web1.port)},`,
      ),
    );
    const { hosts } = parse<{ hosts: HostDescription[] }>(await on(web1, ['hosts', '--json']));
    expect(
      hosts.map(({ hostname, hostKeys }) => [hostname, hostKeys[0]?.fingerprint.slice(0, 7)]),
    ).toEqual([
      ['web1', 'SHA256:'],
      ['web2', 'SHA256:'],
    ]);
    expect([table.code, csv.code]).toEqual([0, 0]);
  });

  test('hosts show finds a host by name, and reports an unknown name', async () => {
    expect((await on(web1, ['hosts', 'show', 'web2'])).stdout).toMatch(/^host +web2$/m);
    const { code, stderr } = await on(web1, ['hosts', 'show', 'web9']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^syncmedia: UNKNOWN_HOST: .*web9/m)]);
  });
});

describe.skipIf(!hasScript)('init -i on a terminal', () => {
  /** Types an answer after each prompt. */
  function answering(answers: readonly string[]): CliOptions {
    let asked = 0;
    return {
      terminal: true,
      onStderr: (text, child) => {
        for (const prompts = text.match(/\]: /g)?.length ?? 0; asked < prompts; asked++)
          child.stdin?.write(answers[asked] ?? '\r');
      },
    };
  }

  test('asks for missing values, asks again after an unusable answer, and keeps the stored value for an empty one', async () => {
    const { code, stdout } = await on(
      web1,
      ['init', '-i', '--url', web1.hostname],
      answering(['\r', '\r', '\r', 'zero\r', '\r', '\r', '\r']),
    );
    expect(stripVTControlCharacters(stdout)).toMatch(
      /Host name \[web1\]: [^]*Login user \[[^]*Public key \[as it is\][^]*ssh port \[\d+\]: zero\s+A port is a number[^]*ssh port \[\d+\]: [^]*Root directory/,
    );
    expect(stdout).not.toContain('Name or address');
    expect(stdout).toContain('Updated host web1 ');
    expect(code).toBe(0);
  });

  test('ctrl-C at a question ends it with 130, and nothing is changed', async () => {
    const { code, stdout } = await on(web1, ['init', '-i'], answering(['other\r', '\x03']));
    expect([code, stdout]).toEqual([130, expect.not.stringContaining('Updated')]);
    expect((await on(web1, ['hosts', 'show', 'web1'])).code).toBe(0);
  });

  test('the end of the input at a question is an error', async () => {
    const { code, stdout } = await on(web1, ['init', '-i'], answering(['\x04']));
    expect([code, stdout]).toEqual([1, expect.stringContaining('CANCELLED: ')]);
  });
});

describe('files that lie there before the application has started', () => {
  test('stay as they are until somebody confirms adopt, also files of this moment', async () => {
    const old = join(web1.root, 'uploads/old.jpg'),
      fresh = join(web1.root, 'uploads/fresh.jpg');
    await writeFile(old, 'old');
    await utimes(old, 1_000_000_000, 1_000_000_000);
    await writeFile(fresh, 'fresh');
    try {
      const { code, stdout } = await on(web1, ['adopt', '--dry-run']);
      expect([code, stdout]).toEqual([0, expect.stringContaining('2')]);
      expect(parse<Overview>(await on(web1, ['status', '--json'])).entries).toBe(0);
      expect(await readdir(join(web2.root, 'uploads'))).not.toContain('fresh.jpg');
    } finally {
      await Promise.all([rm(old), rm(fresh)]);
    }
  });
});

describe('files move', () => {
  beforeAll(() => startAppOnce(web1));

  test('a dry run lists the files that a push would transfer, and transfers nothing', async () => {
    await writeFile(join(web1.root, 'uploads/a b.jpg'), 'a picture');
    const result = await on(web1, ['push', '--dry-run', '--json']);
    expect(parse<{ run: Run }>(result).run).toMatchObject({
      state: 'done',
      wouldTransfer: [{ path: 'uploads/a b.jpg' }],
    });
    expect(result.code).toBe(0);
    await expect(readFile(join(web2.root, 'uploads/a b.jpg'))).rejects.toThrow('ENOENT');
  });

  test('push sends it', async () => {
    const { code, stdout, stderr } = await on(web1, ['push', '--host', 'web2', '--dir', 'uploads']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^state +done$/m)]);
    expect(stderr).toMatch(/^push [\w-]+: /m);
    expect(await readFile(join(web2.root, 'uploads/a b.jpg'), 'utf8')).toBe('a picture');
  });

  test('where names the hosts that have a file, by a relative and by an absolute path', async () => {
    const { code, stdout } = await on(web1, ['where', 'uploads/a b.jpg']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^file +uploads\/a b\.jpg\nsize +9 B\nsha256 +[0-9a-f]{64}\n/);
    expect(stdout).toMatch(/^web1 +has it\nweb2 +has it$/m);
    const json = await on(web1, ['where', join(web1.root, 'uploads/a b.jpg'), '--json']);
    expect(parse<DocumentStatus>(json).files).toMatchObject([
      {
        path: 'uploads/a b.jpg',
        heldBy: [{ hostname: 'web1' }, { hostname: 'web2' }],
        pending: [],
        unconcerned: [],
      },
    ]);
  });

  test('where exits with 3 for a file that the ledger does not know', async () => {
    const { code, stdout } = await on(web1, ['where', 'uploads/never.jpg']);
    expect([code, stdout]).toEqual([3, 'file  uploads/never.jpg (unknown to the ledger)\n']);
  });

  test('where refuses a path outside of the sync dirs', async () => {
    const { code, stderr } = await on(web1, ['where', 'elsewhere/a.jpg']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('BAD_PATH: "elsewhere/a.jpg"')]);
  });

  test('pull fetches', async () => {
    await writeFile(join(web1.root, 'uploads/b.jpg'), 'another');
    const { code, stdout } = await on(web2, ['pull']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^state +done$/m)]);
    expect(await readFile(join(web2.root, 'uploads/b.jpg'), 'utf8')).toBe('another');
  });

  test.each([
    ['--host', 'web9', 'UNKNOWN_HOST'],
    ['--dir', 'nowhere', 'BAD_SYNC_DIR'],
  ])('push %s %s is refused', async (option, value, errorCode) => {
    const { code, stdout, stderr } = await on(web1, ['push', option, value]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`${errorCode}: `);
    expect(stderr).toContain(value);
  });

  test('a push that one host refuses exits with 3 and says why', async () => {
    await web2.stop();
    try {
      await writeFile(join(web1.root, 'uploads/c.jpg'), 'third');
      const { code, stdout } = await on(web1, ['push']);
      expect(code).toBe(3);
      expect(stdout).toMatch(/^web2 +HOST_UNREACHABLE /m);
      const where = await on(web1, ['where', 'uploads/c.jpg']);
      expect(where.code).toBe(3);
      expect(where.stdout).toMatch(/^web1 +has it$/m);
      expect(where.stdout).toMatch(/^web2 +pending +\S+Z +HOST_UNREACHABLE: /m);
    } finally {
      await web2.start();
    }
  });

  test('--no-wait returns at once; a command that follows the run exits with 1 when it is cancelled', async () => {
    const asked = parse<{ run: Run }>(await on(web1, ['push', '--no-wait', '--json'])).run;
    expect(asked).toMatchObject({ kind: 'push', state: 'requested' });
    expect((await on(web1, ['runs', 'cancel', asked.id])).stdout).toMatch(/^state +cancelled$/m);
    expect((await on(web1, ['runs', 'follow', asked.id])).code).toBe(1);
    const list = await on(web1, ['runs']);
    expect(list.stdout.split('\n')[1]).toContain(asked.id);
    const { code, stderr } = await on(web1, ['runs', 'show', 'no-such-run']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('UNKNOWN_RUN')]);
  });

  test('SIGINT stops following, with 130 and a word on the run', async () => {
    await web2.freeze();
    try {
      let sent = false;
      const { code, stdout, stderr } = await on(web1, ['push'], {
        onStderr: (text, child) => {
          if (sent || !text.includes('running')) return;
          sent = true;
          child.kill('SIGINT');
        },
      });
      expect([code, stdout]).toEqual([130, '']);
      expect(stderr).toMatch(/no longer followed; `syncmedia runs show [\w-]+`/);
      expect(stderr).not.toContain('INTERNAL');
    } finally {
      await web2.thaw();
    }
  });

  test('conflicts are listed, compared, restored and discarded', async () => {
    const keptAs = (name: string): string => `.syncmedia/conflicts/${name}/c d.jpg`;
    await writeFile(join(web1.root, 'uploads/c d.jpg'), 'the winner');
    for (const name of ['one', 'two']) {
      await mkdir(join(web1.root, 'uploads/.syncmedia/conflicts', name));
      await writeFile(join(web1.root, 'uploads', keptAs(name)), `picture ${name}`);
    }
    expect(
      parse<{ files: RecoverableFile[] }>(await on(web1, ['conflicts', '--json']))
        .files.map((file) => file.keptAs)
        .sort(),
    ).toEqual([keptAs('one'), keptAs('two')]);
    expect((await on(web1, ['conflicts', 'compare', 'uploads', keptAs('one')])).stdout).toMatch(
      /^they differ$/m,
    );
    expect((await on(web1, ['conflicts', 'restore', 'uploads', keptAs('one')])).code).toBe(0);
    expect(await readFile(join(web1.root, 'uploads/c d.jpg'), 'utf8')).toBe('picture one');
    expect((await on(web1, ['conflicts', 'discard', 'uploads', keptAs('two')])).code).toBe(0);
    const { code, stderr } = await on(web1, ['conflicts', 'discard', 'uploads', keptAs('../x')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('BAD_PATH: ')]);
  }, 180_000);

  test.skipIf(!hasScript)(
    'on a terminal (made by script) lists fit into 80 columns; --wide prints everything',
    async () => {
      const show = async (...args: string[]): Promise<string> => {
        const { stdout } = await on(web1, args, { terminal: true });
        return stripVTControlCharacters(stdout).replaceAll('\r', '');
      };
      for (const command of ['status', 'hosts', 'runs']) {
        const shown = await show(command);
        for (const line of shown.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
        expect(shown).not.toMatch(/\d{4}-\d\d-\d\dT/);
      }
      expect(await show('hosts')).not.toMatch(/^HOST .* ID$/m);
      expect(await show('hosts', '--wide')).toMatch(/^HOST .* ID$/m);
      expect(await show('runs', '--wide')).toMatch(/ \d{4}-\d\d-\d\dT\S+Z /);
    },
    120_000,
  );

  test('a list without anything says so', async () => {
    expect((await on(web1, ['removals'])).stdout).toBe('no waiting removals\n');
  });

  test('status shows the state of both hosts, and --details every finding', async () => {
    const { code, stdout } = await on(web1, ['status']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^web1 +\S [a-z]/m);
    expect(stdout).toMatch(/^web2 +\S [a-z]/m);
    const details = await on(web1, ['status', '--details']);
    expect(details.code).toBe(0);
    expect(details.stdout).toMatch(/^this host +web1 /m);
    expect(details.stdout).toMatch(/^web2 +approved/m);
  });
});

describe('hosts go', () => {
  test('hosts edit pauses a host and lets it go on', async () => {
    expect((await on(web1, ['hosts', 'edit', 'web2', '--status', 'paused'])).stdout).toMatch(
      /^status +paused/m,
    );
    expect((await on(web1, ['hosts', 'edit', 'web2', '--status', 'approved'])).stdout).toMatch(
      /^status +approved/m,
    );
  });

  test('hosts add accepts a passive host only by the fingerprint of its key', async () => {
    const nas = await startHost({ name: 'nas' });
    try {
      await mkdir(join(nas.root, 'uploads'));
      await nas.trust(web1.publicKey);
      const add = (fingerprint: string) =>
        on(web1, [
          'hosts',
          'add',
          '--hostname',
          'nas',
          '--url',
          nas.hostname,
          '-p',
          String(nas.port),
          '-u',
          nas.username,
          '--root',
          nas.root,
          '--fingerprint',
          fingerprint,
        ]);
      const wrong = await add(`SHA256:${'A'.repeat(43)}`);
      expect([wrong.code, wrong.stderr]).toEqual([
        1,
        expect.stringContaining('HOST_KEY_MISMATCH: '),
      ]);
      const [shown = ''] = /SHA256:[A-Za-z0-9+/]{43}/.exec(wrong.stderr) ?? [];
      const right = await add(shown);
      expect([right.code, right.stdout]).toEqual([
        0,
        expect.stringMatching(/^status +approved, passive$/m),
      ]);
      expect((await on(web1, ['unregister', 'nas'])).stdout).toMatch(/^Unregistered host nas /);
    } finally {
      await nas.close();
    }
  });

  test('unregister retires this host, which is then not initialised any more', async () => {
    const { code, stdout } = await on(web2, ['unregister']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Unregistered host web2 /)]);
    expect((await on(web2, ['push'])).code).toBe(4);
    // The keys it let in for syncmedia are gone with it.
    expect(await readFile(web2.authorizedKeysFile, 'utf8')).not.toContain(
      web1.publicKey.split(' ')[1],
    );
  });
});
