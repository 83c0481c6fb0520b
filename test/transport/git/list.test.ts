import { expect, test } from 'vitest';
import { readCommits } from '../../../src/transport/git/list.js';
import { Repository } from '../../../src/transport/git/repository.js';
import { makeTestDir } from '../../harness/tmp.js';
import { never } from '../site.js';

test('many large commits of another host are read in parts, and larger ones than ours are left out', async () => {
  const dir = await makeTestDir();
  try {
    const repository = new Repository(`${dir.path}/git`, 'host-a', 30_000);
    await repository.open(never);
    const write = async (message: string): Promise<string> => {
      const person = 'somebody <somebody@localhost> 1 +0000';
      const empty = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
      await repository.run(['hash-object', '-t', 'tree', '-w', '--stdin'], {
        signal: never,
        doing: 'writing an empty tree',
      });
      const { output } = await repository.run(['hash-object', '-t', 'commit', '-w', '--stdin'], {
        signal: never,
        doing: 'writing a commit',
        input: `tree ${empty}\nauthor ${person}\ncommitter ${person}\n\n${message}`,
      });
      return output.toString().trim();
    };
    const [large, huge, small] = [
      await write('x'.repeat(1_000_000)),
      await write('x'.repeat(2_000_000)),
      await write('small'),
    ] as const;
    // Together they are larger than what one command may print.
    const commits = [...Array.from({ length: 300 }, () => large), huge, small];
    const read = [];
    for await (const { commit, message } of readCommits(repository, commits, never))
      read.push([commit, message.length]);
    expect(read).toEqual([
      ...Array.from({ length: 300 }, () => [large, 1_000_000]),
      [small, 'small'.length],
    ]);
  } finally {
    await dir.remove();
  }
});
