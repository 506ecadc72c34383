#!/usr/bin/env python3
"""`kith up`: nodes that find each other, are started again, are given up, and are all gone."""

import json
import os
import pty
import signal
import socket
import subprocess
import tempfile
import threading
import time

from fleet import Up, fleets, has_colour, ports_of
from nodes import KITH, case, check, finish, free_port, run_kith

BASE = ["--bind", "127.0.0.1", "--port", free_port(), "--synthetic", "--model", "mlp:8"]
SMALL = [*BASE, "--steps", "5", "--round-time", "0.5"]


def all_free(ports):
    for port in ports:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(type=kind) as probe:
                if kind == socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))


@fleets
def nodes_find_each_other_and_all_are_gone():
    up = Up("--nodes", 5, *SMALL)
    nodes = up.wait_peers(4, 30)
    ports = ports_of(nodes)
    check(len({node["hotkey"] for node in nodes}) == 5, "hotkeys")
    check(len({node["pid"] for node in nodes}) == 5, "processes")
    up.wait(lambda nodes: all(node["round"] > 3 and node["loss"] for node in nodes), 20, "rounds")
    status, seconds = up.stop(signal.SIGINT)
    check(status == 0, f"status {status}")
    all_free(ports)
    # Each has a log of its own, and all are merged, the name before each line.
    for index in range(5):
        log = up.log(index).splitlines()
        check(log and all(f"node-{index:02} | {line}" in up.output for line in log), f"{index}")
        check("of 12000 images" in up.log(index) and "mlp:8" in up.log(index), "other options")
        check("Epoch" in up.log(index), "no training")
    check(not has_colour(up.output), "colour without a terminal")
    check(all(node["state"] == "stopped" for node in up.nodes()), "not told that they stopped")
    return f"gone in {seconds:.2f} s"


@fleets
def who_dies_is_started_again_and_nobody_else_notices():
    up = Up("--nodes", 4, *SMALL)
    before = up.wait_peers(3, 30)
    # The one that all began with, and another.
    for index in (0, 2):
        os.kill(before[index]["pid"], signal.SIGKILL)
    nodes = up.wait(lambda nodes: nodes[0]["restarts"] == 1 and nodes[2]["restarts"] == 1 and
                    all(node["state"] == "running" and node["peers"] == 3 for node in nodes), 30,
                    "second life")
    for index in range(4):
        check(nodes[index]["hotkey"] == before[index]["hotkey"], "another hotkey")
        check(nodes[index]["port"] == before[index]["port"], "another port")
        same = nodes[index]["pid"] == before[index]["pid"]
        check(same == (index in (1, 3)) and nodes[index]["restarts"] == (index in (0, 2)), "others")
    said = [line for line in up.output if "killed by signal 9" in line]
    check(len(said) == 2 and "starts again in 0.5 s" in said[0], said)
    check(up.stop()[0] == 0, "status")


@fleets
def after_five_deaths_it_is_given_up_and_the_others_go_on():
    up = Up("--nodes", 3, *SMALL)
    begun = time.monotonic()
    for life in range(5):
        node = up.wait(lambda nodes: nodes[1]["state"] == "running" and
                       nodes[1]["restarts"] == life, 30, f"life {life}")[1]
        os.kill(node["pid"], signal.SIGKILL)
    nodes = up.wait(lambda nodes: nodes[1]["state"] == "failed", 10, "end")
    check(time.monotonic() - begun < 60, "the machine is too busy to die five times in a minute")
    check(any("node-01" in line and "not started again" in line for line in up.output), "unsaid")
    rounds = [nodes[0]["round"], nodes[2]["round"]]
    nodes = up.wait(lambda nodes: nodes[0]["round"] > rounds[0] + 3 and
                    nodes[2]["round"] > rounds[1] + 3, 20, "rounds of the others")
    check(nodes[0]["restarts"] == 0 and nodes[2]["restarts"] == 0, "others died")
    check(up.stop()[0] == 1, "a failed node and status 0")


@fleets
def when_it_is_killed_its_nodes_end_by_themselves():
    up = Up("--nodes", 3, *SMALL)
    up.wait_peers(2, 30)
    nodes = up.wait(lambda nodes: all(node["round"] > 2 for node in nodes), 20, "rounds")
    up.process.kill()
    seconds = up.wait_gone()
    all_free(ports_of(nodes))
    # Nothing stays locked, and they are who they were.
    again = Up("--nodes", 3, *SMALL, folder=up.folder)
    after = again.wait_peers(2, 30)
    check([node["hotkey"] for node in after] == [node["hotkey"] for node in nodes], "hotkeys")
    check(all(new["round"] >= old["round"] > 0 for new, old in zip(after, nodes)), "not resumed")
    again.stop()
    return f"gone in {seconds:.2f} s"


@fleets
def in_the_background():
    with tempfile.TemporaryDirectory() as folder:
        command = ["up", "--dir", folder, "--nodes", "2", "--detach", *SMALL]
        status, out, err = run_kith(*command)
        check(status == 0 and not err and "2 nodes" in out and out.count("\n") == 1, out + err)
        try:
            background_is_used(folder, command)
        finally:
            run_kith("up", "stop", "--dir", folder)


def background_is_used(folder, command):
    deadline = time.monotonic() + 30
    while True:
        status, out, err = run_kith("up", "status", "--dir", folder, "--json")
        check(status == 0 and not err, err)
        nodes = json.loads(out)["nodes"]
        if all(node["peers"] == 1 and node["loss"] for node in nodes):
            break
        check(time.monotonic() < deadline, out)
        threading.Event().wait(0.1)
    status, out, err = run_kith("up", "status", "--dir", folder)
    check(status == 0 and not err and len(out.splitlines()) == 3, out + err)
    for node in nodes:
        row = next(line for line in out.splitlines() if line.startswith(node["name"]))
        check(str(node["port"]) in row and node["hotkey"] in row and "running" in row, row)
    # Another one in the same folder is refused, and the first goes on.
    for words in (command, [word for word in command if word != "--detach"]):
        status, out, err = run_kith(*words)
        check(status == 1 and not out and "runs here already" in err and err.count("\n") == 1, err)
    begun = time.monotonic()
    status, out, err = run_kith("up", "stop", "--dir", folder)
    check(status == 0 and not err and time.monotonic() - begun < 5, err)
    for node in nodes:
        check(not os.path.exists(f"/proc/{node['pid']}"), f"{node['pid']} is left")
    all_free(ports_of(nodes))
    for verb in ("stop", "status"):
        status, out, err = run_kith("up", verb, "--dir", folder)
        check(status == 1 and not out and "nothing runs here" in err and err.count("\n") == 1, err)


@fleets
def options_are_dealt_out():
    up = Up("--nodes", 3, *BASE, "--model", "mlp:12", "--classes", "0-4", "--classes", "5-9",
            "--shard", "2/6", "--rounds", 2)
    deadline = 40
    up.process.wait(timeout=deadline)
    check(up.process.returncode == 0, f"status {up.process.returncode}: {up.output[-3:]}")
    check(all(node["state"] == "done" for node in up.nodes()), "not done")
    for index, model in enumerate(["mlp:8", "mlp:12", "mlp:8"]):
        check(f"inputs, {model}," in up.log(index), f"{index} has not {model}")
    check(up.log(0).count("12000 images") == 1, "data")


@fleets
def who_does_not_listen_stops_nobody():
    read, write = os.pipe()
    up = Up("--nodes", 2, *BASE, "--steps", "5", stdout=write)
    os.close(write)
    try:
        # More than a pipe holds.
        up.wait(lambda nodes: len(up.log(0)) + len(up.log(1)) > 300000, 60, "300 kB of logs")
        os.kill(up.node(1)["pid"], signal.SIGKILL)
        up.wait(lambda nodes: nodes[1]["restarts"] == 1 and nodes[1]["peers"] == 1, 30, "restart")
        check(up.stop()[0] == 0, "status")
    finally:
        os.close(read)


@fleets
def names_are_coloured_on_a_terminal():
    ours, theirs = pty.openpty()
    up = Up("--nodes", 1, *SMALL, stdout=theirs)
    os.close(theirs)
    up.wait_running()
    text = os.read(ours, 65536)
    check(b"\033[31mnode-00\033[0m | " in text, text[:300])
    os.write(ours, b"\x03")  # no controlling terminal: nothing happens
    check(up.stop()[0] == 0, "status")
    os.close(ours)


def refused(status_wanted, *words, named):
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.join(folder, "run")
        status, out, err = run_kith("up", "--dir", folder, *words)
        good = status == status_wanted and not out and err.count("\n") == 1
        check(good and all(word in err for word in named), f"{words}: {status} {out} {err}")


def bad_input():
    refused(2, "--nodes", 4, "--shard", "1/4", "--synthetic", named=["--shard", '"1/4"'])
    refused(2, "--model", "100-5-10", named=["--model", '"100-5-10"'])
    refused(1, "--data", "/nowhere", named=["/nowhere", "no such file"])
    refused(1, "--swarm", "/nowhere.yaml", named=["/nowhere.yaml"])
    refused(1, "--synthetic", "--classes", ",".join(["1"] * 60000), named=["longer than"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(1, "--synthetic", "--bind", "127.0.0.1", "--port", port, named=[str(port), "in use"])
        refused(1, "--synthetic", "--bind", "127.0.0.1", "--port", port, "--detach",
                named=[str(port), "in use"])
    status, out, err = run_kith("up", "--synthetic", "--dir", "/dev/null/x")
    check(status == 1 and not out and "/dev/null" in err and err.count("\n") == 1, err)


def a_supervised_node_needs_a_supervisor():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([KITH, "node", "--supervised", "--synthetic", "--state", folder,
                               "--bind", "127.0.0.1"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20)
        check(done.returncode == 1 and "--supervised" in done.stderr, done.stderr)


def main():
    for test in (nodes_find_each_other_and_all_are_gone,
                 who_dies_is_started_again_and_nobody_else_notices,
                 after_five_deaths_it_is_given_up_and_the_others_go_on,
                 when_it_is_killed_its_nodes_end_by_themselves, in_the_background,
                 options_are_dealt_out, who_does_not_listen_stops_nobody,
                 names_are_coloured_on_a_terminal, bad_input,
                 a_supervised_node_needs_a_supervisor):
        case(test)
    finish()


if __name__ == "__main__":
    main()
