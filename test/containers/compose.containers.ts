import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findMissingForContainers } from '../../scripts/containers.mjs';
import { prepareDatabase } from '../../scripts/database.mjs';
import { explainLoad, listUnexplained } from '../examples/explain-load.js';
import { compileProgram } from '../harness/compile.js';
import type { Talker } from '../harness/talker.js';
import { until } from '../harness/wait.js';
import { ComposeSite } from './compose-site.js';
import { Podman } from './podman.js';

const all = ['web1', 'web2', 'web3'];
const missing = await findMissingForContainers();
const reason =
  process.getuid?.() !== 0
    ? 'only root makes containers here'
    : missing.length > 0
      ? `missing: ${missing.join(', ')}`
      : undefined;

describe.skipIf(reason !== undefined)(
  `examples/compose${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let podman: Podman, site: ComposeSite, client: Talker;

    beforeAll(async () => {
      podman = await Podman.open();
      client = podman.startClient(compileProgram(new URL('client.ts', import.meta.url)));
      const way = await prepareDatabase();
      if (way.way === 'uri') throw new Error('the containers need a mongod as a program');
      site = await ComposeSite.prepare(podman, client, way.binary);
    }, 600_000);
    afterAll(async () => {
      await client.kill();
      await podman.close();
    }, 120_000);
    afterEach(async ({ task }) => {
      if (task.result?.state !== 'fail') return;
      for (const name of [...all, 'web4', 'balancer', 'db'])
        console.log(`${name}:\n${await site.logOf(name).catch(String)}`);
    });

    /** Notes what happened for whoever reads the output. */
    function tell(what: string, since?: number): void {
      const took =
        since === undefined ? '' : ` (${((performance.now() - since) / 1_000).toFixed(1)} s)`;
      console.log(`${what}${took}`);
    }

    /** An upload to each host reaches the disks of all. */
    async function expectExchange(names: readonly string[] = all): Promise<void> {
      for (const name of names) await site.uploadUntilOn(name, names);
    }

    test('from `podman-compose up` an upload reaches the disks of all three hosts', async () => {
      const since = performance.now();
      await site.compose('up', '-d');
      await site.uploadUntilOn('balancer', all);
      tell('up: the first upload is on all three', since);
      await expectExchange();
      for (const name of all) expect(await site.logOf(name)).not.toContain('FAILED');
    });

    test('a container that is restarted goes on', async () => {
      const since = performance.now();
      await site.podmanOn('restart', 'web2');
      await site.untilReady('web2');
      tell('restart: web2 is ready', since);
      await expectExchange();
    });

    test('a container that is made anew with another address goes on', async () => {
      const since = performance.now();
      const before = await site.addressOf('web2');
      await site.podmanOn('rm', 'web2', '--force');
      await site.compose('up', '-d', 'web2');
      await site.untilReady('web2');
      tell(`made anew: web2 is ready at ${await site.addressOf('web2')}, before ${before}`, since);
      await expectExchange();
    });

    test('a container that lost its host key makes another one, which the others accept', async () => {
      const since = performance.now();
      await site.podmanOn('stop', 'web3');
      await rm(join(await site.volumeOf('web3'), 'state/sshd/host_key'));
      await site.podmanOn('start', 'web3');
      await site.untilReady('web3');
      tell('lost host key: web3 is ready', since);
      await expectExchange();
    });

    test('a container that is killed during init starts again', async () => {
      const lock = join(await site.volumeOf('web3'), 'state/init.lock');
      await site.podmanOn('stop', 'web3');
      // The kill may come too late: then once more.
      for (let tries = 0; tries < 5 && !existsSync(lock); tries++) {
        await site.podmanOn('start', 'web3');
        await until(() => existsSync(lock), {
          timeout: 60_000,
          interval: 5,
          what: 'the lock of init',
        });
        await site.podmanOn('kill', 'web3', '--signal=KILL');
      }
      expect(existsSync(lock)).toBe(true);
      const since = performance.now();
      await site.podmanOn('start', 'web3');
      await site.untilReady('web3');
      tell('killed during init, its lock left: web3 is ready', since);
      await expectExchange();
    });

    test('while a container is killed under load, no acknowledged upload is lost or a 404', async () => {
      await site.ask(`load ${await site.urlOf('balancer')}`);
      const untilDone = (count: number): Promise<boolean> =>
        until(async () => (await site.ask<number>('done')) >= count, {
          timeout: 240_000,
          interval: 100,
          what: `${String(count)} requests`,
        });
      await untilDone(500);
      await site.ask('enter one down');
      await site.podmanOn('kill', 'web2', '--signal=KILL');
      await untilDone(1_500);
      await site.podmanOn('start', 'web2');
      await site.untilReady('web2');
      await untilDone(2_500);
      const { counts, acknowledged } = await site.ask<{
        counts: Record<string, number>;
        acknowledged: [string, string][];
      }>('result');
      tell(`killed under load:\n${explainLoad(counts)}`);
      expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(2_500);
      expect(listUnexplained(counts, 'one down')).toEqual([]);
      expect(acknowledged.length).toBeGreaterThan(450);
      await site.untilOn(all, acknowledged);
    });

    test('a fourth host gets all files, and nothing is pending for it once it is stopped', async () => {
      let since = performance.now();
      await site.compose('-f', 'compose.yaml', '-f', 'web4.yaml', 'up', '-d', 'web4');
      await site.untilReady('web4');
      tell('scaled to four: web4 is ready', since);
      await expectExchange([...all, 'web4']);
      since = performance.now();
      const last = [];
      for (let index = 0; index < 20; index++) last.push(await site.upload('web4'));
      // The default of podman is ten seconds, and no period of compose.
      await site.podmanOn('stop', 'web4', '--time=90');
      await site.untilOn(all, last);
      tell('scaled to three: web4 is stopped', since);
      await expectExchange();
      await until(
        async () => {
          const hosts = await site.listHosts();
          return hosts.length === 3 && hosts.every(({ pending }) => pending.count === 0);
        },
        { timeout: 60_000, what: 'three hosts for which nothing is pending' },
      );
    });

    test('a host that lost its volume takes its place again with init --replace', async () => {
      const file = await site.uploadUntilOn('web3', all);
      await site.podmanOn('rm', 'web3', '--force');
      await podman.run('volume', 'rm', 'site_web3');
      await site.setVariable('web3', 'SYNCMEDIA_INIT_OPTIONS', '--replace');
      const since = performance.now();
      await site.compose('up', '-d', 'web3');
      await site.untilReady('web3');
      tell('lost volume: web3 is ready', since);
      const { sha256 } = await site.ask<{ sha256: string }>(
        `get ${await site.urlOf('web1')}/${file}`,
      );
      await site.untilOn(['web3'], [[file, sha256]]);
      await expectExchange();
      expect(await site.listHosts()).toHaveLength(3);
    });
  },
);
