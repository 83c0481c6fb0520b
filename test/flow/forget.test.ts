import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';
import { gateIsMissing } from '../gate/confined.js';
import { until } from '../harness/wait.js';

let site: Site;
let one: Machine, two: Machine, three: Machine;

async function save(path: string): Promise<void> {
  await one.write(path, `content of ${path}`);
  await one.app.Photo.create({ title: path, file: path });
  await untilNothingPending(site);
}
async function untilListed(count: number, machines: Machine[], path: string): Promise<void> {
  for (const { app, name } of machines)
    await until(async () => (await app.sync.history.list(path)).length === count, {
      what: `${String(count)} versions of ${path} on ${name}`,
    });
}

/** When the host carried out its last request, as its row says. */
async function findForgottenUntil(name: string): Promise<Date | undefined> {
  const { hosts } = await two.app.sync.status();
  return hosts.find(({ hostname }) => hostname === name)?.history?.forgottenUntil;
}

describe.skipIf(gateIsMissing !== undefined)('forgetting while a host is away', () => {
  beforeAll(async () => {
    site = await openSite({ environment: { SYNCMEDIA_BACKEND: 'git' } });
    [one, two, three] = threeOf(site);
  });
  afterAll(async () => {
    await site.close();
  });

  test('what the host had not forgotten yet is gone from the others once it has, and its history is shared on', async () => {
    const path = `${dir}/private.jpg`;
    const other = `${dir}/other.jpg`;
    await save(other);
    await save(path);
    await untilListed(1, [one, two, three], path);
    await one.app.close();
    const repositories = [one, two].map(({ ssh }) => join(ssh.stateDir, 'git'));
    const [ours = '', theirs = ''] = repositories;
    const run = promisify(execFile);
    const { stdout: refs } = await run('git', ['-C', ours, 'for-each-ref', '--format=%(refname)']);
    await two.app.sync.history.forget(path);
    await untilListed(0, [two, three], path);
    const before = await until(async () => findForgottenUntil('two'));
    // The first host sent its versions at that very moment: this is what it sends.
    await run('git', [
      ...['-C', theirs, 'fetch', '--quiet', ours],
      ...refs.split('\n').flatMap((ref) => (ref === '' ? [] : [`+${ref}:${ref}`])),
    ]);
    await untilListed(1, [two], path);

    one.app = await one.startApp();
    await untilListed(0, [one, two, three], path);
    await until(async () => (await findForgottenUntil('one'))?.getTime() === before?.getTime());
    await untilListed(1, [one, two, three], other);
    const next = `${dir}/next.jpg`;
    await save(next);
    await untilListed(1, [one, two, three], next);
  });
});
