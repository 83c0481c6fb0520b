# How the gate lets another host add large files to this host's annex, and read them by their hash.
# scripts/embed-gate.mjs puts this into syncmedia-gate.py.
import hashlib
import os
import re
import resource

# The one command, and the name by which it means the only annex. Its place is in rules.json. The
# first UUID is the annex of the other host, the second that of this one.
ANNEX_COMMAND = re.compile(r"git-annex-shell 'p2pstdio' '/syncmedia-annex' '([0-9a-f-]{36})' --uuid ([0-9a-f-]{36})")
GIT_ANNEX = ('/usr/bin/git-annex', '/usr/local/bin/git-annex', '/bin/git-annex')
# Free bytes that git-annex leaves on the disk, whatever another host sends.
RESERVE = 1024 ** 3


def serve_annex(host, history, uuid, own_uuid):
    """Becomes git-annex-shell for this host's annex.

    It takes contents whose key is their hash, and gives them by that key. It drops nothing, and no
    other command can be asked for. Of the repository git-annex may write what it keeps and notes,
    but not its configuration, hooks and info, since Landlock allows the other folders only.
    """
    if not history or not history.get('annex'):
        raise Refused('this host has no annex: run it with the backend git-annex')
    if uuid != make_annex_uuid(host):
        raise Refused('that is not the annex of your host')
    annex, most = history['annex'], history['maxBytes']
    room = int(SLACK * most) - measure(os.path.join(annex, 'annex'))
    if room < 0:
        raise Refused('the annex of this host is full until it is cleaned')
    # git-annex looks at the free space before each content, so a connection cannot exceed the room.
    disk = os.statvfs(annex)
    reserve = max(RESERVE, disk.f_bavail * disk.f_frsize - room)
    settings = [
        ('core.hooksPath', '/dev/null'), ('core.fsmonitor', 'false'), ('core.fsync', 'committed,reference'), ('gc.auto', '0'), ('maintenance.auto', 'false'),
        ('annex.securehashesonly', 'true'), ('annex.diskreserve', str(reserve)), ('annex.autoupgraderepository', 'false'),
        # The protocol can also connect git itself, whose refs would tell every key.
        ('uploadpack.hideRefs', 'refs/'), ('receive.hideRefs', 'refs/'), ('transfer.hideRefs', 'refs/'),
        ('uploadpack.allowAnySHA1InWant', 'false'), ('uploadpack.allowReachableSHA1InWant', 'false'), ('uploadpack.allowTipSHA1InWant', 'false'),
    ]
    # Beside what it receives, git-annex only writes its notes.
    remove_old_locks(os.path.join(annex, 'refs'))
    remove_old_locks(os.path.join(annex, 'annex'), deep=False)
    # git-annex notes who holds what, and fails without a name.
    environment = {
        'GIT_AUTHOR_NAME': 'syncmedia', 'GIT_AUTHOR_EMAIL': 'syncmedia@localhost', 'GIT_COMMITTER_NAME': 'syncmedia',
        'GIT_COMMITTER_EMAIL': 'syncmedia@localhost', 'GIT_ANNEX_SHELL_LIMITED': '1', 'GIT_ANNEX_SHELL_APPENDONLY': '1',
        'GIT_ANNEX_SHELL_DIRECTORY': annex, **make_git_environment(settings),
    }
    git = find(GIT, 'git')
    programs = [(path, EXECUTE | READ) for path in GIT_CORE + (git, find_loader(git))] + [('/dev/urandom', READ), ('/proc/self', READ)]
    own = [(annex, READ)] + [(os.path.join(annex, name), CHANGE) for name in ('annex', 'objects', 'refs')]
    os.umask(0o077)
    os.nice(NICENESS)
    # One file is never larger than the whole history may be.
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    arguments = ['p2pstdio', annex, uuid, '--uuid', own_uuid]
    become(find(GIT_ANNEX, 'git-annex'), arguments, programs + own, environment, 'git-annex-shell')


def make_annex_uuid(host):
    """Makes the name of a host's annex, as src/transport/git-annex/key.ts does."""
    digest = hashlib.sha256(b'syncmedia annex ' + host.encode()).hexdigest()
    return '-'.join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
