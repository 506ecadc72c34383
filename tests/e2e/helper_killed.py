#!/usr/bin/env python3
"""Killing the DHT helper of a node, or sending it the datagrams that kill OpenDHT 2.4.12, costs no link
and no training step."""

import glob
import os
import signal
import socket
import sys
import time

from nodes import Failure, Node, case, check, finish

SMALL = ["--synthetic", "--model", "mlp:8", "--steps", "10", "--round-time", "0.1"]
HOSTILE = sys.argv[1]  # a directory of hostile datagrams, one a file


def helper_of(node):
    """The pid of a node's kith-dht, None if it has none now."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                text = file.read()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        if name == "kith-dht" and int(rest[1]) == node.process.pid and rest[0] != "Z":
            return int(text.split()[0])
    return None


def wait_helper(node, other_than, seconds):
    """Poll on the node's own lines, which come ten times a second."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid = helper_of(node)
        if pid and pid != other_than:
            return pid
        node.next(deadline)
    raise Failure(f"no helper within {seconds} s")


def pair():
    first = Node(*SMALL)
    second = Node(*SMALL, "--bootstrap", first.address)
    for node in (first, second):
        node.wait_peers(1, 20)
    return first, second


def stays_linked_and_trains(node, rounds):
    """Rounds go on and no line ever says that the peer is gone."""
    start = node.wait(lambda line: "round" in line, 10, "round")["round"]
    while True:
        line = node.wait(lambda line: "round" in line, 10, "round")
        check(line["peers"] == 1, f"the peer was lost: {line}")
        if line["round"] >= start + rounds:
            return


def a_killed_helper_costs_nothing():
    first, second = pair()
    helper = wait_helper(first, None, 10)
    os.kill(helper, signal.SIGKILL)
    stays_linked_and_trains(first, 10)
    wait_helper(first, helper, 10)
    stays_linked_and_trains(second, 10)


def hostile_datagrams_cost_nothing():
    first, second = pair()
    helper = wait_helper(first, None, 10)
    datagrams = [open(path, "rb").read() for path in sorted(glob.glob(HOSTILE + "/*"))]
    check(len(datagrams) > 0, f"no datagrams in {HOSTILE}")
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        for datagram in datagrams:
            udp.sendto(datagram[:60000], ("127.0.0.1", first.port))
    stays_linked_and_trains(first, 10)
    stays_linked_and_trains(second, 10)
    check(helper_of(first) == helper, "the helper died although its shield was up")


case(a_killed_helper_costs_nothing)
case(hostile_datagrams_cost_nothing)
finish()
