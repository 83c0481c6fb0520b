import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestDir } from '../harness/tmp.js';
import { execute, explainUnreachableRegistry } from './packed.js';

test('an installation that reaches no registry is told from one that fails for another reason', async () => {
  const dir = await makeTestDir();
  try {
    const install = async (dependencies: Record<string, string>): Promise<unknown> => {
      await writeFile(join(dir.path, 'package.json'), JSON.stringify({ dependencies }));
      return execute(dir.path, 'npm', ['install', '--ignore-scripts'], {
        npm_config_registry: 'http://127.0.0.1:9/',
        npm_config_fetch_retries: '0',
        npm_config_cache: join(dir.path, 'cache'),
      }).then(
        () => 'installed',
        (error: unknown) => error,
      );
    };
    expect(explainUnreachableRegistry(await install({ express: '5.3.0' }))).toBe(
      'the registry of packages cannot be reached: ECONNREFUSED',
    );
    const missing = await install({ express: 'file:missing.tgz' });
    expect(String(missing)).toContain('ENOENT');
    expect(explainUnreachableRegistry(missing)).toBeUndefined();
    expect(explainUnreachableRegistry(undefined)).toBeUndefined();
  } finally {
    await dir.remove();
  }
});
