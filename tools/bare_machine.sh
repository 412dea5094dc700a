#!/usr/bin/env bash
# Runs a command as a new user has it: a machine with Python, a C++ compiler and make, and nothing else.
#
#   tools/bare_machine.sh FOLDER COMMAND...          for root, on Debian or Ubuntu
#   PYTHON=/usr/bin/python3.13 tools/bare_machine.sh "/var/tmp/a new folder" make test
#
# FOLDER becomes a clone of what is committed here. COMMAND runs in it as a user who has never logged in: not root, with
# a home that cannot be written, without root's settings and caches. What the tests use when it is there (PortAudio,
# PulseAudio, Chromium, Node.js, FFmpeg) is hidden. All of that lives in a mount namespace and ends with the command.
# `make` gets PYTHON, or what python3 is here.
set -euo pipefail

HIDDEN_COMMANDS="chromium chromium-browser google-chrome pulseaudio pacat pactl parec node nodejs npm npx ffmpeg ffprobe"
HIDDEN_LIBRARIES="portaudio pulse"
NEWCOMER=4242  # a user's number that nobody has

if [ "${1:-}" != --inside ]; then
    [ "$(id -u)" = 0 ] || { echo "bare_machine.sh must run as root: it hides what is installed" >&2; exit 1; }
    [ $# -ge 2 ] || { echo "usage: tools/bare_machine.sh FOLDER COMMAND..." >&2; exit 2; }
    case $(realpath -m "$1")/ in
        /tmp/* | /home/* | /root/*) echo "$1 would be hidden; FOLDER must not be below /tmp, /home or /root" >&2; exit 2 ;;
    esac
    [ ! -e "$1" ] || { echo "$1 is there already; FOLDER must be new" >&2; exit 2; }
    checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    git clone --quiet "$checkout" "$1"
    chown -R "$NEWCOMER:$NEWCOMER" "$1"
    python=$("${PYTHON:-python3}" -c 'import sys; print(sys.executable)')  # itself, where that name is a shim
    prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
    exec unshare --mount "$BASH" "$checkout/tools/bare_machine.sh" --inside "$python" "$prefix" "$@"
fi

python=$2 prefix=$3 folder=$4
shift 4
scratch=$(mktemp -d /var/tmp/bare-machine.XXXXXX)
mount -t tmpfs tmpfs "$scratch"
trap 'umount --lazy "$scratch"; rmdir "$scratch"' EXIT

# What is removed from /usr and /etc is removed from a layer in memory.
for name in usr etc; do
    mkdir -p "$scratch/$name" "$scratch/work-$name"
    mount -t overlay overlay -o "lowerdir=/$name,upperdir=$scratch/$name,workdir=$scratch/work-$name" "/$name"
done
for name in $HIDDEN_COMMANDS; do
    while found=$(command -v "$name"); do rm "$found"; hash -r; done
done
for name in $HIDDEN_LIBRARIES; do
    find /usr/lib /usr/local/lib -name "lib$name.so*" -delete -o -name "lib$name-*.so*" -delete
done
ldconfig

# The newcomer: a home that is empty and cannot be written, a /tmp of their own, and nothing of root's but the Python.
echo "newcomer:x:$NEWCOMER:$NEWCOMER::/home/newcomer:/bin/sh" >> /etc/passwd
echo "newcomer:x:$NEWCOMER:" >> /etc/group
mkdir -p "$scratch/home/newcomer" "$scratch/root"
mount --bind "$scratch/home" /home
case $prefix in /root/*)
    mkdir -p "$scratch/python"
    mount --bind "$prefix" "$scratch/python"
    mount --bind "$scratch/root" /root
    mkdir -p "$prefix"
    mount --move "$scratch/python" "$prefix" ;;
*)  mount --bind "$scratch/root" /root ;;
esac
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,bind,ro /home

cd "$folder"
for name in $(compgen -e); do  # what is root's goes; how this machine is set up stays
    case $name in
        LD_LIBRARY_PATH | PIP_* | PYTEST_* | OPENBLAS_* | SSL_* | *_proxy | *_PROXY) ;;
        *) unset "$name" ;;
    esac
done
export HOME=/home/newcomer USER=newcomer LOGNAME=newcomer PATH=/usr/local/bin:/usr/bin:/bin PYTHON="$python"
newcomer() {
    setpriv --reuid=$NEWCOMER --regid=$NEWCOMER --clear-groups --no-new-privs "$@"
}
newcomer "$python" - $HIDDEN_COMMANDS -- $HIDDEN_LIBRARIES <<'CHECK'
import ctypes.util, os, shutil, sys

at = sys.argv.index("--")
there = [name for name in sys.argv[1:at] if shutil.which(name)]
there += [name for name in sys.argv[at + 1 :] if ctypes.util.find_library(name)]
if there or os.geteuid() == 0 or os.access(os.path.expanduser("~"), os.W_OK):
    sys.exit(f"bare_machine.sh: this is no bare machine: {there or 'root, or a home that can be written'}")
CHECK
newcomer "$@"
