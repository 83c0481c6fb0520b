/** gate/syncmedia-gate.py, by scripts/embed-gate.mjs: change it there. */
export const gateProgram = `#!/usr/bin/python3 -IS
"""What another host's key may do here: move files of the sync dirs, and nothing else.

authorized_keys starts it as the forced command of every key, as \`syncmedia-gate.py HOSTID\`. It lets through the SFTP
server, \`rsync --server\` for one directory, and two questions; it gives the process to Landlock (Linux 5.19 or newer), which
allows that process the sync dirs alone, and becomes the program. No root is needed. What is allowed is said by rules.json
beside this file, which only this host writes: {"root": "/srv/app", "dirs": ["uploads"], "hosts": ["HOSTID"]}.

\`syncmedia-gate.py --check\` says whether all of that works on this machine. Exit 77: refused.
"""
import ctypes
import json
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
RSYNC = ('/usr/local/bin/rsync', '/usr/bin/rsync', '/bin/rsync')
SFTP_SERVER = (
    '/usr/lib/openssh/sftp-server', '/usr/libexec/openssh/sftp-server', '/usr/lib/ssh/sftp-server', '/usr/libexec/ssh/sftp-server',
    '/usr/libexec/sftp-server',
)
# No setstat by path: what a path leads to may be anywhere. No symlink; readlink shows what others cannot follow.
SFTP_REQUESTS = (
    'open,close,read,write,lstat,stat,fstat,fsetstat,opendir,readdir,remove,mkdir,rmdir,realpath,rename,posix-rename,hardlink,fsync,'
    'statvfs,fstatvfs,limits'
)
# What our commands come to (src/backends/rsync/commands.ts), in the words of rsync 3.0 to 3.5.
RSYNC_LETTERS = re.compile(r'-(?!$)[bcInprRt]*(?:e[0-9.]*[A-Za-z]*)?')
RSYNC_OPTIONS = re.compile(
    r'--(?:sender|fsync|no-implied-dirs|ignore-existing|from0|files-from=-|timeout=\\d+|bwlimit=[\\d.]+|log-format=[%iIoX]+)')
RSYNC_FOLDERS = ('--backup-dir', '--temp-dir', '--partial-dir')
MOST_ARGUMENTS = 256 * 1024

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


class Refused(Exception):
    pass


def main(host):
    if host == '--check':
        return check()
    record_connection(host)
    # Read after the connection was recorded: who takes a host out of the rules ends what is recorded afterwards.
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
    print(json.dumps({'landlock': abi}))


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
    """The arguments come escaped for a shell, or, from before rsync 3.2.4, on standard input."""
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
    """Byte for byte: what follows belongs to rsync. The first one is its name."""
    text = b''
    while not text.endswith(b'\\0\\0'):
        byte = os.read(0, 1)
        if not byte or len(text) > MOST_ARGUMENTS:
            raise Refused('the arguments of rsync have no end')
        text += byte
    return [os.fsdecode(word) for word in text[:-2].split(b'\\0')][1:]


def unescape(word):
    return re.sub(r'\\\\(.)', r'\\1', word, flags=re.S)


def enter(path, folders):
    """Goes to \`path\` where it lies in one of the folders, and says in which."""
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
    """Under the id of the host and the process that holds the connection, so that this host can end it."""
    if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9_-]{0,63}', host):
        raise Refused('that is no host id')
    folder = os.path.join(HERE, 'connections')
    os.makedirs(folder, 0o700, exist_ok=True)
    for name in os.listdir(folder):
        if name.startswith(host + '.') and not is_running(os.path.join(folder, name)):
            remove(os.path.join(folder, name))
    pid = os.getpid()
    leader = describe(os.getsid(0))
    parent = leader and describe(leader['parent'])
    if parent and parent['name'] in ('sshd', 'sshd-session', 'dropbear'):
        pid = leader['parent']
    with open(os.path.join(folder, '%s.%d' % (host, pid)), 'w', encoding='ascii') as file:
        file.write(describe(pid)['began'])


def is_running(file):
    process = describe(int(file.rpartition('.')[2]))
    try:
        with open(file, encoding='ascii') as recorded:
            # Empty: it is being written.
            return process is not None and recorded.read() in ('', process['began'])
    except FileNotFoundError:
        return True


def remove(file):
    try:
        os.unlink(file)
    except FileNotFoundError:
        pass


def describe(pid):
    """From proc_pid_stat(5); the name may hold anything."""
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
    """The ELF interpreter, which the kernel executes too (elf(5)); a program without one is executed alone."""
    with open(program, 'rb') as file:
        head = file.read(1 << 16)
    if head[:4] != b'\\x7fELF':
        raise Refused('%s is a script, and only programs can be confined' % program)
    wide, order = head[4] == 2, '<' if head[5] == 1 else '>'
    at, = struct.unpack_from(order + ('Q' if wide else 'I'), head, 32 if wide else 28)
    size, count = struct.unpack_from(order + 'HH', head, 54 if wide else 42)
    for header in range(at, at + size * count, size):
        kind, = struct.unpack_from(order + 'I', head, header)
        if kind == 3:
            start, = struct.unpack_from(order + ('Q' if wide else 'I'), head, header + (8 if wide else 4))
            return os.fsdecode(head[start:head.index(b'\\0', start)])
    return program


def confine(allowed):
    """Landlock (landlock(7)): whatever this process becomes may do what is allowed here, and nothing else with files."""
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
    # TCP: bind and connect. Scopes: abstract sockets and signals of others.
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
    return abi


try:
    main(sys.argv[1] if len(sys.argv) == 2 else '')
except Exception as error:  # Whatever it is, the answer is no.
    sys.stderr.write('syncmedia-gate: %s\\n' % error)
    sys.exit(77)
`;
