"""The main job, shown: see tools/demo."""

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

EPOCHS = 12
KILLED_AFTER = 6  # epochs of node 2
LIMIT_S = 110
SHOWN_EVERY = 17  # of the lines that show training
CLASSES = ["0-1", "2-3", "4-5"]
# A pace that can be followed; and whoever is done first goes on serving, so that the other does not
# end alone.
TOGETHER = ["--round-time", "0.2", "--stay"]

TEST = re.compile(r"Test set: .*Accuracy: (\d+)/(\d+)")
PORT = re.compile(r"listening on \S+:(\d+)")


class Node:
    def __init__(self, kith, number, lines, *flags):
        self.number = number
        self.accuracy = None
        self.tests = 0
        self.port = None
        self.state = tempfile.mkdtemp(prefix="kith-demo-")
        part = ["--shard", f"{number - 1}/3", "--classes", CLASSES[number - 1]]
        self.process = subprocess.Popen(
            [kith, "node", "--bind", "127.0.0.1", "--state", self.state, "--epochs", str(EPOCHS),
             "--rate", "0.05", *part, *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def _read(self, lines):
        for line in self.process.stdout:
            lines.put((self, line.rstrip("\n")))
        lines.put((self, None))

    def take(self, line):
        """Note what a line says."""
        if found := TEST.search(line):
            self.accuracy = 100 * int(found[1]) / int(found[2])
            self.tests += 1
        if found := PORT.search(line):
            self.port = found[1]

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.state, ignore_errors=True)


def shown(node, line, counts):
    """Few of the lines about training, all others."""
    if "Train Epoch" not in line:
        return True
    counts[node.number] = counts.get(node.number, 0) + 1
    return counts[node.number] % SHOWN_EVERY == 1


def follow(nodes, lines, deadline, show, after_line):
    """Read all nodes to their end; after_line may add nodes."""
    counts = {}
    ended = set()
    while len(ended) < len(nodes):
        node, line = lines.get(timeout=max(0.1, deadline - time.monotonic()))
        if line is None:
            ended.add(node)
            continue
        node.take(line)
        if show and shown(node, line, counts):
            print(f"node {node.number}: {line}", flush=True)
        after_line(node)


def together(kith, deadline, nodes):
    lines = queue.Queue()
    first = Node(kith, 1, lines, *TOGETHER)
    nodes.append(first)

    def after_line(node):
        if first.port and len(nodes) == 1:
            nodes.extend(Node(kith, number, lines, *TOGETHER, "--bootstrap",
                              f"127.0.0.1:{first.port}") for number in (2, 3))
        if node.number == 2 and node.tests == KILLED_AFTER and first.process.poll() is None:
            print("--- node 1 is killed (kill -9) ---", flush=True)
            first.process.kill()
            first.process.wait()
        if len(nodes) == 3 and all(other.tests >= EPOCHS for other in nodes[1:]):
            for other in nodes[1:]:
                other.process.terminate()

    follow(nodes, lines, deadline, True, after_line)
    return nodes[1:]


def alone(kith, deadline, nodes):
    lines = queue.Queue()
    nodes.extend(Node(kith, number, lines, "--no-peers") for number in (2, 3))
    follow(nodes, lines, deadline, False, lambda node: None)


def main():
    kith = sys.argv[1]
    begun = time.monotonic()
    deadline = begun + LIMIT_S
    nodes, lone = [], []
    try:
        print("three nodes, two classes each; 100 % would be all ten classes\n", flush=True)
        survivors = together(kith, deadline, nodes)
        print("\n--- the same two nodes, each alone (--no-peers) ---\n", flush=True)
        alone(kith, deadline, lone)
    except queue.Empty:
        print(f"demo: not done within {LIMIT_S} s", file=sys.stderr)
        return 1
    finally:
        for node in nodes + lone:
            node.end()
    if any(node.accuracy is None for node in survivors + lone):
        print("demo: a node ended without a test of its model", file=sys.stderr)
        return 1
    print("accuracy on the whole test set after "
          f"{EPOCHS} epochs    together, node 1 killed half-way    alone")
    for node, single in zip(survivors, lone):
        print(f"node {node.number}, classes {CLASSES[node.number - 1]}"
              f"{node.accuracy:40.1f} %{single.accuracy:33.1f} %")
    print(f"\n{time.monotonic() - begun:.0f} s")
    better = all(node.accuracy > single.accuracy + 5 for node, single in zip(survivors, lone))
    return 0 if better else 1


if __name__ == "__main__":
    # Ctrl+C ends the demo and all its nodes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.environ.setdefault("LC_ALL", "C")
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
