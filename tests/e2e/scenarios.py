#!/usr/bin/env python3
"""Each small scenario that comes with kith runs whole and all its checks hold. A bound that cannot
hold is named and gives exit status 1."""

import subprocess
import sys

from nodes import KITH, case, check, finish

LARGE = {"thousand", "ten-thousand"}
FEW = {"two-nodes", "ring-bootstrap-10", "nat-mix", "heterogeneous-models"}


def simulate(*words):
    return subprocess.run([KITH, "sim", *words, "--quiet"], capture_output=True, text=True,
                          timeout=200, check=False)


def shipped():
    done = subprocess.run([KITH, "sim", "--list"], capture_output=True, text=True, timeout=20,
                          check=True)
    names = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    check(len(names) >= 13 and LARGE | FEW <= names, f"--list says {sorted(names)}")
    return names - LARGE


def small_scenarios_hold():
    for name in sorted(FEW if "--few" in sys.argv else shipped()):
        done = simulate(name)
        check(done.returncode == 0 and not done.stderr, f"{name}: {done.stderr or done.returncode}")


def a_bound_that_cannot_hold_is_named():
    done = simulate("two-nodes", "--check", "alive >= 3")
    check(done.returncode == 1, f"exit status {done.returncode}")
    check(done.stderr == "check failed: alive >= 3: it is 2\n", done.stderr)


case(small_scenarios_hold)
case(a_bound_that_cannot_hold_is_named)
finish()
