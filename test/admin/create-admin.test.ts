import { buildSync, stop, type Metafile } from 'esbuild';
import { expect, test } from 'vitest';

/** What is loaded with a file, and what it may load later. */
function listLoaded({ outputs }: Metafile, entry: string): { now: string[]; later: string[] } {
  const now: string[] = [],
    later: string[] = [];
  const visit = (file: string): void => {
    for (const { path, kind } of outputs[file]?.imports ?? []) {
      const list = kind === 'dynamic-import' ? later : now;
      if (list.includes(path)) continue;
      list.push(path);
      if (kind !== 'dynamic-import') visit(path);
    }
  };
  visit(entry);
  return { now, later };
}

test('an application that mounts no router does not load Express', () => {
  const { metafile } = buildSync({
    entryPoints: ['src/index.ts'],
    outdir: 'bundle',
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
  void stop();
  const { now, later } = listLoaded(metafile, 'bundle/index.js');
  expect(now).toContain('mongoose');
  expect(now).not.toContain('express');
  expect(later.flatMap((file) => listLoaded(metafile, file).now)).toContain('express');
});
