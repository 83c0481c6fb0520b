import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeState } from '../../src/state-dir/state.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import type { TestDir } from '../harness/tmp.js';
import { copyApp, execute, installByNpm, pack } from './packed.js';
import { describeTestRunners } from './test-runners.js';

/**
 * What `twins/run.cjs` prints: a difference for each operation that did not come to the same with
 * the plugin and without it.
 */
interface Comparison {
  readonly operations: number;
  readonly immediate: number;
  readonly buffered: number;
  readonly captures: number;
  readonly differences: { what: string }[];
}

/**
 * Describes the tests of an app that installs the packed tarball. Each has a file of its own, so
 * that they run side by side. @param name of its manifest beside this file
 */
export function describeConsumer(name: string): void {
  describe(`a consumer with ${name}`, () => {
    let consumer: TestDir;
    let database: TestDatabase;
    let typescript: string;
    let env: NodeJS.ProcessEnv;

    beforeAll(async () => {
      const tarball = await pack();
      [consumer, database] = await Promise.all([copyApp(name, tarball), testDatabase()]);
      const { path } = consumer;
      for (const extension of ['cts', 'mts'])
        await cp(join(path, 'consumer.ts'), join(path, `consumer.${extension}`));
      await installByNpm(consumer);
      typescript = await execute(path, 'node', ['-p', 'require("typescript").version']);
      // Never initialised: what a consumer's own tests and builds run on.
      env = { CONSUMER_MONGODB_URI: database.uri, SYNCMEDIA_STATE_DIR: join(path, 'state') };
    }, 300_000);
    afterAll(async () => {
      await Promise.all([consumer.remove(), database.close()]);
    });

    const bin = (tool: string): string => join(consumer.path, 'node_modules/.bin', tool);
    /** It refuses node10 unless told that one knows. */
    const isTypeScript6 = (): boolean => typescript.startsWith('6.');

    it('is required', async () => {
      expect(await execute(consumer.path, 'node', ['require.cjs'], env)).toBe('consumed\n');
    });

    it('is imported', async () => {
      expect(await execute(consumer.path, 'node', ['import.mjs'], env)).toBe('consumed\n');
    });

    it('has its command', async () => {
      expect(await execute(consumer.path, bin('syncmedia'), ['--help'], env)).toMatch(
        /Usage: syncmedia/,
      );
    });

    describe('under Jest in CommonJS', () => {
      const jest = (file: string, more: NodeJS.ProcessEnv = {}): Promise<string> =>
        execute(
          consumer.path,
          bin('jest'),
          ['--ci', '--rootDir', consumer.path, '--runTestsByPath', file],
          { ...env, ...more },
        );
      const outcomeOf = (file: string): Promise<string> =>
        jest(file).then(
          () => 'passed',
          (error: unknown) =>
            /Mongoose\w*Error: .*/.exec(String(error))?.[0] ?? Promise.reject(error as Error),
        );

      // Mongoose 9 alone cannot connect there: its driver imports `os`, which Jest refuses without
      // this flag, and introduces itself with an empty document, which the server refuses.
      it('is used with --experimental-vm-modules', async () => {
        await jest('consumer.test.js', { NODE_OPTIONS: '--experimental-vm-modules' });
      }, 60_000);

      it('connects without that flag where Mongoose alone does', async () => {
        const alone = await outcomeOf('plain.test.js');
        if (alone !== 'passed') expect(alone).toMatch(/Missing required sub-document 'driver'/);
        expect(await outcomeOf('consumer.test.js')).toBe(alone);
      }, 90_000);

      it.runIf(name.startsWith('mongoose9'))(
        'is used without that flag where the connection is given the os module',
        async () => {
          await jest('adapter.test.js');
        },
        60_000,
      );
    });

    it('is told from a plugin that connects, warns or hangs', async () => {
      expect(await execute(consumer.path, 'node', ['inert-faults.cjs'], env)).toMatch(/^found$/m);
    });

    describeTestRunners(() => ({ path: consumer.path, env }));

    it('runs under ts-node', async () => {
      const settings = {
        TS_NODE_COMPILER_OPTIONS: JSON.stringify(
          isTypeScript6() ? { ignoreDeprecations: '6.0' } : {},
        ),
      };
      expect(
        await execute(consumer.path, 'node', ['-r', 'ts-node/register', 'consumer.ts'], {
          ...env,
          ...settings,
        }),
      ).toBe('consumed true\n');
    }, 60_000);

    // Not as .cts: on Node 20 tsx then fails in what Express requires.
    it.each(['consumer.ts', 'consumer.mts'])(
      'runs under tsx as %s',
      async (file) => {
        expect(await execute(consumer.path, bin('tsx'), [file], env)).toBe('consumed true\n');
      },
      60_000,
    );

    describe('a plugged model and its twin without the plugin', () => {
      const compare = async (...args: string[]): Promise<Comparison> =>
        JSON.parse(
          await execute(consumer.path, 'node', ['twins/run.cjs', ...args], twinsEnv),
        ) as Comparison;
      const states = {
        'on a machine that was never initialised': 'none',
        'on a host': 'host',
      } as const;
      let twinsEnv: NodeJS.ProcessEnv;

      describe.each(Object.entries(states))('%s', (_where, state) => {
        beforeAll(async () => {
          const { path } = consumer;
          twinsEnv = {
            CONSUMER_MONGODB_URI: database.uri,
            SYNCMEDIA_STATE_DIR: join(path, 'states', state),
          };
          if (state === 'host') {
            await writeState(join(path, 'states', state), {
              format: 1,
              id: 'host-a',
              hostname: 'a',
              root: path,
              syncDirs: [],
              database: { name: 'x', id: 'y' },
              identityFile: '/x',
              authorizedKeysFile: '/y',
              createdAt: new Date().toISOString(),
            });
          }
        });

        it(
          'come to the same without a connection: refusals at once, buffered operations after ' +
            'the time of the schema',
          async () => {
            const { differences, ...counts } = await compare('offline', 'syncmedia');
            expect(differences).toEqual([]);
            for (const count of [counts.operations, counts.immediate, counts.buffered])
              expect(count).toBeGreaterThan(1_000);
          },
          120_000,
        );

        it(
          'come to the same with a connection: results, errors, stored documents, hooks, ' +
            'setters and the debug log',
          async () => {
            const { differences, operations, captures } = await compare('online', 'syncmedia');
            expect(differences).toEqual([]);
            expect(operations).toBeGreaterThan(500);
            if (state === 'none') expect(captures).toBe(0);
            else expect(captures).toBeGreaterThan(200);
          },
          240_000,
        );
      });

      it.each([
        [
          'waits for a connection before Mongoose casts',
          'offline',
          'plain: updateOne to uncastable',
        ],
        ['replaces a method of the model', 'offline', 'plain: bulkWrite of an update, null'],
        [
          "replaces a static of the application's own",
          'offline',
          'withStatics: insertMany with a third argument',
        ],
        ['runs setters once more', 'online', 'plain: updateOne to setter'],
        ["calls the application's toObject", 'online', 'throwingToObject: save a changed document'],
      ])(
        'differ where a plugin %s',
        async (_fault, mode, operation) => {
          const { differences } = await compare(mode, 'faulty', operation);
          expect(differences.map(({ what }) => what)).toEqual([operation]);
        },
        60_000,
      );
    });

    it.each(['node10', 'node16', 'nodenext'])(
      'type-checks as %s',
      async (resolution) => {
        const project = resolution === 'node10' ? 'tsconfig.json' : `tsconfig.${resolution}.json`;
        const deprecated =
          resolution === 'node10' && isTypeScript6() ? ['--ignoreDeprecations', '6.0'] : [];
        await execute(consumer.path, bin('tsc'), ['-p', project, ...deprecated]);
      },
      120_000,
    );
  });
}
