import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeTestDir } from './tmp.js';

const run = promisify(execFile);
const checkout = fileURLToPath(new URL('../../', import.meta.url));

export interface TestUser {
  name: string;
  uid: number;
  gid: number;
  home: string;
  /** The command line that runs `program` as this user: hand it to spawn. */
  command(program: string, args: readonly string[]): [program: string, args: string[]];
  /** Gives a tree of files to this user. */
  own(path: string): Promise<void>;
  remove(): Promise<void>;
}

/**
 * A user who is not root, and a home. Run as an ordinary user that is who runs this; run as root it
 * is one whom only the processes started through `command` know: their view of /etc/passwd has one
 * more line, the machine's stays as it is.
 *
 * Root's checkout may lie where no other user may read. So that a test which needs that fails on
 * every machine, these processes see an empty directory in its place that is closed to them: what
 * the user is to read out of it has to be copied.
 */
export async function makeOrdinaryUser(): Promise<TestUser> {
  const dir = await makeTestDir();
  const home = join(dir.path, 'home');
  await mkdir(home);
  const { uid, gid, username } = userInfo();
  if (uid !== 0) {
    const command: TestUser['command'] = (program, args) => [program, [...args]];
    return {
      name: username,
      uid,
      gid,
      home,
      command,
      own: () => Promise.resolve(),
      remove: dir.remove,
    };
  }
  const user = { name: 'ordinary', uid: 54321, gid: 54321 };
  const passwd = join(dir.path, 'passwd');
  await writeFile(
    passwd,
    `${await readFile('/etc/passwd', 'utf8')}ordinary:x:54321:54321::${home}:/bin/sh\n`,
  );
  const own = async (path: string): Promise<void> => {
    await run('chown', ['-R', `${String(user.uid)}:${String(user.gid)}`, '--', path]);
  };
  await own(dir.path);
  const become = [
    'mount --bind -- "$0" /etc/passwd',
    'mount -t tmpfs -o mode=0700 none "$1"',
    'shift',
    'exec setpriv --reuid=54321 --regid=54321 --clear-groups -- "$@"',
  ].join(' && ');
  return {
    ...user,
    home,
    own,
    remove: dir.remove,
    command: (program, args) => [
      'unshare',
      ['--mount', '--', 'sh', '-c', become, passwd, checkout, program, ...args],
    ],
  };
}

/** Why there is no ordinary user to be had here, for the names of skipped tests. */
export async function ordinaryUserIsMissing(): Promise<string | undefined> {
  const user = await makeOrdinaryUser();
  try {
    await run(...user.command('true', []), { timeout: 10_000 });
    return undefined;
  } catch (error) {
    return `root here may not give processes a /etc/passwd of their own: ${String(error)}`;
  } finally {
    await user.remove();
  }
}
