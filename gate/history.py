# How the gate lets another host add to its own part of this host's history, and to nothing else.
# scripts/embed-gate.mjs puts this into syncmedia-gate.py.
import os
import resource
import time

# The one command, and the name by which it means the only repository. Its place is in rules.json.
RECEIVE_HISTORY = "git-receive-pack 'syncmedia-history'"
GIT = ('/usr/bin/git', '/usr/local/bin/git', '/bin/git')
# git starts its own subprograms from here.
GIT_CORE = ('/usr/lib/git-core', '/usr/libexec/git-core', '/usr/local/libexec/git-core')
# Limit of one push, in bytes.
MOST_OF_PUSH = 2 * 1024 ** 3
# The history may exceed its limit by this factor until its host's next cleaning.
SLACK = 1.5
# Limit of the memory of one process, in bytes. git streams blobs; it holds a commit or a tree whole.
MOST_MEMORY = 1024 ** 3
# Deliveries and visitors come first.
NICENESS = 10
# In seconds. An older lock has no owner: a connection that broke off left it, and git would fail at it for ever.
OLD_LOCK = 60


def receive_history(host, history):
    """Becomes git-receive-pack for this host's repository.

    Settings in the environment win over those of the repository. Of `hideRefs` the last one wins:
    the host sees and writes `refs/heads/HOSTID/…` only. git refuses to rewrite or delete these
    (`deny…`), which it only does below refs/heads/. Configuration, hooks and info of the
    repository cannot be written, since Landlock allows its objects and refs only.
    """
    if not history:
        raise Refused('this host keeps no history: run it with the backend git or git-annex')
    repository = history['repository']
    if measure(os.path.join(repository, 'objects')) > SLACK * history['maxBytes']:
        raise Refused('the history of this host is full until it is cleaned')
    settings = [
        ('core.hooksPath', '/dev/null'), ('core.fsmonitor', 'false'), ('core.fsync', 'committed,reference'), ('core.bigFileThreshold', '1m'),
        # Otherwise a push within the limit could grow by a factor of a thousand as it is unpacked.
        ('core.looseCompression', '1'),
        ('receive.fsckObjects', 'true'), ('receive.autogc', 'false'), ('receive.maxInputSize', str(min(MOST_OF_PUSH, history['maxBytes']))),
        ('receive.denyNonFastForwards', 'true'), ('receive.denyDeletes', 'true'), ('receive.shallowUpdate', 'false'),
        ('receive.advertisePushOptions', 'false'), ('receive.hideRefs', 'refs/'), ('receive.hideRefs', '!refs/heads/' + host),
    ]
    remove_old_locks(os.path.join(repository, 'refs/heads', host))
    # git names its temporary files by random bytes of this device.
    core = [(path, EXECUTE | READ) for path in GIT_CORE] + [('/dev/urandom', READ)]
    own = [(repository, READ), (os.path.join(repository, 'objects'), CHANGE), (os.path.join(repository, 'refs'), CHANGE)]
    os.umask(0o077)
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    become(find(GIT, 'git'), ['receive-pack', repository], core + own, make_git_environment(settings))


def make_git_environment(settings):
    environment = {
        'HOME': '/nonexistent', 'GIT_CONFIG_NOSYSTEM': '1', 'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_ATTR_NOSYSTEM': '1', 'GIT_ALLOW_PROTOCOL': 'none',
        'GIT_NO_REPLACE_OBJECTS': '1', 'GIT_CONFIG_COUNT': str(len(settings)),
    }
    for number, (key, value) in enumerate(settings):
        environment['GIT_CONFIG_KEY_%d' % number], environment['GIT_CONFIG_VALUE_%d' % number] = key, value
    return environment


def remove_old_locks(folder, deep=True):
    for place, folders, names in os.walk(folder):
        if not deep:
            folders.clear()
        for name in names:
            lock = os.path.join(place, name)
            try:
                if name.endswith('.lock') and abs(time.time() - os.lstat(lock).st_mtime) > OLD_LOCK:
                    os.unlink(lock)
            except FileNotFoundError:
                pass


def measure(folder):
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                pass
    return size
