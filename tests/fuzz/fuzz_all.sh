#!/bin/sh
# Every fuzz target for real: clang's libFuzzer with ASan and UBSan.
#
#   tests/fuzz/fuzz_all.sh [EXECUTIONS [TARGET...]]     100000 executions of all targets by default
#
# Builds in build-fuzz. Inputs that reach new code go to build-fuzz/found/TARGET, never into the
# tree; one that fails goes to build-fuzz/crash-TARGET-*, and its log is printed. Exit 1 if one did.
set -eu
cd "$(dirname "$0")/../.."
runs=${1:-100000}
[ $# -gt 0 ] && shift
[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true >/dev/null
[ $# -gt 0 ] || set -- $(sed -n "s/^  '\([a-z_]*\)': \[.*/\1/p" tests/fuzz/meson.build)
targets=
for name in "$@"; do
    targets="$targets tests/fuzz/fuzz_$name"
done
# shellcheck disable=SC2086
ninja -C build-fuzz $targets >build-fuzz/fuzz-build.log 2>&1 || { cat build-fuzz/fuzz-build.log; exit 1; }

failed=0
for name in "$@"; do
    found=build-fuzz/found/$name
    log=build-fuzz/$name.log
    mkdir -p "$found"
    if build-fuzz/tests/fuzz/fuzz_"$name" -runs="$runs" -artifact_prefix=build-fuzz/crash-"$name"- \
        "$found" tests/fuzz/corpus/"$name" >"$log" 2>&1; then
        echo "ok $name: $(sed -n "s/^#\([0-9]*\)[[:space:]]*DONE *\(cov: [0-9]*\).*/\1 executions, \2/p" "$log")"
    else
        cat "$log"
        echo "not ok $name"
        failed=1
    fi
done
exit $failed
