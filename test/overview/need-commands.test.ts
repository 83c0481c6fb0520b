import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Need } from '../../src/api/overview.js';
import { openOverviewSite, type OverviewSite } from './site.js';

let site: OverviewSite;
beforeAll(async () => {
  site = await openOverviewSite();
  const overdue = new Date(Date.now() - 300_000);
  for (const id of ['A', 'B']) {
    await site.addHost(id, {
      conflicts: 2,
      setup: [{ about: 'x', message: 'uploads/x is not mounted', remedy: 'mount it' }],
      history: {
        failure: { code: 'DISK_FULL', message: 'no space', retryable: true, scope: 'host' },
        failingSince: overdue,
      },
    });
    await site.captures.insertOne({
      _id: `capture ${id}`,
      host: id,
      dueAt: overdue,
      touched: [],
      unreferenced: [],
      rescan: [],
    });
  }
});
afterAll(() => site.close());

test('the command of a need shows it from this host, whichever host has it', async () => {
  const { needs } = await (await site.open('A')).overview();
  const commandOf = (kind: Need['kind'], host: string): string | undefined =>
    needs.find((need) => need.kind === kind && need.host === host)?.command;
  expect(
    (['conflicts', 'setup', 'captures', 'history'] as const).map((kind) => [
      kind,
      commandOf(kind, 'name-A'),
      commandOf(kind, 'name-B'),
    ]),
  ).toEqual([
    ['conflicts', 'syncmedia conflicts', 'syncmedia conflicts --host name-B'],
    ['setup', 'syncmedia doctor', 'syncmedia doctor --host name-B'],
    ['captures', 'syncmedia doctor', 'syncmedia doctor --host name-B'],
    ['history', 'syncmedia doctor', 'syncmedia status --details'],
  ]);
});
