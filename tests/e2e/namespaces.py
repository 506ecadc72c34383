"""Hosts for tests: network namespaces joined by a bridge, in a namespace of its own, so that the
machine's own network is never touched. Needs root and a kernel that allows it."""

import atexit
import os
import subprocess

PREFIX = "kith-test-"
COUNTERS = ("tx_bytes", "tx_packets", "rx_bytes", "rx_packets")


class Unavailable(Exception):
    """No such hosts here; the text says why."""


def ip(*words):
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        raise Unavailable("there is no program ip (Debian's iproute2)") from None
    if done.returncode != 0:
        raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def remove_leftovers():
    """Namespaces of tests that were killed."""
    for line in ip("netns", "list").splitlines():
        name = line.split()[0]
        if not name.startswith(PREFIX):
            continue
        if not os.path.exists(f"/proc/{name[len(PREFIX):].split('-')[0]}"):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


class Hosts:
    """`count` hosts, 10.77.0.1 and so on, each with one interface eth0."""

    def __init__(self, count):
        if os.geteuid() != 0:
            raise Unavailable("network namespaces need root")
        self.made = []
        atexit.register(self.end)
        remove_leftovers()
        self.names = [f"{PREFIX}{os.getpid()}-{index}" for index in range(count)]
        self.hub = f"{PREFIX}{os.getpid()}-hub"
        for name in [*self.names, self.hub]:
            ip("netns", "add", name)
            self.made.append(name)
        ip("-n", self.hub, "link", "add", "bridge", "type", "bridge")
        ip("-n", self.hub, "link", "set", "bridge", "up")
        for index in range(count):
            self._plug(index)

    def _plug(self, index):
        name, port = self.names[index], f"port{index}"
        ip("-n", self.hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("-n", self.hub, "link", "set", port, "up")
        self.heal(index)
        ip("-n", name, "addr", "add", f"{self.address(index)}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "link", "set", "lo", "up")

    @staticmethod
    def address(index):
        return f"10.77.0.{index + 1}"

    def inside(self, index):
        """What stands before a command that is to run there."""
        return ["ip", "netns", "exec", self.names[index]]

    def cut(self, index):
        """Its cable leads nowhere: what it sends is lost without a word."""
        ip("-n", self.hub, "link", "set", f"port{index}", "nomaster")

    def heal(self, index):
        ip("-n", self.hub, "link", "set", f"port{index}", "master", "bridge")
        # What goes to a host that is cut off is not shown to the others instead.
        ip("-n", self.hub, "link", "set", f"port{index}", "type", "bridge_slave", "flood", "off")

    def net_of(self, index):
        """The namespace as /proc/PID/ns/net names it."""
        return f"net:[{os.stat(f'/run/netns/{self.names[index]}').st_ino}]"

    def read(self, index, path):
        return subprocess.run([*self.inside(index), "cat", path], capture_output=True, text=True,
                              check=True, timeout=20).stdout

    def counters(self, index):
        """{interface: {counter: value}} of its interfaces."""
        lines = self.read(index, "/proc/net/dev").splitlines()[2:]
        found = {}
        for line in lines:
            name, _, rest = line.partition(":")
            fields = [int(word) for word in rest.split()]
            found[name.strip()] = dict(zip(COUNTERS, (fields[8], fields[9], fields[0], fields[1])))
        return found

    def end(self):
        while self.made:
            subprocess.run(["ip", "netns", "del", self.made.pop()], check=False, capture_output=True)
