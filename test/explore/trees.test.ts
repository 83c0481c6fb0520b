import fc from 'fast-check';
import { lstat, rmdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { HostId } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { photo, photos } from '../ledger/site.js';
import { TreeSite } from './tree-site.js';

/** `x` is a file, or a directory with files, as the app likes. */
const paths = ['x', 'x/a', 'x/b', 'y/c', 'z'].map(photo);
const host = fc.constantFrom<HostId>('A', 'B'),
  path = fc.constantFrom(...paths);
type Step = { readonly says: string; take(site: TreeSite): Promise<void> };
const onPath = (what: 'write' | 'unlink' | 'delete') =>
  fc.tuple(host, path).map(([at, its]): Step => ({
    says: `${what} ${its} on ${at}`,
    take: (site) => site[what](at, its),
  }));
const steps: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: onPath('write'), weight: 5 },
  onPath('unlink'),
  onPath('delete'),
  {
    arbitrary: host.map((at): Step => ({ says: `scan ${at}`, take: (site) => site.scan(at) })),
    weight: 4,
  },
  {
    arbitrary: host.map((at): Step => ({
      says: `deliver from ${at}`,
      take: (site) => site.deliver(at, at === 'A' ? 'B' : 'A'),
    })),
    weight: 4,
  },
  host.map((at): Step => ({ says: `unmount or mount ${at}`, take: (site) => site.toggle(at) })),
  fc.tuple(host, path).map(([at, its]): Step => ({
    says: `deliver from ${at}, while the app writes ${its} there`,
    take: (site) =>
      site.deliver(at, at === 'A' ? 'B' : 'A', () => site.write(at === 'A' ? 'B' : 'A', its)),
  })),
  host.map((at): Step => ({
    says: `deliver from ${at}, while the other sync dir is unmounted`,
    take: (site) =>
      site.deliver(at, at === 'A' ? 'B' : 'A', async () => {
        if (!site.isAway(at === 'A' ? 'B' : 'A')) await site.toggle(at === 'A' ? 'B' : 'A');
      }),
  })),
);
const told = steps.map((step) => Object.assign(step, { [fc.toStringMethod]: () => step.says }));

test('files become directories and back, sync dirs vanish between two steps: nothing is lost, and all comes to rest', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(told, { minLength: 3, maxLength: 14 }), async (some) => {
      const site = await TreeSite.open();
      try {
        for (const step of some) {
          await step.take(site);
          for (const at of ['A', 'B']) {
            // An unmounted sync dir must not be made anew.
            if (site.isAway(at))
              expect(await lstat(site.at(at, photos.path)).catch(() => undefined)).toBeUndefined();
          }
        }
        await site.comeToRest();
        expect(await site.findBroken()).toEqual([]);
      } finally {
        await site.close();
      }
    }),
    { numRuns: Number(process.env.TREE_RUNS ?? 25) },
  );
}, 120_000);

test('a directory is pruned while a file is placed in it', async () => {
  const site = await TreeSite.open();
  const [first, second] = [photo('y/a'), photo('y/b')] as [Path, Path];
  try {
    await site.write('A', first);
    await site.scan('A');
    await site.deliver('A', 'B');
    await site.unlink('B', first);
    await site.write('A', second);
    await site.scan('A');
    await site.deliver('A', 'B', () => rmdir(site.at('B', photo('y'))));
    const entry = (await site.entries()).find(({ path: its }) => its === second);
    expect(entry).toMatchObject({
      heldBy: expect.arrayContaining(['A', 'B']) as unknown,
      blocked: [],
    });
  } finally {
    await site.close();
  }
});
