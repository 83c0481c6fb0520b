import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readEnvFile } from '../../src/cli/read-env-file.js';
import { makeTestDir } from '../harness/tmp.js';

test('an env file may have a byte order mark, CRLF line ends, comments, quotes and export', async () => {
  const dir = await makeTestDir();
  try {
    const file = join(dir.path, 'syncmedia.env');
    await writeFile(
      file,
      '\ufeffSYNCMEDIA_TIMEOUT=5\r\n# a comment\r\nexport SYNCMEDIA_ROOT="/srv/a b" # another\r\n',
    );
    expect(readEnvFile(file, { SYNCMEDIA_CHMOD: 'F640' })).toEqual({
      SYNCMEDIA_TIMEOUT: '5',
      SYNCMEDIA_ROOT: '/srv/a b',
      SYNCMEDIA_CHMOD: 'F640',
    });
  } finally {
    await dir.remove();
  }
});
