import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { execute, pack } from './packed.js';

it('packs the needed files and no others', async () => {
  const tarball = await pack();
  const files = (await execute(dirname(tarball), 'tar', ['-tzf', tarball])).split('\n');
  for (const name of [
    'dist/index.js',
    'dist/index.mjs',
    'dist/index.d.cts',
    'dist/index.d.mts',
    'dist/cli/main.js',
    'dist/testing/index.mjs',
    'container/entrypoint.sh',
    'gate/syncmedia-gate.py',
    'docs/reference.md',
    'LICENSE',
  ]) {
    expect(files).toContain(`package/${name}`);
  }
  expect(
    files.filter(
      (name) =>
        !/^package\/(dist\/|gate\/[a-z-]+\.py$|container\/entrypoint\.sh$|docs\/reference\.md$|package\.json$|[A-Z]+(\.md)?$|$)|^$/.test(
          name,
        ),
    ),
  ).toEqual([]);
}, 300_000);
