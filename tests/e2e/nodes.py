"""Real nodes for tests: starts `kith node` processes on 127.0.0.1, reads their logs, waits for lines
with deadlines, and leaves nothing behind. Speaks TAP."""

import atexit
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

KITH = os.environ.get("KITH", "build/tools/kith")
_nodes = []
_count = 0
_failed = 0


class Failure(Exception):
    """A check did not hold; the text says which."""


def free_port():
    """A TCP and UDP port that is free now, below the range from which the system draws its own."""
    for port in range(20000 + os.getpid() % 8000, 32000):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in free_port.given:
                free_port.given.add(port)
                return port
    raise Failure("no free port")


free_port.given = set()


class Node:
    """One `kith node` process. `lines` holds all it printed, as objects of --log json or as text."""

    def __init__(self, *flags, state=None, port=None, log="json", env=None):
        self.port = port or free_port()
        self.state = state or tempfile.mkdtemp(prefix="kith-test-")
        self.owns_state = state is None
        self.lines = []
        self._queue = queue.Queue()
        command = [KITH, "node", "--bind", "127.0.0.1", "--port", str(self.port), "--state",
                   self.state, "--log", log, *map(str, flags)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env={**os.environ, **(env or {})})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        _nodes.append(self)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    @staticmethod
    def _parse(line):
        try:
            return json.loads(line)
        except ValueError:
            return {"text": line}

    def next(self, deadline):
        """The next line, None at the end of the output; Failure after the deadline."""
        try:
            line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Failure(f"nothing more from node {self.port}: {self.tail()}") from None
        if line is None:
            self._queue.put(None)
            return None
        self.lines.append(self._parse(line))
        return self.lines[-1]

    def wait(self, condition, seconds, what):
        """The first line from now on that satisfies the condition."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            line = self.next(deadline)
            if line is None:
                break
            if condition(line):
                return line
        raise Failure(f"node {self.port}: no {what} within {seconds} s: {self.tail()}")

    def wait_text(self, pattern, seconds):
        return self.wait(lambda line: re.search(pattern, line.get("text", "")), seconds, pattern)

    def wait_peers(self, count, seconds):
        return self.wait(lambda line: line.get("peers") == count, seconds, f"nP {count}")

    def wait_test(self, epoch, seconds):
        """The accuracy after an epoch, in percent."""
        line = self.wait(lambda line: line.get("correct") is not None and line["epoch"] == epoch,
                         seconds, f"test of epoch {epoch}")
        return 100.0 * line["correct"] / line["samples"]

    def tail(self):
        return " / ".join(str(line) for line in self.lines[-4:])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=10, signum=signal.SIGTERM):
        """Ask it to end; the exit status and how long it took."""
        begun = time.monotonic()
        self.process.send_signal(signum)
        status = self.process.wait(timeout=seconds)
        return status, time.monotonic() - begun

    def end(self):
        if self.process.poll() is None:
            self.kill()
        if self.owns_state:
            shutil.rmtree(self.state, ignore_errors=True)


def end_all():
    while _nodes:
        _nodes.pop().end()


atexit.register(end_all)


def run_kith(*arguments, seconds=30, env=None):
    """A kith command to its end: status, standard output, standard error."""
    done = subprocess.run([KITH, *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def check(condition, what):
    if not condition:
        raise Failure(what)


def case(test):
    """Run one case and print its TAP line; every node it started is gone afterwards."""
    global _count, _failed
    _count += 1
    name = test.__name__
    try:
        note = test()
        print(f"ok {_count} - {name}" + (f" # {note}" if note else ""), flush=True)
    except (Failure, subprocess.TimeoutExpired) as failure:
        _failed += 1
        print(f"# {failure}\nnot ok {_count} - {name}", flush=True)
    finally:
        end_all()


def finish():
    print(f"1..{_count}")
    sys.exit(1 if _failed else 0)
