#!/usr/bin/python3 -IS
"""Confines the key of another host: it may move files of the sync dirs, and nothing else.

authorized_keys runs this program as the forced command of every key: `syncmedia-gate.py HOSTID`.
It allows the SFTP server, `rsync --server` for one directory, and two queries (`true`,
`rsync --version`). Before it becomes the requested program, it confines its own process. Landlock
(Linux 5.19 or newer) allows only the sync dirs. seccomp prevents setuid, setgid and sticky bits on
new files. This needs no root.

With a history it also allows a push to this host's own repository (gate/history.py), and with
large files in an annex adding to that (gate/annex.py).

The file rules.json beside this program contains the rules, and only this host writes it:
{"root": "/srv/app", "dirs": ["uploads"], "hosts": ["HOSTID"]}.

`syncmedia-gate.py --check` tests whether this machine supports all of that. Exit 77: refused.
"""
import errno
import json
import os
import re
import signal
import sys
import time

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
    r'--(?:sender|fsync|no-implied-dirs|ignore-existing|from0|files-from=-|timeout=\d+|bwlimit=[\d.]+|log-format=[%iIoX]+)')
RSYNC_FOLDERS = ('--backup-dir', '--temp-dir', '--partial-dir')
# Limits of the arguments, in bytes and seconds. They fit two of the longest paths, escaped, and
# some options.
MOST_ARGUMENTS = 32 * 1024
ARGUMENTS_TAKE = 60
# Limit of one host's concurrent connections, including dead ones that sshd has not noticed. A
# process of an app has two. sshd's MaxSessions limits the sessions of each.
MOST_CONNECTIONS = 256


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
    if command == RECEIVE_HISTORY:
        receive_history(host, rules['history'])
    annex = ANNEX_COMMAND.fullmatch(command)
    if annex:
        serve_annex(host, rules['history'], *annex.groups())
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
    return {
        'hosts': rules['hosts'],
        'folders': [os.path.join(rules['root'], path) for path in rules['dirs']],
        'history': rules.get('history'),
    }


def find(places, name):
    for place in places:
        if os.access(place, os.X_OK):
            return os.path.realpath(place)
    raise Refused('%s is missing here, looked for as %s' % (name, ', '.join(places)))


def serve_rsync(command, folders):
    """Checks the arguments of rsync and runs it.

    The arguments are escaped for a shell, or, before rsync 3.2.4, come on standard input.
    """
    words = [unescape(word) for word in re.findall(r'(?:[^ \\]|\\.)+', command, re.S)][2:]
    secluded = any(is_secluded(word) for word in words)
    if secluded:
        words = [re.sub('^(-[a-zA-Z]*?)s', r'\1', word) if is_secluded(word) else word for word in words] + read_secluded()
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
    while not text.endswith(b'\0\0'):
        # Never ask for more bytes than must still come.
        block = len(text) < MOST_ARGUMENTS and os.read(0, 1 if text.endswith(b'\0') else 2)
        if not block:
            raise Refused('the arguments of rsync have no end')
        text += block
    signal.alarm(0)
    return [os.fsdecode(word) for word in bytes(text[:-2]).split(b'\0')][1:]


def give_up(*_):
    raise Refused('the arguments of rsync did not come within %d seconds' % ARGUMENTS_TAKE)


def unescape(word):
    return re.sub(r'\\(.)', r'\1', word, flags=re.S)


def enter(path, folders):
    """Changes to the directory `path` if it lies in one of the folders. Returns that folder."""
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
    write_record(record, host, pid, describe(pid)['began'])


def is_running(file):
    try:
        began, namespace = (read_record(file) + ['', ''])[:2]
        if namespace not in ('', PID_NAMESPACE):
            # Another sshd wrote it, whose processes cannot be seen here.
            return time.time() - os.stat(file).st_mtime < WATCHER_IS_LATE
    except FileNotFoundError:
        return True
    process = describe(int(file.rpartition('.')[2]))
    # An empty record is still being written.
    return process is not None and began in ('', process['began'])


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
    return {'name': name, 'state': rest[0], 'parent': int(rest[1]), 'began': rest[19]}


def become(program, arguments, folders, environment=None, name=None):
    confine([(program, EXECUTE | READ), (find_loader(program), EXECUTE | READ), ('/dev/null', READ | WRITE_FILE)]
            + [(path, READ) for path in LIBRARIES + SETTINGS] + folders)
    os.execve(program, [name or program] + arguments, {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C', **(environment or {})})


# include gate/confine.py
# include gate/history.py
# include gate/annex.py


# include gate/watch.py


try:
    main(sys.argv[1] if len(sys.argv) == 2 else '')
except Exception as error:  # Refuse, whatever went wrong.
    sys.stderr.write('syncmedia-gate: %s\n' % error)
    sys.exit(77)
