#!/bin/sh
# Generates wavesynth/v1 from proto/ (into the folder $1, the repository if not given). The Python code is
# committed; a test checks that it is up to date. Changed the API on purpose? `buf build -o proto/baseline.binpb`
# makes the new baseline that `buf breaking` compares with.
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-.venv/bin}
PATH=$PWD/$bin:$PATH python -m grpc_tools.protoc --proto_path=proto \
    --python_out="${1:-.}" --grpc_python_out="${1:-.}" --mypy_out="${1:-.}" --mypy_grpc_out="${1:-.}" \
    proto/wavesynth/v1/*.proto
