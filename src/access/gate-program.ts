/** Generated from gate/syncmedia-gate.py by scripts/embed-gate.mjs: change it there. */
export const gateProgram = `#!/usr/bin/python3 -IS
"""Confines the key of another host: it may move files of the sync dirs, and nothing else.

authorized_keys runs this program as the forced command of every key: \`syncmedia-gate.py HOSTID\`.
It allows the SFTP server, \`rsync --server\` for one directory, and two queries (\`true\`,
\`rsync --version\`). Before it becomes the requested program, it confines its own process. Landlock
(Linux 5.19 or newer) allows only the sync dirs. seccomp prevents setuid, setgid and sticky bits on
new files. This needs no root.

The file rules.json beside this program contains the rules, and only this host writes it:
{"root": "/srv/app", "dirs": ["uploads"], "hosts": ["HOSTID"]}.

\`syncmedia-gate.py --check\` tests whether this machine supports all of that. Exit 77: refused.
"""
import ctypes
import errno
import json
import os
import re
import signal
import struct
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
RSYNC = ('/usr/local/bin/rsync', '/usr/bin/rsync', '/bin/rsync')
SFTP_SERVER = (
    '/usr/lib/openssh/sftp-server', '/usr/libexec/openssh/sftp-server', '/usr/lib/ssh/sftp-server', '/usr/libexec/ssh/sftp-server',
    '/usr/libexec/sftp-server',
)
# No setstat by path, because a path may lead anywhere through symlinks. No symlink, and no
# readlink, since other hosts cannot follow its target.
SFTP_REQUESTS = (
    'open,close,read,write,lstat,stat,fstat,fsetstat,opendir,readdir,remove,mkdir,rmdir,realpath,rename,posix-rename,hardlink,fsync,'
    'statvfs,fstatvfs,limits'
)
# The server options that rsync 3.0 to 3.5 derives from our commands
# (src/transport/rsync/commands.ts).
RSYNC_LETTERS = re.compile(r'-(?!$)[bcInprRt]*(?:e[0-9.]*[A-Za-z]*)?')
RSYNC_OPTIONS = re.compile(
    r'--(?:sender|fsync|no-implied-dirs|ignore-existing|from0|files-from=-|timeout=\\d+|bwlimit=[\\d.]+|log-format=[%iIoX]+)')
RSYNC_FOLDERS = ('--backup-dir', '--temp-dir', '--partial-dir')
# Limits of the arguments, in bytes and seconds. They fit two of the longest paths, escaped, and
# some options.
MOST_ARGUMENTS = 32 * 1024
ARGUMENTS_TAKE = 60
# Limit of one host's concurrent connections, including dead ones that sshd has not noticed. A
# process of an app has two. sshd's MaxSessions limits the sessions of each.
MOST_CONNECTIONS = 256

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG, REFER, TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
READ = READ_FILE | READ_DIR
# Neither MAKE_CHAR, MAKE_BLOCK, MAKE_SOCK, MAKE_FIFO nor MAKE_SYM.
CHANGE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
LIBRARIES = ('/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib')
SETTINGS = (
    '/etc/ld.so.cache', '/etc/ld.so.preload', '/etc/ld-musl-x86_64.path', '/etc/ld-musl-aarch64.path', '/etc/passwd', '/etc/group',
    '/etc/nsswitch.conf', '/etc/localtime',
)

# System call numbers of x86-64, of the architectures with the generic table
# (asm-generic/unistd.h), and of all architectures.
X86_64 = {
    'open': 2, 'ioctl': 16, 'mkdir': 83, 'creat': 85, 'chmod': 90, 'fchmod': 91, 'chown': 92, 'fchown': 93, 'lchown': 94, 'mknod': 133,
    'setxattr': 188, 'lsetxattr': 189, 'fsetxattr': 190, 'removexattr': 197, 'lremovexattr': 198, 'fremovexattr': 199, 'openat': 257,
    'mkdirat': 258, 'mknodat': 259, 'fchownat': 260, 'fchmodat': 268, 'open_by_handle_at': 304,
}
GENERIC = {
    'setxattr': 5, 'lsetxattr': 6, 'fsetxattr': 7, 'removexattr': 14, 'lremovexattr': 15, 'fremovexattr': 16, 'ioctl': 29, 'mknodat': 33,
    'mkdirat': 34, 'fchmod': 52, 'fchmodat': 53, 'fchownat': 54, 'fchown': 55, 'openat': 56, 'open_by_handle_at': 265,
}
COMMON = {
    'io_uring_setup': 425, 'io_uring_enter': 426, 'io_uring_register': 427, 'openat2': 437, 'fchmodat2': 452, 'setxattrat': 463,
    'removexattrat': 466, 'file_setattr': 469,
}
# Machine name of uname: its AUDIT_ARCH (linux/audit.h) and its call numbers.
ARCHITECTURES = {
    'x86_64': (0xC000003E, X86_64), 'aarch64': (0xC00000B7, GENERIC), 'riscv64': (0xC00000F3, GENERIC), 'loongarch64': (0xC0000102, GENERIC),
}
# Setuid, setgid, sticky.
SPECIAL_BITS = 0o7000
# Index of the mode argument. For calls that open files: of the flags and of the mode, which only
# counts if a file is created.
MODE_OF = {'chmod': 1, 'fchmod': 1, 'fchmodat': 2, 'fchmodat2': 2, 'mkdir': 1, 'mkdirat': 2, 'creat': 1}
FLAGS_AND_MODE_OF = {'open': (1, 2), 'openat': (2, 3)}
MAKES_FILE = os.O_CREAT | (os.O_TMPFILE & ~os.O_DIRECTORY)
# Errors of calls that neither program needs, as from a kernel without them; programs then use
# other calls. openat2 passes its mode in memory that no filter can read. io_uring and
# open_by_handle_at bypass filters. ioctl and the others set other attributes, such as file
# capabilities.
ANSWERS = {'openat2': errno.ENOSYS, 'ioctl': errno.ENOTTY, 'io_uring_setup': errno.ENOSYS, 'io_uring_enter': errno.ENOSYS, 'io_uring_register': errno.ENOSYS}
# Capabilities that root keeps: read, write, rename and date files of any owner. Without
# CAP_FSETID writing removes the setuid bit, as for any other user.
CAPABILITIES = (1, 2, 3)


class Refused(Exception):
    pass


def main(host):
    if host == '--check':
        return check()
    record_connection(host)
    # Read the rules only after recording the connection. This host first removes another one from
    # the rules, then ends its recorded connections.
    rules = read_rules()
    if host not in rules['hosts']:
        raise Refused('this host does not let yours in (any more)')
    os.umask(0o022)
    command = os.environ.get('SSH_ORIGINAL_COMMAND', '')
    program = command.split(' ')[0]
    if command == 'true':
        return
    if command == 'rsync --version':
        become(find(RSYNC, 'rsync'), ['--version'], [])
    if program == 'internal-sftp' or os.path.basename(program) == 'sftp-server':
        become(find(SFTP_SERVER, 'sftp-server'), ['-u', '022', '-p', SFTP_REQUESTS], [(folder, CHANGE) for folder in rules['folders']])
    if command.startswith('rsync --server '):
        serve_rsync(command, rules['folders'])
    raise Refused('only rsync and SFTP for the sync dirs are allowed')


def check():
    find(RSYNC, 'rsync')
    find(SFTP_SERVER, 'sftp-server')
    abi = confine([])
    try:
        os.fchmod(-1, 0o4000)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise Refused('seccomp does not keep special modes away') from error
    print(json.dumps({'landlock': abi, 'seccomp': True}))


def read_rules():
    with open(os.path.join(HERE, 'rules.json'), encoding='utf-8') as file:
        rules = json.load(file)
    return {'hosts': rules['hosts'], 'folders': [os.path.join(rules['root'], path) for path in rules['dirs']]}


def find(places, name):
    for place in places:
        if os.access(place, os.X_OK):
            return os.path.realpath(place)
    raise Refused('%s is missing here, looked for as %s' % (name, ', '.join(places)))


def serve_rsync(command, folders):
    """Checks the arguments of rsync and runs it.

    The arguments are escaped for a shell, or, before rsync 3.2.4, come on standard input.
    """
    words = [unescape(word) for word in re.findall(r'(?:[^ \\\\]|\\\\.)+', command, re.S)][2:]
    secluded = any(is_secluded(word) for word in words)
    if secluded:
        words = [re.sub('^(-[a-zA-Z]*?)s', r'\\1', word) if is_secluded(word) else word for word in words] + read_secluded()
    if words.count('.') != 1 or words.index('.') != len(words) - 2:
        raise Refused('rsync must name exactly one directory')
    options, path = words[:-2], words[-1].rstrip('/')
    folder = enter(path, folders) or (secluded and enter(unescape(path), folders))
    if not folder:
        raise Refused('%s is in no sync dir that is open to other hosts here' % ascii(path))
    check_options(options, folder)
    become(find(RSYNC, 'rsync'), ['--server'] + options + ['.', './'], [(folder, READ if '--sender' in options else CHANGE)])


def is_secluded(word):
    return re.match('-[a-zA-Z]', word) is not None and 's' in word.split('e')[0]


def read_secluded():
    """Reads the arguments up to the two NULs at their end, without the first, the program's name.

    Reads no further, because the following bytes are for rsync.
    """
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(ARGUMENTS_TAKE)
    text = bytearray()
    while not text.endswith(b'\\0\\0'):
        # Never ask for more bytes than must still come.
        block = len(text) < MOST_ARGUMENTS and os.read(0, 1 if text.endswith(b'\\0') else 2)
        if not block:
            raise Refused('the arguments of rsync have no end')
        text += block
    signal.alarm(0)
    return [os.fsdecode(word) for word in bytes(text[:-2]).split(b'\\0')][1:]


def give_up(*_):
    raise Refused('the arguments of rsync did not come within %d seconds' % ARGUMENTS_TAKE)


def unescape(word):
    return re.sub(r'\\\\(.)', r'\\1', word, flags=re.S)


def enter(path, folders):
    """Changes to the directory \`path\` if it lies in one of the folders. Returns that folder."""
    for folder in folders:
        if (path == folder or path.startswith(folder + '/')) and is_plain(path):
            os.chdir(path)
            real, at = os.path.realpath(folder), os.getcwd()
            if at == real or at.startswith(real + '/'):
                return folder
    return None


def is_plain(path):
    return not any(part in ('..', '.') for part in path.split('/'))


def check_options(options, folder):
    words = iter(options)
    for word in words:
        name, equals, value = word.partition('=')
        if name in RSYNC_FOLDERS:
            value = value if equals else next(words, '')
            if not value or not is_plain(value) or (value[0] == '/' and not value.startswith(folder + '/')):
                raise Refused('%s must lie in the sync dir' % name)
        elif not RSYNC_LETTERS.fullmatch(word) and not RSYNC_OPTIONS.fullmatch(word):
            raise Refused('the rsync option %s is not allowed' % ascii(word))


def record_connection(host):
    """Records the connection by host id and process of sshd, so that this host can end it."""
    if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9_-]{0,63}', host):
        raise Refused('that is no host id')
    folder = os.path.join(HERE, 'connections')
    os.makedirs(folder, 0o700, exist_ok=True)
    running = 0
    for name in os.listdir(folder):
        if name.startswith(host + '.'):
            if is_running(os.path.join(folder, name)):
                running += 1
            else:
                remove(os.path.join(folder, name))
    pid = os.getpid()
    leader = describe(os.getsid(0))
    parent = leader and describe(leader['parent'])
    if parent and parent['name'] in ('sshd', 'sshd-session', 'dropbear'):
        pid = leader['parent']
    record = os.path.join(folder, '%s.%d' % (host, pid))
    if running >= MOST_CONNECTIONS and not os.path.exists(record):
        raise Refused('this host has %d connections of yours open already, and takes no more' % running)
    with open(record, 'w', encoding='ascii') as file:
        file.write(describe(pid)['began'])


def is_running(file):
    process = describe(int(file.rpartition('.')[2]))
    try:
        with open(file, encoding='ascii') as recorded:
            # An empty record is still being written.
            return process is not None and recorded.read() in ('', process['began'])
    except FileNotFoundError:
        return True


def remove(file):
    try:
        os.unlink(file)
    except FileNotFoundError:
        pass


def describe(pid):
    """Reads a process's state from proc_pid_stat(5). Its name may contain any character."""
    try:
        with open('/proc/%d/stat' % pid, encoding='utf-8', errors='replace') as file:
            text = file.read()
    except OSError:
        return None
    name, rest = text[text.index('(') + 1:text.rindex(')')], text[text.rindex(')') + 2:].split(' ')
    return {'name': name, 'parent': int(rest[1]), 'began': rest[19]}


def become(program, arguments, folders):
    confine([(program, EXECUTE | READ), (find_loader(program), EXECUTE | READ), ('/dev/null', READ | WRITE_FILE)]
            + [(path, READ) for path in LIBRARIES + SETTINGS] + folders)
    os.execve(program, [program] + arguments, {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C'})


def find_loader(program):
    """Finds the ELF interpreter, which the kernel executes as well (elf(5)).

    Returns the program itself if it has none.
    """
    with open(program, 'rb') as file:
        head = file.read(1 << 16)
    if head[:4] != b'\\x7fELF':
        raise Refused('%s is a script, and only programs can be confined' % program)
    if head[4] != 2 or head[5] != 1:
        raise Refused('%s is no 64-bit program for this machine, and only such can be confined' % program)
    at, = struct.unpack_from('<Q', head, 32)
    size, count = struct.unpack_from('<HH', head, 54)
    for header in range(at, at + size * count, size):
        kind, = struct.unpack_from('<I', head, header)
        if kind == 3:
            start, = struct.unpack_from('<Q', head, header + 8)
            return os.fsdecode(head[start:head.index(b'\\0', start)])
    return program


def confine(allowed):
    """Confines this process, and the program it becomes, with Landlock (landlock(7)) and seccomp.

    \`allowed\` lists paths with their access rights. All other file access is denied.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long

    def call(number, *arguments):
        numbers = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
        result = libc.syscall(ctypes.c_long(number), *numbers)
        if result < 0:
            raise Refused('Landlock: %s; it needs Linux 5.19 or newer with "landlock" among its security modules' % os.strerror(ctypes.get_errno()))
        return result

    abi = call(444, None, 0, 1)
    if abi < 2:
        raise Refused('Landlock of this kernel is too old: it needs Linux 5.19 or newer')
    files = (1 << 14) - 1 | (TRUNCATE if abi >= 3 else 0) | (1 << 15 if abi >= 5 else 0)
    # The second field denies TCP bind and connect. The third denies abstract sockets of, and
    # signals to, other processes.
    wanted = struct.pack('=QQQ', files, 3, 3)[:8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = call(444, ctypes.create_string_buffer(wanted, len(wanted)), len(wanted), 0)
    for path, bits in allowed:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        rights = bits & files & (-1 if os.path.isdir(path) else OF_FILES)
        call(445, ruleset, 1, ctypes.create_string_buffer(struct.pack('=Qi', rights, opened), 12), 0)
        os.close(opened)
    if libc.prctl(38, 1, 0, 0, 0) != 0:
        raise Refused('PR_SET_NO_NEW_PRIVS failed')
    call(446, ruleset, 0)
    os.close(ruleset)
    drop_capabilities(libc)
    filter_calls(libc)
    return abi


def drop_capabilities(libc):
    """Drops capabilities for the program that this process becomes (capabilities(7)).

    Only root has any. If they cannot be dropped, seccomp still confines the program.
    """
    for capability in range(64):
        if capability not in CAPABILITIES:
            libc.prctl(24, ctypes.c_ulong(capability), 0, 0, 0)


def filter_calls(libc):
    """Installs a seccomp filter (seccomp(2)).

    It denies special modes, and creating anything but regular files and directories.
    """
    program = compile_filter(os.uname().machine)
    code = ctypes.create_string_buffer(program, len(program))
    # A struct sock_fprog. confine() has already set no_new_privs.
    fprog = ctypes.create_string_buffer(struct.pack('@HP', len(program) // 8, ctypes.addressof(code)))
    if libc.prctl(22, ctypes.c_ulong(2), fprog, 0, 0) != 0:
        raise Refused('seccomp: %s; it needs a kernel with CONFIG_SECCOMP_FILTER' % os.strerror(ctypes.get_errno()))


def compile_filter(machine):
    """Compiles the filter to BPF instructions (linux/filter.h, linux/seccomp.h)."""
    if machine not in ARCHITECTURES or struct.calcsize('P') != 8 or sys.byteorder != 'little':
        raise Refused('seccomp: the system calls of this machine (%s) are not known here; known are %s, 64 bits' % (machine, ', '.join(ARCHITECTURES)))
    architecture, own = ARCHITECTURES[machine]
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000
    denied = (answer, 0, 0, refuse | errno.EPERM)
    # Deny calls of other architectures, whose numbers differ, and of x32, which sets this bit.
    code = [(load, 0, 0, 4), (equal, 1, 0, architecture), denied, (load, 0, 0, 0), (at_least, 0, 1, 0x40000000), denied]
    for name, number in {**own, **COMMON}.items():
        checks = []
        if name in FLAGS_AND_MODE_OF:
            flags, mode = FLAGS_AND_MODE_OF[name]
            checks = [(load, 0, 0, 16 + 8 * flags), (any_bit, 0, 3, MAKES_FILE)]
        else:
            mode = MODE_OF.get(name)
        if mode is None:
            checks = [(answer, 0, 0, refuse | ANSWERS.get(name, errno.EPERM))]
        else:
            checks += [(load, 0, 0, 16 + 8 * mode), (any_bit, 0, 1, SPECIAL_BITS), denied, (answer, 0, 0, allow)]
        code += [(equal, 0, len(checks), number)] + checks
    code.append((answer, 0, 0, allow))
    return b''.join(struct.pack('=HBBI', *instruction) for instruction in code)


try:
    main(sys.argv[1] if len(sys.argv) == 2 else '')
except Exception as error:  # Refuse, whatever went wrong.
    sys.stderr.write('syncmedia-gate: %s\\n' % error)
    sys.exit(77)
`;
