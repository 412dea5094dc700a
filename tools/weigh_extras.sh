#!/usr/bin/env bash
# What an installation takes on disk, in MB: by itself, and what each extra adds to that.
#
#   tools/weigh_extras.sh                        with the build of PyTorch that pip takes here
#   tools/weigh_extras.sh torch==2.13.0+cpu      with that one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
scratch=$(mktemp -d /var/tmp/weigh_extras.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
extras=$("$python" -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies'])")

printf '%s\n' "$@" > "$scratch/constraints"
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$scratch/dist" .
wheel=$(echo "$scratch"/dist/*.whl)
"$python" -m venv "$scratch/bare"
"$scratch/bare/bin/pip" install --quiet "$wheel"
bare=$(du -sm "$scratch/bare" | cut -f1)
echo "nothing else: $bare MB"
for extra in $extras; do
    case $extra in deploy | dev | docs) continue ;; esac  # for those who work on the package
    cp -r "$scratch/bare" "$scratch/with"
    "$scratch/with/bin/python" -m pip install --quiet --constraint "$scratch/constraints" "$wheel[$extra]"
    echo "$extra: $(($(du -sm "$scratch/with" | cut -f1) - bare)) MB more"
    rm -r "$scratch/with"
done
