#!/usr/bin/env python3
"""Eighty real nodes on four hosts and no 81st. The hosts are network namespaces joined by a bridge,
each with twenty nodes under `kith up`. `--seed N` repeats who is killed and when."""

import ctypes
import os
import random
import signal
import statistics
import sys
import time
from threading import Event

from fleet import Up, begun, children_of, end_fleets
from namespaces import Hosts, Unavailable
from nodes import Failure, check

HOSTS, EACH = 4, 20
ALL = HOSTS * EACH
PORT = 8120
CUT_S, LISTED_S, HEALED_S, KILLS_S = 30, 60, 60, 10
DIFFERENCE = 0.05
OPTIONS = ["--synthetic", "--model", "mlp:8", "--steps", 10, "--round-time", 5, "--no-restart",
           "--log", "json"]
# Bytes before the payload of a packet: Ethernet's on eth0 only, IPv4 20, TCP 20 and 12 of
# timestamps, UDP 8.
ETHERNET, TCP, UDP = 14, 52, 28


class Swarm:
    """All nodes of all hosts."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.fleets = []  # (host, Up)
        self.alive = set()  # hotkeys

    def start(self, host, count, first):
        flags = ["--nodes", count, "--port", PORT + (first % EACH), "--shard", f"{first}/{ALL}"]
        if self.fleets:
            flags += ["--bootstrap", f"{self.hosts.address(0)}:{PORT}"]
        self.fleets.append((host, Up(*flags, *OPTIONS, prefix=self.hosts.inside(host),
                                     preexec_fn=die_with_parent)))

    def nodes(self):
        return [{**node, "host": host} for host, up in self.fleets for node in up.nodes()]

    def living(self):
        return [node for node in self.nodes() if node["state"] == "running"]

    def wait(self, condition, seconds, what, watch=None):
        """Until all living nodes satisfy it: seconds it took."""
        start = time.monotonic()
        while True:
            nodes = self.living()
            if watch:
                watch(nodes)
            if nodes and condition(nodes):
                return time.monotonic() - start
            if time.monotonic() - start > seconds:
                peers = sorted(node["peers"] for node in nodes)
                raise Failure(f"no {what} within {seconds} s: {len(nodes)} nodes, nP {peers}")
            Event().wait(0.25)

    def wait_lists(self, count, seconds):
        """Until `count` nodes live and each lists all others."""
        return self.wait(lambda nodes: len(nodes) == count and
                         all(node["peers"] == count - 1 for node in nodes), seconds,
                         f"{count} nodes that list {count - 1} others")

    def rounds(self):
        return {node["hotkey"]: node["round"] for node in self.living()}

    def wait_rounds(self, before, more, seconds):
        """Until everyone alive has done so many rounds more."""
        return self.wait(lambda nodes: all(node["round"] >= before.get(node["hotkey"], 0) + more
                                           for node in nodes), seconds, f"{more} more rounds")


def processes_of(hosts):
    """What runs on the hosts: {pid: (program, command line)}."""
    nets = {hosts.net_of(index) for index in range(HOSTS)}
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if os.readlink(f"/proc/{name}/ns/net") not in nets or begun(name) is None:
                continue
            with open(f"/proc/{name}/cmdline", encoding="utf-8") as file:
                words = file.read().split("\0")
            found[int(name)] = (os.path.basename(os.readlink(f"/proc/{name}/exe")), words)
        except OSError:
            continue
    return found


def cpu_s(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kib(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def seventy_nine_of_eighty_train(swarm):
    for host in range(HOSTS):
        swarm.start(host, EACH - (host == HOSTS - 1), host * EACH)
    swarm.wait(lambda nodes: len(nodes) == ALL - 1, LISTED_S, "79 nodes that run")
    listed = swarm.wait_lists(ALL - 1, LISTED_S)
    swarm.wait_rounds(swarm.rounds(), 2, 40)
    return f"each lists 78 others {listed:.1f} s after the last start"


def each_of_eighty_lists_79_others(swarm):
    swarm.start(HOSTS - 1, 1, ALL - 1)
    swarm.wait(lambda nodes: len(nodes) == ALL, LISTED_S, "80 nodes that run")
    listed = swarm.wait_lists(ALL, LISTED_S)
    swarm.alive = {node["hotkey"] for node in swarm.living()}
    check(len(swarm.alive) == ALL, f"{len(swarm.alive)} hotkeys")
    return f"{listed:.1f} s after the last start"


def there_is_no_81st(swarm):
    """Nodes, one DHT helper each, the supervisors; one listening port a node, and no other."""
    found = processes_of(swarm.hosts)
    nodes = [pid for pid, (_, words) in found.items() if words[:2] == ["kith", "node"]]
    ups = [pid for pid, (program, words) in found.items() if program == "kith" and words[1] == "up"]
    helpers = [pid for pid, (program, _) in found.items() if program == "kith-dht"]
    check(sorted(nodes) == sorted(node["pid"] for node in swarm.living()), "other nodes")
    check(len(nodes) == ALL, f"{len(nodes)} nodes")
    check(sorted(helpers) == sorted(child for pid in nodes for child in children_of(pid)), "helpers")
    check(len(helpers) == ALL, f"{len(helpers)} helpers")
    check(sorted(ups) == sorted(up.process.pid for _, up in swarm.fleets), "supervisors")
    check(len(found) == len(nodes) + len(helpers) + len(ups), f"others: {found}")
    ports = {(node["host"], node["port"]) for node in swarm.living()}
    for host in range(HOSTS):
        lines = swarm.hosts.read(host, "/proc/net/tcp").splitlines()[1:]
        listening = {(host, int(line.split()[1].split(":")[1], 16)) for line in lines
                     if line.split()[3] == "0A"}
        check(listening == {each for each in ports if each[0] == host}, f"{listening} listen")
    return (f"{len(nodes)} kith node, {len(helpers)} kith-dht (one a node), {len(ups)} kith up, which "
            "open no port")


def the_bootstrap_host_is_cut_off_and_healed(swarm):
    before = swarm.rounds()
    fewest = [ALL]

    def watch(nodes):
        fewest[0] = min(fewest[0], *(node["peers"] for node in nodes))

    swarm.hosts.cut(0)
    until = time.monotonic() + CUT_S
    try:
        swarm.wait(lambda nodes: time.monotonic() >= until, CUT_S + 5, "", watch)
    finally:
        swarm.hosts.heal(0)
    for hotkey, rounds in swarm.rounds().items():
        check(rounds >= before[hotkey] + 3, f"{rounds - before[hotkey]} rounds in {CUT_S} s")
    healed = swarm.wait_lists(ALL, HEALED_S)
    return f"cut for {CUT_S} s, lists of {fewest[0]} at least; all 79 again {healed:.1f} s after"


def one_third_is_killed(swarm, draw):
    victims = draw.sample(sorted(swarm.living(), key=lambda node: (node["host"], node["port"])),
                          round(ALL / 3))
    for victim in sorted(victims, key=lambda node: node["pid"]):
        victim["at"] = draw.uniform(0, KILLS_S)
    start = time.monotonic()
    for victim in sorted(victims, key=lambda node: node["at"]):
        Event().wait(max(0.0, start + victim["at"] - time.monotonic()))
        os.kill(victim["pid"], signal.SIGKILL)
    left = ALL - len(victims)
    before = swarm.rounds()
    gone = swarm.wait_lists(left, LISTED_S)
    swarm.wait_rounds(before, 3, 40)
    # Not only as many: these.
    swarm.alive -= {victim["hotkey"] for victim in victims}
    check({node["hotkey"] for node in swarm.living()} == swarm.alive, "others live than should")
    on_host_0 = sum(victim["host"] == 0 for victim in victims)
    return (f"{len(victims)} killed within {KILLS_S} s, {on_host_0} of them on the bootstrap's host; "
            f"{left} list {left - 1} others {gone:.1f} s after the last")


def all_stop(swarm):
    """All are gone within 5 s; a fleet that lost nodes says so."""
    print_costs(swarm)
    ups = [up for _, up in swarm.fleets]
    for up in ups:
        up.nodes()
        up.process.send_signal(signal.SIGTERM)
    longest = max(up.wait_gone(5) for up in ups)
    for up in ups:
        failed = any(node["state"] == "failed" for node in up.nodes())
        check(up.process.returncode == int(failed), f"status {up.process.returncode}")
    check(not processes_of(swarm.hosts), f"left: {processes_of(swarm.hosts)}")
    return f"in {longest:.1f} s"


def print_costs(swarm):
    nodes = [node["pid"] for node in swarm.living()]
    helpers = [child for pid in nodes for child in children_of(pid)]
    age = max(node["uptime_s"] for node in swarm.living())
    for name, pids in (("node", nodes), ("helper", helpers)):
        memory = statistics.median(rss_kib(pid) for pid in pids)
        cpu = sum(cpu_s(pid) for pid in pids)
        print(f"# {len(pids)} x {name}: {memory / 1024:.1f} MiB resident each, "
              f"{cpu / age / len(pids) * 100:.2f} % of a core each")


def balance(swarm, interfaces):
    """Interfaces: eth0 and lo, since nodes of one host talk over lo, where nobody else does. Headers
    are estimated by packets: 14 of Ethernet each on eth0, 28 of IPv4 and UDP for each datagram that
    the nodes counted, 52 of IPv4 and TCP for every other packet. Prints the table; the differences."""
    print("# host way        eth0          lo     headers = carried by them |"
          "       links         DHT = counted by nodes | difference")
    nodes = swarm.nodes()
    off = {}
    for host, way in ((host, way) for host in range(HOSTS) for way in ("out", "in")):
        eth, lo = interfaces[host]["eth0"], interfaces[host]["lo"]
        tx = "tx" if way == "out" else "rx"
        datagrams, links, dht = (sum(node["counters"][f"{name}_{way}"] for node in nodes
                                     if node["host"] == host)
                                 for name in ("dht_datagrams", "wire_bytes", "dht_bytes"))
        headers = (eth[f"{tx}_packets"] * ETHERNET + datagrams * UDP +
                   (eth[f"{tx}_packets"] + lo[f"{tx}_packets"] - datagrams) * TCP)
        carried = eth[f"{tx}_bytes"] + lo[f"{tx}_bytes"] - headers
        counted = links + dht
        off[host, way] = (counted - carried) / carried
        print(f"# {host:4} {way:3} {eth[f'{tx}_bytes']:11} {lo[f'{tx}_bytes']:11} {headers:11} = "
              f"{carried:15} | {links:11} {dht:11} = {counted:16} | {off[host, way]:+10.2%}")
        check(carried > 1e6, f"only {carried} bytes")
    return off


def the_books_balance(swarm):
    """Both ways, since the first start, while nothing is lost. A node reports once a second, and its
    helper to it: the reports are read as much later than the interfaces."""
    interfaces = [swarm.hosts.counters(host) for host in range(HOSTS)]
    Event().wait(1.0)
    off = max(map(abs, balance(swarm, interfaces).values()))
    check(off <= DIFFERENCE, f"{off:.2%} off")
    return f"{off:.2%} off at most"


def the_books_of_the_whole_run_balance(swarm):
    """What came in. What went out is shown: while a host was cut off, TCP sent much again, which only
    the interfaces count, and kept much for the end of a link, which only the nodes count."""
    off = balance(swarm, [swarm.hosts.counters(host) for host in range(HOSTS)])
    worst = max(abs(value) for (_, way), value in off.items() if way == "in")
    check(worst <= DIFFERENCE, f"{worst:.2%} off")
    return f"{worst:.2%} off at most"


def die_with_parent():
    """Should this script be killed, its supervisors stop, and with them all nodes."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def main():
    seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else \
        random.SystemRandom().randrange(1 << 32)
    try:
        hosts = Hosts(HOSTS)
    except Unavailable as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    print(f"# --seed {seed}", flush=True)
    draw = random.Random(seed)
    swarm = Swarm(hosts)
    steps = [seventy_nine_of_eighty_train, each_of_eighty_lists_79_others, there_is_no_81st,
             the_books_balance, the_bootstrap_host_is_cut_off_and_healed, one_third_is_killed,
             all_stop, the_books_of_the_whole_run_balance]
    failed = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for number, step in enumerate(steps, 1):
            try:
                check(not failed, "not tried after the failure above")
                note = step(swarm, draw) if step is one_third_is_killed else step(swarm)
                print(f"ok {number} - {step.__name__} # {note}", flush=True)
            except Failure as failure:
                failed = True
                print(f"# {failure}\nnot ok {number} - {step.__name__}", flush=True)
    finally:
        end_fleets()
        hosts.end()
    print(f"1..{len(steps)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
