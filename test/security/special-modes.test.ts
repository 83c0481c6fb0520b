import { chmod, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gateProgram } from '../../src/access/gate-program.js';
import { gateIsMissing } from '../gate/confined.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { makeTestDir } from '../harness/tmp.js';
import { run, startAttacker, type Attacker } from './attacker.js';
import { findSpecial } from './find-special.js';

/** Setuid, setgid and sticky, alone and together. */
const special = [
  0o4755, 0o2755, 0o1755, 0o6755, 0o7777, 0o4000, 0o2000, 0o1000, 0o4711, 0o2711, 0o3775, 0o5644,
];
const octal = (mode: number): string => mode.toString(8);

const hostile = countHostileInputs();

describe.skipIf(gateIsMissing !== undefined)('a confined key', () => {
  let attacker: Attacker;
  beforeAll(async () => {
    attacker = await startAttacker();
  });
  afterAll(() => attacker.close());
  const at = (name: string): string => join(attacker.there, name);
  /** Counts inputs, and removes their files, so that they are not found again. */
  async function check(...inputs: unknown[]): Promise<void> {
    const found = await findSpecial(attacker.there);
    hostile.triedAll(inputs, found);
    for (const { path } of found) await rm(path, { recursive: true, force: true });
    expect(found).toEqual([]);
  }
  const open = (path: string, flags: 'w' | 'r+'): Promise<Buffer | undefined> =>
    new Promise((resolve) => {
      attacker.sftp.open(path, flags, (_error, handle) => {
        resolve(handle);
      });
    });

  test.each(special.map(octal))('makes no file with mode %s by SFTP', async (text) => {
    const { sftp, ask } = attacker,
      mode = parseInt(text, 8);
    for (const flags of ['w', 'wx', 'a', 'a+', 'w+'] as const) {
      await ask((done) => {
        sftp.open(at(`opened-${flags}`), flags, { mode }, (error) => {
          done(error ?? null);
        });
      });
      await check(['open', flags, text]);
      await rm(at(`opened-${flags}`), { force: true });
    }
  });

  test.each(special.map(octal))('gives no file the mode %s by SFTP', async (text) => {
    const { sftp, ask } = attacker,
      mode = parseInt(text, 8);
    const handle = await open(at('plain'), 'w');
    if (!handle) return expect.fail('a plain file can be made');
    await ask((done) => {
      sftp.fsetstat(handle, { mode }, done);
    });
    await check(['fsetstat', text]);
    await ask((done) => {
      sftp.fsetstat(handle, { mode, atime: 1, mtime: 1, size: 0 }, done);
    });
    await check(['fsetstat with dates', text]);
    await ask((done) => {
      sftp.close(handle, done);
    });
    await ask((done) => {
      sftp.setstat(at('plain'), { mode }, done);
    });
    await check(['setstat', text]);
  });

  test.each(special.map(octal))(
    'makes no directory with mode %s by SFTP, and gives none that mode',
    async (text) => {
      const { sftp, ask } = attacker,
        mode = parseInt(text, 8);
      await ask((done) => {
        sftp.mkdir(at(`made-${text}`), { mode }, done);
      });
      await check(['mkdir', text]);
      await ask((done) => {
        sftp.mkdir(at('directory'), { mode: 0o755 }, done);
      });
      await ask((done) => {
        sftp.setstat(at('directory'), { mode }, done);
      });
      await check(['setstat of a directory', text]);
      const handle = await new Promise<Buffer | undefined>((resolve) => {
        sftp.opendir(at('directory'), (_error, opened) => {
          resolve(opened);
        });
      });
      if (!handle) return;
      await ask((done) => {
        sftp.fsetstat(handle, { mode }, done);
      });
      await check(['fsetstat of a directory', text]);
      await ask((done) => {
        sftp.close(handle, done);
      });
    },
  );

  test('sends no file with such a mode by rsync, with any options that the gate lets through', async () => {
    const { own, rsync, there } = attacker,
      from = join(own, 'from');
    for (const mode of special) {
      await mkdir(join(from, `directory-${octal(mode)}`), { recursive: true });
      for (const name of [`file-${octal(mode)}`, `directory-${octal(mode)}/file`])
        await writeFile(join(from, name), 'file');
      for (const name of [`file-${octal(mode)}`, `directory-${octal(mode)}/file`])
        await chmod(join(from, name), mode);
      await chmod(join(from, `directory-${octal(mode)}`), mode | 0o700);
    }
    for (const options of [
      ['-prt'],
      ['-pr'],
      ['-pr', '--chmod=ugo+s,o+t'],
      ['-prtb', '--backup-dir=.syncmedia/replaced/x'],
      ['-prt', '--temp-dir=.syncmedia/tmp'],
      ['-prt', '--partial-dir=.syncmedia/partial'],
      ['-s', '-prt'],
      ['-prtI'],
      ['-prt', '--ignore-existing'],
    ]) {
      await rsync(...options, `${from}/`, 'THERE/');
      await check(
        ...special.flatMap((mode) => [
          [...options, 'file', mode],
          [...options, 'directory', mode],
        ]),
      );
      for (const name of await readdir(there))
        if (/^(file|directory)-/.test(name)) await rm(join(there, name), { recursive: true });
    }
    for (const options of [
      ['-prt', '--inplace'],
      ['-rtA'],
      ['-rtX'],
      ['-a'],
      ['-rtD'],
      ['-rt', '--super'],
      ['-rtE'],
      ['-rt', '--fake-super'],
    ]) {
      await rsync(...options, `${from}/`, 'THERE/');
      await check(options);
    }
  }, 120_000);

  test('sends plain files and directories by the same ways', async () => {
    const { own, rsync, there, ask, sftp } = attacker;
    await writeFile(join(own, 'plain.jpg'), 'plain');
    expect(await rsync('-pt', '--chmod=F640', join(own, 'plain.jpg'), 'THERE/')).toMatchObject({
      code: 0,
    });
    expect((await lstat(join(there, 'plain.jpg'))).mode & 0o7777).toBe(0o640);
    expect(
      await ask((done) => {
        sftp.mkdir(at('plain-directory'), { mode: 0o750 }, done);
      }),
    ).toBe('ok');
    expect((await lstat(join(there, 'plain-directory'))).mode & 0o7777).toBe(0o750);
  });

  test('keeps no setuid bit of a file of this host when it writes into it', async () => {
    const { ask, sftp, there } = attacker;
    await writeFile(join(there, 'tool'), 'content of this host');
    await chmod(join(there, 'tool'), 0o4755);
    const handle = await open(at('tool'), 'r+');
    if (!handle) return expect.fail('a file of the sync dir can be written to');
    await ask((done) => {
      sftp.write(handle, Buffer.from('planted'), 0, 7, 0, done);
    });
    await ask((done) => {
      sftp.close(handle, done);
    });
    await check('write into a setuid file');
  });
});

/**
 * Does as the gate does, without becoming another program, and makes system calls that rsync and
 * sftp-server could be brought to make.
 */
const attempts = `
import platform
folder = sys.argv[2]
plain, directory = os.path.join(folder, 'plain'), os.path.join(folder, 'directory')
os.close(os.open(plain, os.O_CREAT | os.O_WRONLY, 0o644))
os.mkdir(directory)
opened, at = os.open(plain, os.O_RDWR), os.open(folder, os.O_RDONLY)
confine([(folder, CHANGE)])
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
numbers = {**ARCHITECTURES[os.uname().machine][1], **COMMON}
keep = []
def call(name, *arguments):
    number = name if isinstance(name, int) else numbers.get(name)
    if number is None:
        return 'none here'
    made = [ctypes.c_char_p(os.fsencode(one)) if isinstance(one, str) else one if isinstance(one, ctypes.Array) else ctypes.c_long(one) for one in arguments]
    result = libc.syscall(ctypes.c_long(number), *made)
    return 'done' if result >= 0 else errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))
tried = {}
def attempt(*what):
    tried[' '.join(one if isinstance(one, str) else oct(one) if isinstance(one, int) else 'struct' for one in what)] = call(*what)
for mode in (0o4755, 0o2755, 0o1755, 0o6711, 0o104755, 0o4000 | 1 << 16):
    for name in ('chmod',): attempt(name, plain, mode)
    attempt('fchmod', opened, mode)
    attempt('fchmodat', at, 'plain', mode)
    attempt('fchmodat2', at, 'plain', mode, 0)
    attempt('mkdir', os.path.join(folder, 'made-%o' % mode), mode)
    attempt('mkdirat', at, 'made-at-%o' % mode, mode)
    attempt('creat', os.path.join(folder, 'created-%o' % mode), mode)
    attempt('open', os.path.join(folder, 'open-%o' % mode), os.O_CREAT | os.O_WRONLY, mode)
    attempt('openat', at, 'openat-%o' % mode, os.O_CREAT | os.O_WRONLY, mode)
    attempt('openat', at, '.', os.O_TMPFILE | os.O_WRONLY, mode)
    attempt('mknod', os.path.join(folder, 'node-%o' % mode), mode, 0)
    attempt('mknodat', at, 'node-at-%o' % mode, mode, 0)
    attempt('openat2', at, 'openat2-%o' % mode, ctypes.create_string_buffer(struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, mode & 0o7777, 0)), 24)
for name in ('setxattr', 'lsetxattr'): attempt(name, plain, 'security.capability', ctypes.create_string_buffer(struct.pack('<IIIII', 0x02000001, 1 << 7, 0, 0, 0), 20), 20, 0)
attempt('fsetxattr', opened, 'user.x', 'y', 1, 0)
for kind in (0o010000, 0o020000, 0o060000, 0o140000, 0o100000): attempt('mknodat', at, 'kind-%o' % kind, kind | 0o644, 0)
attempt('removexattr', plain, 'user.x')
attempt('chown', plain, 1, 1)
attempt('fchownat', at, 'plain', 1, 1, 0)
attempt('fchown', opened, 1, 1)
attempt('ioctl', opened, 0x40086602, ctypes.create_string_buffer(8))
attempt('io_uring_setup', 8, ctypes.create_string_buffer(120))
attempt('io_uring_enter', 0, 0, 0, 0, 0, 0)
attempt('io_uring_register', 0, 0, 0, 0)
attempt('open_by_handle_at', at, ctypes.create_string_buffer(64), 0)
if os.uname().machine == 'x86_64':
    attempt(0x40000000 | 90, plain, 0o4755)
    attempt(0x40000000 | 83, os.path.join(folder, 'x32'), 0o1755)
legal = {'chmod': call('fchmodat', at, 'plain', 0o640), 'make': call('mkdirat', at, 'legal', 0o755), 'open': call('openat', at, 'legal-file', os.O_CREAT | os.O_WRONLY, 0o600),
    'reads with any mode': call('openat', at, 'plain', os.O_RDONLY, 0o7777)}
print(json.dumps({'tried': tried, 'legal': legal}))
`;

describe.skipIf(gateIsMissing !== undefined)('the rules that the gate gives to seccomp', () => {
  test('no system call sets such a mode, owner or attribute, or goes around the filter', async () => {
    const work = await makeTestDir();
    try {
      const folder = join(work.path, 'sync');
      await mkdir(folder);
      const definitions = gateProgram.slice(0, gateProgram.lastIndexOf('\ntry:\n    main('));
      await writeFile(join(work.path, 'attempts.py'), definitions + attempts);
      const { stdout, stderr } = await run('/usr/bin/python3', [
        '-IS',
        join(work.path, 'attempts.py'),
        '--',
        folder,
      ]);
      expect(stderr).toBe('');
      const { tried, legal } = JSON.parse(stdout) as {
        tried: Record<string, string>;
        legal: Record<string, string>;
      };
      for (const [what, answer] of Object.entries(tried))
        if (answer !== 'none here') hostile.tried(what, answer === 'done');
      expect(
        Object.entries(tried).filter(
          ([, answer]) => !['EPERM', 'ENOSYS', 'ENOTTY', 'none here'].includes(answer),
        ),
      ).toEqual([]);
      expect(
        Object.entries(tried).filter(
          ([what, answer]) =>
            answer !== 'none here' &&
            (what.includes('openat2') || what.startsWith('io_uring')) &&
            answer !== 'ENOSYS',
        ),
      ).toEqual([]);
      expect(legal).toEqual({
        chmod: 'done',
        make: 'done',
        open: 'done',
        'reads with any mode': 'done',
      });
      expect(await findSpecial(folder)).toEqual([]);
    } finally {
      await work.remove();
    }
  });

  test('the numbers of the system calls are known for the machines that are supported, and others are refused by name', async () => {
    const work = await makeTestDir();
    try {
      const definitions = gateProgram.slice(0, gateProgram.lastIndexOf('\ntry:\n    main('));
      await writeFile(
        join(work.path, 'machines.py'),
        `${definitions}
answers = {}
for machine in ('x86_64', 'aarch64', 'riscv64', 'loongarch64', 'i686', 'armv7l', 'sparc64', ''):
    try:
        answers[machine] = len(compile_filter(machine)) % 8 == 0
    except Refused as error:
        answers[machine] = str(error)
print(json.dumps(answers))
`,
      );
      const { stdout } = await run('/usr/bin/python3', ['-IS', join(work.path, 'machines.py')]);
      const refused = expect.stringContaining(
        'are not known here; known are x86_64, aarch64',
      ) as string;
      expect(JSON.parse(stdout)).toEqual({
        x86_64: true,
        aarch64: true,
        riscv64: true,
        loongarch64: true,
        i686: refused,
        armv7l: refused,
        sparc64: refused,
        '': refused,
      });
    } finally {
      await work.remove();
    }
  });
});
