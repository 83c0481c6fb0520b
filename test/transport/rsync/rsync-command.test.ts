import { expect, test } from 'vitest';
import { RsyncCommand } from '../../../src/transport/rsync/rsync-command.js';

test('every argument arrives as given, for a spawn without a shell', () => {
  const hostile = `a b'"\`$(x);&|<>\n\\*?[x]é`;
  const command = new RsyncCommand()
    .set('times')
    .set('n')
    .set('chmod', hostile)
    .set('itemize-changes', [null, null])
    .exclude(`/${hostile}`)
    .source(`/${hostile}`)
    .destination(`h:/${hostile}`);
  expect(command.executable()).toBe('rsync');
  expect(command.args()).toEqual([
    '--times',
    '-n',
    `--chmod=${hostile}`,
    '--itemize-changes',
    '--itemize-changes',
    `--exclude=/${hostile}`,
    '--',
    `/${hostile}`,
    `h:/${hostile}`,
  ]);
});
