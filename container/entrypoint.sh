#!/bin/sh
# Runs an application with syncmedia in a container: makes keys, starts sshd as this user,
# registers the host, starts the application and passes signals on to it.
#
#   ENTRYPOINT ["tini", "--", "node_modules/syncmedia/container/entrypoint.sh"]
#   CMD ["node", "server.mjs"]
#
# It reads SYNCMEDIA_STATE_DIR, SYNCMEDIA_SSH_PORT (default 2222), SYNCMEDIA_AUTHORIZED_KEYS
# (default: in the state folder), and the variables of `syncmedia init`, and further:
#
#   SYNCMEDIA_INIT_OPTIONS  options of `syncmedia init`, such as --replace
#   SYNCMEDIA_ON_STOP       `unregister` retires the host when the container stops in order, for
#                           replicas that are scaled away; default: nothing. Before that the other
#                           hosts get all that only this one has. The file `retire-on-stop` in the
#                           state folder does the same once.
#   SYNCMEDIA_COMMAND       the file of the command line; default: that of this package
#
# If the database is late, `init` is tried 20 times, 3 seconds apart. A stop meanwhile exits with
# 143.
#
# The application's exit code is the container's. If sshd ends, it is started again.
set -eu

fail() {
  echo "syncmedia-entrypoint: $*" >&2
  exit 1
}

[ $# -gt 0 ] || fail 'give the command that starts the application, as in: entrypoint.sh node server.mjs'
[ -n "${SYNCMEDIA_STATE_DIR:-}" ] || fail 'set SYNCMEDIA_STATE_DIR to a folder on a volume, so that the host keeps its keys and its name'
case $SYNCMEDIA_STATE_DIR in
  /*) ;;
  *) fail "SYNCMEDIA_STATE_DIR must be an absolute path, not $SYNCMEDIA_STATE_DIR" ;;
esac

folder=$SYNCMEDIA_STATE_DIR/sshd
mkdir -p "$folder" || fail "cannot make $folder: let the user $(id -u) own the volume of SYNCMEDIA_STATE_DIR"
# sshd refuses keys in a folder that others may write to.
chmod 700 "$SYNCMEDIA_STATE_DIR" "$folder" || fail "cannot close $folder to others: let the user $(id -u) own SYNCMEDIA_STATE_DIR"
# With fsGroup, Kubernetes opens every file of a volume to a group when it mounts the volume again,
# and ssh, sshd and syncmedia refuse such keys and sockets. What cannot be closed is named by them.
chmod -R go-rwx "$SYNCMEDIA_STATE_DIR" 2>/dev/null || true
export SYNCMEDIA_SSH_PORT="${SYNCMEDIA_SSH_PORT:-2222}"
case $SYNCMEDIA_SSH_PORT in
  *[!0-9]*) fail "SYNCMEDIA_SSH_PORT must be a number, not $SYNCMEDIA_SSH_PORT" ;;
esac
export SYNCMEDIA_AUTHORIZED_KEYS="${SYNCMEDIA_AUTHORIZED_KEYS:-$folder/authorized_keys}"

sshd=$(command -v sshd || true)
for place in /usr/sbin/sshd /usr/local/sbin/sshd; do
  [ -n "$sshd" ] || [ ! -x "$place" ] || sshd=$place
done
[ -n "$sshd" ] || fail 'sshd is missing: install openssh-server (Debian, Ubuntu: apt-get install openssh-server; Alpine: apk add openssh-server; RHEL, Fedora: dnf install openssh-server)'
id -un >/dev/null 2>&1 || fail "the user id $(id -u) has no name here, and sshd works for no such user: add a line for it to /etc/passwd"

# A key that was made only in part, because the container was killed, has another name.
if [ ! -s "$folder/host_key" ]; then
  rm -f "$folder/new_key" "$folder/new_key.pub"
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$folder/new_key"
  mv "$folder/new_key" "$folder/host_key"
  rm -f "$folder/new_key.pub"
fi
# sshd takes paths with spaces in quotes, and has no way to write a quote in them.
case $folder$SYNCMEDIA_AUTHORIZED_KEYS in
  *[\"\\]*) fail 'SYNCMEDIA_STATE_DIR and SYNCMEDIA_AUTHORIZED_KEYS must not contain quotes or backslashes' ;;
esac
cat > "$folder/config" <<CONFIG
Port $SYNCMEDIA_SSH_PORT
HostKey "$folder/host_key"
PidFile none
AuthorizedKeysFile "$SYNCMEDIA_AUTHORIZED_KEYS"
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding no
X11Forwarding no
MaxStartups 100:30:200
LogLevel ERROR
Subsystem sftp internal-sftp
CONFIG
# Only root can ask PAM, and only root's sshd needs an empty directory.
if [ "$(id -u)" -eq 0 ]; then mkdir -p /run/sshd; else echo 'UsePAM no' >> "$folder/config"; fi
"$sshd" -t -f "$folder/config" || fail "sshd refuses its configuration $folder/config"

(
  # The shell sets `$!` itself: a signal may come before a variable is set, and would leave sshd.
  trap 'trap - TERM; [ -z "${!:-}" ] || kill "$!" 2>/dev/null || :; exit 0' TERM
  while :; do
    "$sshd" -D -e -f "$folder/config" &
    wait "$!" || true
    echo 'syncmedia-entrypoint: sshd ended; it is started again' >&2
    sleep 1
  done
) &
supervisor=$!

# The command that runs now. It runs in the background, so that a signal reaches it at once.
child=
stopping=
stop() {
  [ "$1" = HUP ] || stopping=1
  if [ -n "$child" ]; then kill -s "$1" "$child" 2>/dev/null || true; fi
}
# A shell starts background commands with INT and QUIT ignored, so these are passed on as TERM.
trap 'stop TERM' TERM INT QUIT
trap : HUP
# Waits for the command, and sets `code`. A signal ends `wait` before the command has ended.
await() {
  child=$1
  # A signal that came before this line met no command, or one that was not yet itself.
  if [ -n "$stopping" ]; then
    sleep 1
    stop TERM
  fi
  while :; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
}
finish() {
  kill "$supervisor" 2>/dev/null || true
  wait "$supervisor" 2>/dev/null || true
  exit "$1"
}

syncmedia=${SYNCMEDIA_COMMAND:-$(dirname "$0")/../dist/cli/main.js}
# These are for this script alone; syncmedia would warn that it does not know them.
init_options=${SYNCMEDIA_INIT_OPTIONS:-}
on_stop=${SYNCMEDIA_ON_STOP:-}
case $on_stop in
  '' | unregister) ;;
  *) fail "SYNCMEDIA_ON_STOP can only be unregister, not $on_stop" ;;
esac
unset SYNCMEDIA_COMMAND SYNCMEDIA_INIT_OPTIONS SYNCMEDIA_ON_STOP
mark=$SYNCMEDIA_STATE_DIR/retire-on-stop
if [ ! -f "$SYNCMEDIA_STATE_DIR/host.json" ]; then
  # The mark was for a host that is retired now, if the container was killed before it removed it.
  rm -f "$mark"
  # A new volume has no sync dirs. Later a missing one may be a disk that is not mounted.
  if [ -n "${SYNCMEDIA_ROOT:-}" ]; then
    (
      set -f
      IFS=,
      for dir in ${SYNCMEDIA_SYNC_DIRS:-}; do
        # Blanks around a comma do not belong to a name.
        dir=${dir#"${dir%%[![:space:]]*}"}
        dir=${dir%"${dir##*[![:space:]]}"}
        mkdir -p "$SYNCMEDIA_ROOT/$dir"
      done
    )
  fi
fi
# The database may start later than this container.
tries=0
while :; do
  # shellcheck disable=SC2086 # several options
  node "$syncmedia" init --generate $init_options &
  await $!
  [ -z "$stopping" ] || finish 143
  # 3: registered, and one of the checks failed, which the output names.
  case $code in 0 | 3) break ;; esac
  tries=$((tries + 1))
  if [ "$code" -ne 1 ] || [ "$tries" -ge 20 ]; then finish "$code"; fi
  echo "syncmedia-entrypoint: init ended with $code; try $((tries + 1)) of 20 in 3 s" >&2
  sleep 3 &
  await $!
  [ -z "$stopping" ] || finish 143
done

trap 'stop HUP' HUP
"$@" &
await $!
if [ -n "$stopping" ] && { [ "$on_stop" = unregister ] || [ -e "$mark" ]; }; then
  # Retired at once, the host would take along what was saved here a moment ago.
  if node "$syncmedia" unregister --drain 45; then
    rm -f "$mark"
  else
    echo 'syncmedia-entrypoint: the host was not unregistered, since others may lack its files' >&2
  fi
fi
finish "$code"
