#!/usr/bin/env bash
# Proves every step of the Dockerfile without a Docker engine; for root, on Debian or Ubuntu:
#
#   apt-get install debootstrap iproute2 && tools/check_dockerfile.sh
#
# Each stage becomes a clean Debian of the base image's release, with Debian's own Python in place of the
# image's. The instructions run in it in their order; at the end the server runs for real, as the image's
# user and without a network, until the health check passes. Takes minutes, and some GB of disk (below
# TMPDIR). Mounts and processes live in namespaces of their own: they end with the script.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ "$(id -u)" = 0 ] || { echo "check_dockerfile.sh must run as root: it uses chroot" >&2; exit 1; }
for tool in debootstrap ip nsenter python3 unshare; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install debootstrap iproute2" >&2; exit 1; }
done

scratch=$(mktemp -d --tmpdir check_dockerfile.XXXXXX)
unshare --mount --pid --fork --kill-child --mount-proc python3 -u tools/check_dockerfile.py "$scratch" &
child=$!
trap 'kill -KILL "$child" 2>/dev/null && wait "$child" || true; rm -rf --one-file-system "$scratch"' EXIT
trap 'exit 130' INT TERM
wait "$child"
