import { execFile } from 'node:child_process';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { gateProgram } from '../../src/access/gate-program.js';
import { makeTestDir } from '../harness/tmp.js';
import { gateIsMissing } from './confined.js';

const run = promisify(execFile);

/**
 * Does as the gate does, without becoming another program, and tries what that program could be
 * brought to do.
 */
const attempts = `
import errno, json, socket, stat, subprocess
folder, outside, port = sys.argv[2:]
abi = confine([(folder, CHANGE)])
def attempt(action):
    try:
        action()
        return 'done'
    except OSError as error:
        return errno.errorcode[error.errno]
inside = os.path.join(folder, 'inside')
secret = os.path.join(outside, 'secret')
def listen(family, name):
    with socket.socket(family) as it: it.bind(name)
def reach():
    with socket.socket() as it: it.connect(('127.0.0.1', int(port)))
print(json.dumps({'abi': abi, 'answers': {
    'write': attempt(lambda: open(inside, 'w').close()), 'read': attempt(lambda: open(inside).close()), 'list': attempt(lambda: os.listdir(folder)),
    'truncate': attempt(lambda: os.truncate(inside, 0)), 'directory': attempt(lambda: os.mkdir(os.path.join(folder, 'deeper'))),
    'rename': attempt(lambda: os.rename(inside, os.path.join(folder, 'deeper/inside'))), 'link': attempt(lambda: os.link(os.path.join(folder, 'deeper/inside'), inside)),
    'remove': attempt(lambda: os.unlink(inside)), 'removeDirectory': attempt(lambda: os.rmdir(os.path.join(folder, 'empty'))),
    'symlink': attempt(lambda: os.symlink('/etc', inside)), 'fifo': attempt(lambda: os.mkfifo(inside)),
    'device': attempt(lambda: os.mknod(inside, stat.S_IFCHR | 0o600, os.makedev(1, 3))), 'socket': attempt(lambda: listen(socket.AF_UNIX, inside)),
    'readOutside': attempt(lambda: open(secret).close()), 'readThrough': attempt(lambda: open(os.path.join(folder, 'way/secret')).close()),
    'writeThrough': attempt(lambda: open(os.path.join(folder, 'way/new'), 'w').close()), 'appendOutside': attempt(lambda: open(secret, 'a').close()),
    'truncateOutside': attempt(lambda: os.truncate(secret, 0)), 'listOutside': attempt(lambda: os.listdir(outside)), 'removeOutside': attempt(lambda: os.unlink(secret)),
    'linkIn': attempt(lambda: os.link(secret, inside)), 'renameIn': attempt(lambda: os.rename(secret, inside)),
    'renameOut': attempt(lambda: os.rename(os.path.join(folder, 'deeper/inside'), os.path.join(outside, 'new'))),
    'execute': attempt(lambda: os.execv('/bin/true', ['true'])), 'executeInside': attempt(lambda: os.execv(os.path.join(folder, 'deeper/inside'), ['x'])),
    'signal': attempt(lambda: os.kill(os.getppid(), 0)), 'connect': attempt(reach), 'listen': attempt(lambda: listen(socket.AF_INET, ('127.0.0.1', 0))),
    'abstract': attempt(lambda: socket.socket(socket.AF_UNIX).connect(chr(0) + 'syncmedia-test')),
}}))
`;

describe.skipIf(gateIsMissing !== undefined)('the rules that the gate gives to Landlock', () => {
  test('opens the sync dir and nothing else, to any program', async () => {
    const work = await makeTestDir();
    const [folder, outside] = [join(work.path, 'sync'), join(work.path, 'outside')];
    const server = createServer((socket) => {
      socket.destroy();
    });
    const abstract = createServer((socket) => {
      socket.destroy();
    });
    try {
      await mkdir(join(folder, 'empty'), { recursive: true });
      await mkdir(outside);
      await writeFile(join(outside, 'secret'), 'secret');
      await symlink(outside, join(folder, 'way'));
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      await new Promise<void>((resolve) => {
        abstract.listen('\0syncmedia-test', resolve);
      });
      const { port } = server.address() as { port: number };
      const definitions = gateProgram.slice(0, gateProgram.lastIndexOf('\ntry:\n    main('));
      await writeFile(join(work.path, 'attempts.py'), definitions + attempts);
      const { stdout } = await run(
        '/usr/bin/python3',
        ['-IS', join(work.path, 'attempts.py'), '--', folder, outside, String(port)],
        { timeout: 15_000 },
      );
      const { abi, answers } = JSON.parse(stdout) as {
        abi: number;
        answers: Record<string, string>;
      };
      const done = Object.entries(answers)
        .filter(([, answer]) => answer === 'done')
        .map(([what]) => what);
      const allowed = [
        'write',
        'read',
        'list',
        'truncate',
        'directory',
        'rename',
        'link',
        'remove',
        'removeDirectory',
      ];
      // What a kernel cannot forbid yet: truncating by path before 6.2, TCP before 6.7, signals and
      // abstract sockets before 6.12.
      if (abi < 3) allowed.push('truncateOutside');
      if (abi < 4) allowed.push('connect', 'listen');
      if (abi < 6) allowed.push('signal', 'abstract');
      expect(done.sort()).toEqual(allowed.sort());
      expect(await readdir(outside)).toEqual(['secret']);
    } finally {
      for (const one of [server, abstract])
        await new Promise((resolve) => {
          one.close(resolve);
        });
      await work.remove();
    }
  });
});
