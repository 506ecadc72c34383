#!/usr/bin/env python3
"""Eight nodes in random order within a second, the bootstrap last: all see seven others. Then the
bootstrap is killed and a ninth joins through another: seven again. `--times N` repeats it."""

import random
import sys
import time

from nodes import Node, case, finish, free_port

SMALL = ["--synthetic", "--model", "mlp:8", "--steps", "10", "--round-time", "0.25"]


def start_eight():
    first = free_port()
    others = [Node(*SMALL, "--bootstrap", f"127.0.0.1:{first}") for _ in range(7)]
    random.shuffle(others)
    return Node(*SMALL, port=first), others


def all_find_each_other():
    begun = time.monotonic()
    first, others = start_eight()
    started = time.monotonic() - begun
    for node in [first, *others]:
        node.wait_peers(7, begun + 20 - time.monotonic())
    met = time.monotonic() - begun

    first.kill()
    begun = time.monotonic()
    ninth = Node(*SMALL, "--bootstrap", random.choice(others).address)
    for node in [ninth, *others]:
        node.wait_peers(7, begun + 20 - time.monotonic())
        node.wait_peers(7, 2)
    return f"started in {started:.1f} s, met in {met:.1f} s, again in {time.monotonic() - begun:.1f} s"


times = int(sys.argv[sys.argv.index("--times") + 1]) if "--times" in sys.argv else 3
for _ in range(times):
    case(all_find_each_other)
finish()
