#!/bin/sh
# The training bench beside Debian's PyTorch, in turns on this machine. No part of the tests.
#   tools/bench_torch.sh [--install] [--kith PROGRAM] [--reps N] [--slice-ms MS] [--threads 1|2]
#                        [--only speed|accuracy] [--epochs N] [--seeds N] [--json FILE]
# --install first installs python3-torch (as root or through sudo).
set -eu
cd "$(dirname "$0")/.."
if [ "${1:-}" = --install ]; then
    shift
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -qq
    $as_root apt-get install -y -qq --no-install-recommends python3-torch
fi
# Debian's own interpreter: another one in the path does not see Debian's packages.
/usr/bin/python3 -c 'import torch' 2>/dev/null || {
    echo "bench_torch: PyTorch is not installed: run $0 --install" >&2
    exit 1
}
exec /usr/bin/python3 tools/bench_torch.py "$@"
