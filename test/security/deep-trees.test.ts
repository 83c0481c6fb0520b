import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { until } from '../harness/wait.js';
import { makeDeepTree, removeDeepTree } from './deep-tree.js';

const hostile = countHostileInputs();
/**
 * Few long names and many short ones: the paths reach beyond what may be synced, beyond PATH_MAX,
 * and far beyond.
 */
const trees = [
  { depth: 30, width: 200 },
  { depth: 150, width: 40 },
] as const;

describe.each(['one', 'two'] as const)('a tree that is too deep on host %s', (where) => {
  let site: Site, one: Machine, two: Machine;
  const folders: string[] = [];
  beforeAll(async () => {
    site = await openSite({ hosts: ['one', 'two'] });
    [one, two] = site.machines as [Machine, Machine];
  }, 60_000);
  afterAll(async () => {
    for (const machine of site.machines)
      for (const folder of folders) await removeDeepTree(machine.path(folder));
    await site.close();
  }, 60_000);

  test('is reported and left out, and push, verify and pull bring everything else', async () => {
    const [deep, other] = where === 'one' ? [one, two] : [two, one];
    for (const { depth, width } of trees) {
      const folder = `${dir}/deep-${String(depth)}`;
      folders.push(folder);
      await mkdir(deep.path(folder));
      await makeDeepTree(deep.path(folder), { depth, width });
    }
    await makeDeepTree(deep.path(`${dir}/.syncmedia/replaced`), { depth: 30, width: 200 });
    await makeDeepTree(deep.path(`${dir}/.syncmedia/trash`), { depth: 30, width: 200 });
    folders.push(`${dir}/.syncmedia/replaced`, `${dir}/.syncmedia/trash`);
    for (const machine of site.machines)
      await machine.write(`${dir}/zz-beside-${machine.name}.jpg`, machine.name);
    const { sync } = deep.app,
      fromOther = other.app.sync;
    for (const asker of [sync, fromOther]) {
      for (const kind of ['push', 'verify', 'pull'] as const) {
        const { state, failure } = await asker.runs.follow((await asker[kind]()).id);
        hostile.tried([where, kind, trees], state !== 'done' && failure);
        expect({ kind, state, failure }).toEqual({ kind, state: 'done', failure: undefined });
      }
    }
    for (const machine of site.machines)
      for (const { name } of site.machines)
        await until(async () => (await machine.read(`${dir}/zz-beside-${name}.jpg`)) === name, {
          timeout: 30_000,
          what: `the file of ${name} on ${machine.name}`,
        });
    // A path that is not too long goes with the rest.
    const shallow = `${dir}/deep-30/${'d'.repeat(200)}/${'d'.repeat(200)}/file.jpg`;
    await until(async () => (await other.read(shallow)) === 'level 1', {
      timeout: 30_000,
      what: 'the upper part of the tree',
    });
    await untilNothingPending(site, 60_000);
    const unsyncable = (await sync.status()).hosts.find(({ hostname }) => hostname === where)
      ?.unsyncable?.[dir];
    expect(unsyncable?.count).toBeGreaterThanOrEqual(trees.length);
    expect(unsyncable?.examples.map(({ why }) => why)).toEqual(
      unsyncable?.examples.map(() => 'the path is too long'),
    );
    expect(other.app.log.filter((line) => line.includes('too long')).length).toBeGreaterThan(0);
  }, 180_000);
});
