"""`kith up` for tests: starts it, reads what it says about its nodes, waits with deadlines, and leaves
nothing behind. Used with nodes.py's cases."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from nodes import KITH, Failure, check

_running = []


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def begun(pid):
    """When a process began, in ticks; None if it is gone or only waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


class Up:
    """One `kith up`. `prefix` stands before the command, as ["ip", "netns", "exec", "NAME"]."""

    def __init__(self, *flags, folder=None, prefix=(), stdout=None, preexec_fn=None):
        self.prefix = list(prefix)
        self.owns_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="kith-up-")
        self.output = []
        self._seen = {}
        command = [*self.prefix, KITH, "up", "--dir", self.folder, *map(str, flags)]
        self.process = subprocess.Popen(command, stdout=stdout or subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True,
                                        preexec_fn=preexec_fn)
        if stdout is None:
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
        _running.append(self)

    def _read(self):
        for line in self.process.stdout:
            self.output.append(line.rstrip("\n"))

    def nodes(self):
        """The nodes as status.json has them, [] before there is one; remembers their processes."""
        try:
            with open(os.path.join(self.folder, "status.json"), encoding="utf-8") as file:
                nodes = json.load(file)["nodes"]
        except OSError:
            return []
        for node in nodes:
            for pid in [node["pid"], *children_of(node["pid"])] if node["pid"] else []:
                self._seen.setdefault(pid, begun(pid))
        return nodes

    def node(self, index):
        return self.nodes()[index]

    def wait(self, condition, seconds, what):
        """Until the nodes satisfy the condition; what they then were."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            nodes = self.nodes()
            if nodes and condition(nodes):
                return nodes
            if self.process.poll() is not None:
                break
            threading.Event().wait(0.05)
        states = [(node["name"], node["state"], node["peers"], node["round"])
                  for node in self.nodes()]
        raise Failure(f"no {what} within {seconds} s: {states} {self.output[-3:]}")

    def wait_running(self, seconds=30):
        return self.wait(lambda nodes: all(node["state"] == "running" for node in nodes), seconds,
                         "all nodes running")

    def wait_peers(self, count, seconds):
        return self.wait(lambda nodes: all(node["peers"] == count for node in nodes), seconds,
                         f"nP {count} everywhere")

    def left(self):
        """Its processes that still live: nodes and their helpers, as far as they were seen."""
        return [pid for pid, ticks in self._seen.items() if ticks and begun(pid) == ticks]

    def wait_gone(self, seconds=5):
        """How long until nothing is left of it."""
        start = time.monotonic()
        while self.left() or self.process.poll() is None:
            if time.monotonic() - start > seconds:
                raise Failure(f"still there after {seconds} s: {self.left()}")
            threading.Event().wait(0.02)
        return time.monotonic() - start

    def stop(self, signum=signal.SIGTERM, seconds=5):
        """Exit status and how long it took until all were gone."""
        self.nodes()
        self.process.send_signal(signum)
        took = self.wait_gone(seconds)
        return self.process.returncode, took

    def log(self, index):
        with open(os.path.join(self.folder, f"node-{index:02}.log"), encoding="utf-8") as file:
            return file.read()

    def end(self):
        self.nodes()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.left():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def end_fleets():
    while _running:
        _running.pop().end()


def fleets(test):
    """A case whose fleets are gone afterwards."""
    def with_end():
        try:
            return test()
        finally:
            end_fleets()
    with_end.__name__ = test.__name__
    return with_end


def ports_of(nodes):
    ports = [node["port"] for node in nodes]
    check(len(set(ports)) == len(ports), f"ports {ports}")
    return ports


def has_colour(lines):
    return any(re.search("\033", line) for line in lines)
