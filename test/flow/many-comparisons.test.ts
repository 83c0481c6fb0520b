import { expect, test, vi } from 'vitest';
import { dir, openSite, type Machine } from './site.js';

vi.setConfig({ testTimeout: 120_000 });

const keptAs = '.syncmedia/conflicts/0m2abcdef-0000000000000001/cat.jpg';

test('a page full of conflicts of another host is compared, however few logins its sshd allows', async () => {
  // The seventh that has not logged in yet is refused.
  const site = await openSite({ hosts: ['one', 'two'], ssh: { maxStartups: '6:100:6' } });
  try {
    const [one, two] = site.machines as [Machine, Machine];
    await two.write(`${dir}/${keptAs}`, 'kept');
    const compared = await Promise.allSettled(
      Array.from({ length: 12 }, () => one.app.sync.conflicts.compare(dir, keptAs, 'two')),
    );
    expect(compared.map(({ status }) => status)).toEqual(Array(12).fill('fulfilled'));
  } finally {
    await site.close();
  }
});
