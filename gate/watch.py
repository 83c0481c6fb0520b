# How a connection ends whose sshd runs in another pid namespace than the application of this host,
# which then cannot end it by its process id. scripts/embed-gate.mjs puts this into
# syncmedia-gate.py.
import json
import os
import signal
import time

# In seconds.
WATCH_EVERY = 1
TOUCH_EVERY = 10
WATCHER_IS_LATE = 60
SIGKILL_AFTER = 3


def read_pid_namespace():
    try:
        return os.readlink('/proc/self/ns/pid')
    except OSError:
        return ''


PID_NAMESPACE = read_pid_namespace()


def write_record(record, host, pid, began):
    """Writes start time and pid namespace of a connection's process, and `watched` if a watcher
    ends it. One watcher does so for all sessions of the connection."""
    watched = not ends_here()
    content = ' '.join([began, PID_NAMESPACE] + ['watched'] * watched)
    try:
        if ' '.join(read_record(record)) == content:
            return
    except FileNotFoundError:
        pass
    with open(record, 'w', encoding='ascii') as file:
        file.write(content)
    if watched:
        start_watcher(record, host, pid, began)


def read_record(record):
    with open(record, encoding='ascii') as file:
        return file.read().split(' ')


def ends_here():
    """Whether the application of this host sees the processes of this sshd. It names its pid
    namespace in the rules when it starts."""
    try:
        with open(os.path.join(HERE, 'rules.json'), encoding='utf-8') as file:
            return PID_NAMESPACE != '' and json.load(file).get('pidNamespace') == PID_NAMESPACE
    except (OSError, ValueError):
        return False


def start_watcher(record, host, pid, began):
    """Starts a watcher that belongs to no session, so that no session waits for it."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            null = os.open('/dev/null', os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            os.closerange(3, 1024)
            watch(record, host, pid, began)
    finally:
        os._exit(0)


def watch(record, host, pid, began):
    """Ends the connection once its record was removed, or the rules let its host in no more."""
    touched = time.monotonic()
    while began == began_at(pid):
        if not os.path.exists(record) or not is_let_in(host):
            end_process(pid, began)
            break
        # A watched connection counts as open while its record is young.
        if time.monotonic() - touched > TOUCH_EVERY:
            os.utime(record)
            touched = time.monotonic()
        time.sleep(WATCH_EVERY)
    remove(record)


def is_let_in(host):
    try:
        return host in read_rules()['hosts']
    except FileNotFoundError:
        return False


def end_process(pid, began):
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + SIGKILL_AFTER
    while began == began_at(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def began_at(pid):
    """Reads when a process began; None once it has ended."""
    process = describe(pid)
    return process and process['state'] not in 'ZXx' and process['began'] or None
