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
#                           replicas that are scaled away; default: nothing
#
# The application's exit code is the container's. If sshd ends, it is started again.
set -eu
umask 077

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
chmod 700 "$SYNCMEDIA_STATE_DIR" "$folder"
export SYNCMEDIA_SSH_PORT="${SYNCMEDIA_SSH_PORT:-2222}"
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
# Only root can ask PAM. Without it sshd refuses an account without a password as locked, so root
# keeps it.
[ "$(id -u)" -eq 0 ] || echo 'UsePAM no' >> "$folder/config"
"$sshd" -t -f "$folder/config" || fail "sshd refuses its configuration $folder/config"

(
  child=
  trap 'trap - TERM; [ -z "$child" ] || kill "$child" 2>/dev/null; exit 0' TERM
  while :; do
    "$sshd" -D -e -f "$folder/config" &
    child=$!
    wait "$child" || true
    echo 'syncmedia-entrypoint: sshd ended; it is started again' >&2
    sleep 1
  done
) &
supervisor=$!

application=
stopping=
stop() {
  [ "$1" = HUP ] || stopping=1
  if [ -n "$application" ]; then kill -s "$1" "$application" 2>/dev/null || true; fi
}
# A shell starts background commands with INT and QUIT ignored, so these are passed on as TERM.
trap 'stop TERM' TERM INT QUIT
trap 'stop HUP' HUP
finish() {
  kill "$supervisor" 2>/dev/null || true
  wait "$supervisor" 2>/dev/null || true
  exit "$1"
}

syncmedia=${SYNCMEDIA_COMMAND:-$(dirname "$0")/../dist/cli/main.js}
# The database may start later than this container.
tries=0
while :; do
  code=0
  # shellcheck disable=SC2086 # several options
  node "$syncmedia" init --generate ${SYNCMEDIA_INIT_OPTIONS:-} || code=$?
  # 3: registered, and one of the checks failed, which the output names.
  case $code in 0 | 3) break ;; esac
  tries=$((tries + 1))
  if [ -n "$stopping" ] || [ "$code" -ne 1 ] || [ "$tries" -ge 20 ]; then finish "$code"; fi
  echo "syncmedia-entrypoint: init ended with $code; try $((tries + 1)) of 20 in 3 s" >&2
  sleep 3 &
  wait $! || true
done
[ -z "$stopping" ] || finish 143

"$@" &
application=$!
[ -z "$stopping" ] || stop TERM
# A signal ends `wait` before the application has ended.
while :; do
  code=0
  wait "$application" || code=$?
  kill -0 "$application" 2>/dev/null || break
done
if [ "${SYNCMEDIA_ON_STOP:-}" = unregister ] && [ -n "$stopping" ]; then
  node "$syncmedia" unregister || echo 'syncmedia-entrypoint: the host was not unregistered' >&2
fi
finish "$code"
