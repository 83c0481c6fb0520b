import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirs } from '../../scripts/cache.mjs';
import { takePackageFiles } from '../../scripts/package-files.mjs';
import { isProgram } from '../../scripts/programs.mjs';
import { recogniseSystem } from '../../scripts/requirements.mjs';

const run = promisify(execFile);

/**
 * Finds a program of a Debian package. As root on Debian it takes the files of the package into our
 * cache, without installing its service. @throws how to get it elsewhere
 */
export async function findOrTake(name: string, say: (line: string) => void): Promise<string> {
  const found = await find(name);
  if (found !== undefined) return found;
  const system = recogniseSystem(process.platform, readOsRelease());
  if (system.kind !== 'apt' || process.getuid?.() !== 0)
    throw new Error(`${name} is missing: install it to compare with it`);
  say(`taking the files of the package ${name}`);
  await apt(['update']);
  await takePackageFiles(name, (libraries) => apt(['install', ...libraries]));
  const taken = await find(name);
  if (taken === undefined) throw new Error(`the package ${name} brought no program`);
  return taken;
}

async function find(name: string): Promise<string | undefined> {
  const places = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...cacheDirs(process.env).map((cache) => join(cache, name, 'usr/bin')),
  ];
  for (const place of places)
    if (place.startsWith('/') && (await isProgram(join(place, name)))) return join(place, name);
  return undefined;
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

async function apt(args: readonly string[]): Promise<void> {
  await run('apt-get', ['-qq', '-y', '--no-install-recommends', ...args], {
    timeout: 300_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
