import { recordVersions } from '../../../src/transport/git/record.js';
import { maintainRepository } from '../../../src/transport/git/maintain.js';
import { Repository } from '../../../src/transport/git/repository.js';
import { createHash } from 'node:crypto';
import { requireSafePath } from '../../../src/replica/paths.js';

/*
 * Records versions until it is killed: node recording-process GITDIR FIRST. After each record it
 * prints the number of the version that is certainly recorded.
 */
const [gitDir = '', first = '0'] = process.argv.slice(2);
const never = new AbortController().signal;
const repository = new Repository(gitDir, 'host-a', 30_000);
await repository.open(never);
process.stdout.write('open\n');
for (let number = Number(first); ; number++) {
  const bytes = Buffer.from(`content ${String(number)}`.repeat(2_000));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await recordVersions(
    {
      repository,
      replica: undefined as never,
      limits: { days: 30, maxBytes: 1e9, maxFileBytes: 1e6, author: 'x' },
      hostname: 'one',
    },
    [
      {
        path: requireSafePath('uploads/photos/a.jpg'),
        version: `v${String(number)}`,
        at: new Date(),
        info: { size: bytes.length, mtime: 1, sha256 },
        bytes,
      },
    ],
    never,
  );
  process.stdout.write(`${String(number)}\n`);
  if (number % 5 === 4) await maintainRepository(repository, { days: 30, maxBytes: 1e9 }, never);
}
