#!/usr/bin/env python3
"""A node as a process: ports, state directories, signals, kill -9 and restart, twins."""

import os
import signal
import socket
import subprocess
import tempfile
import time

from nodes import KITH, Node, case, check, finish, free_port, run_kith

SMALL = ["--synthetic", "--model", "mlp:8", "--steps", "10", "--round-time", "0.2"]
QUIET = [*SMALL, "--no-dht"]


def hotkey_of(node):
    """The address in a node's first lines."""
    return node.wait_text("^hotkey ", 20)["text"].split()[1]


def rounds(node, at_least, seconds=20):
    return node.wait(lambda line: line.get("round", -1) >= at_least, seconds, f"round {at_least}")


def resumed_at(node):
    return int(node.wait_text("resumed from the checkpoint of round", 20)["text"].split()[-1])


def a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        node = Node(*QUIET, port=port)
        status = node.process.wait(timeout=20)
        node.wait_text(f"port {port}.*in use", 5)
        check(status == 1, f"exit status {status}")


def without_a_port_any_is_chosen_and_printed():
    with tempfile.TemporaryDirectory() as state:
        process = subprocess.Popen(
            [KITH, "node", *QUIET, "--bind", "127.0.0.1", "--state", state],
            stdout=subprocess.PIPE, text=True)
        try:
            line = next(line for line in process.stdout if "listening on" in line)
            port = int(line.rsplit(":", 1)[1])
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def two_nodes_cannot_share_a_state_directory():
    first = Node(*QUIET)
    first.wait_text("listening on", 20)
    second = Node(*QUIET, state=first.state)
    check(second.process.wait(timeout=20) == 1, "the second one runs")
    second.wait_text(f"{first.state}: another node uses this", 5)
    check(first.process.poll() is None, "the first one ended")


def a_second_node_of_a_user_takes_a_directory_of_its_own():
    with tempfile.TemporaryDirectory() as home:
        running = []
        try:
            for number, name in enumerate(["kith", "kith-2", "kith-3"]):
                process = subprocess.Popen(
                    [KITH, "node", *QUIET, "--bind", "127.0.0.1"], stdout=subprocess.PIPE,
                    text=True, env={**os.environ, "XDG_STATE_HOME": home})
                running.append(process)
                line = next(line for line in process.stdout if " - state " in line)
                check(line.rstrip().endswith(f"{home}/{name}"), line)
        finally:
            for process in running:
                process.kill()
                process.wait()
                process.stdout.close()


def a_silent_bootstrap_is_told_once_and_tried_again():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        node = Node(*QUIET, "--bootstrap", address)
        node.wait_text(f"bootstrap {address} does not answer", 20)
        rounds(node, 5)
        # Now somebody listens there: the node still tries, which a connection shows.
        silent.listen()
        silent.settimeout(60)
        silent.accept()[0].close()
    rounds(node, 8)
    told = [line for line in node.lines if "does not answer" in line.get("text", "")]
    check(len(told) == 1, f"told {len(told)} times")


def a_bootstrap_that_comes_later_is_found():
    port = free_port()
    node = Node(*QUIET, "--bootstrap", f"127.0.0.1:{port}")
    node.wait_text("does not answer", 20)
    Node(*QUIET, port=port)
    node.wait_peers(1, 60)


def a_name_that_does_not_resolve_is_told():
    node = Node(*QUIET, "--bootstrap", "no-such-host.invalid:8120")
    node.wait_text("no-such-host.invalid:8120 cannot be resolved", 20)
    rounds(node, 2)


def a_signal_ends_a_node_within_a_second():
    for number in (signal.SIGTERM, signal.SIGINT):
        first = Node(*QUIET)
        second = Node(*QUIET, "--bootstrap", first.address)
        first.wait_peers(1, 20)
        rounds(second, 3)
        status, seconds = second.stop(signum=number)
        check(status == 0 and seconds < 1, f"status {status} after {seconds:.2f} s")
        check(os.path.getsize(os.path.join(second.state, "checkpoint")) > 0, "no checkpoint")
        first.wait_text(" left$", 2)
        first.wait_peers(0, 5)
        again = Node(*QUIET, state=second.state)
        check(resumed_at(again) >= 3, "the checkpoint is old")


def a_node_that_has_just_started_ends_at_once_too():
    node = Node(*QUIET, "--bootstrap", "no-such-host.invalid:8120")
    node.wait_text("listening on", 20)
    status, seconds = node.stop()
    check(status == 0 and seconds < 1, f"status {status} after {seconds:.2f} s")


def a_second_signal_ends_it_at_once():
    node = Node(*SMALL)
    rounds(node, 2)
    # A stopped helper and a held state file cannot keep it: the second signal is final.
    node.process.send_signal(signal.SIGSTOP)
    node.process.send_signal(signal.SIGTERM)
    node.process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    node.process.send_signal(signal.SIGCONT)
    node.process.wait(timeout=5)
    seconds = time.monotonic() - begun
    check(seconds < 1, f"{seconds:.2f} s")


def a_closed_pipe_does_not_end_it():
    with tempfile.TemporaryDirectory() as state:
        process = subprocess.Popen(
            [KITH, "node", *QUIET, "--bind", "127.0.0.1", "--state", state],
            stdout=subprocess.PIPE, text=True)
        try:
            line = next(line for line in process.stdout if "listening on" in line)
            process.stdout.close()
            observer = Node(*QUIET, "--bootstrap", "127.0.0.1:" + line.rsplit(":", 1)[1].strip())
            observer.wait_peers(1, 20)
            rounds(observer, 10)
            check(process.poll() is None, "SIGPIPE ended it")
            process.terminate()
            check(process.wait(timeout=5) == 0, "it did not end well")
        finally:
            process.kill()
            process.wait()


def after_kill_9_it_goes_on_with_the_same_hotkey():
    first = Node(*QUIET)
    killed = Node(*QUIET, "--epochs", "1000", "--bootstrap", first.address)
    hotkey = hotkey_of(killed)
    first.wait_peers(1, 20)
    killed.wait_test(1, 60)
    rounds(killed, killed.lines[-1]["round"] + 2)
    killed.kill()
    again = Node(*QUIET, "--bootstrap", first.address, state=killed.state)
    check(hotkey_of(again) == hotkey, "another hotkey")
    check(resumed_at(again) > 0, "from the start")
    again.wait_peers(1, 20)
    # Nobody ever counts it twice.
    rounds(first, first.wait_peers(1, 20)["round"] + 10)
    most = max(line["peers"] for line in first.lines if "peers" in line)
    check(most == 1, f"nP was {most}")


def a_killed_node_leaves_the_lists_in_time():
    nodes = [Node(*QUIET)]
    nodes += [Node(*QUIET, "--bootstrap", nodes[0].address) for _ in range(2)]
    for node in nodes:
        node.wait_peers(2, 20)
    nodes[0].kill()
    begun = time.monotonic()
    for node in nodes[1:]:
        node.wait_peers(1, 60)
    return f"after {time.monotonic() - begun:.1f} s"


def a_stopped_process_is_back_after_it_goes_on():
    first = Node(*QUIET)
    second = Node(*QUIET, "--bootstrap", first.address)
    first.wait_peers(1, 20)
    second.wait_peers(1, 20)
    second.process.send_signal(signal.SIGSTOP)
    first.wait_peers(0, 70)
    second.process.send_signal(signal.SIGCONT)
    first.wait_peers(1, 30)
    second.wait_peers(1, 30)
    check(second.process.poll() is None and first.process.poll() is None, "one ended")


def a_hotkey_that_already_runs_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "key")
        check(run_kith("key", "new", "--out", key)[0] == 0, "no key")
        first = Node(*QUIET)
        twin = Node(*QUIET, "--key", key, "--bootstrap", first.address)
        first.wait_peers(1, 20)
        # Of two that both started in the last 30 s both give way: the older one must be older.
        rounds(twin, 160, 60)
        second = Node(*QUIET, "--key", key, "--bootstrap", first.address)
        second.wait_text("another node.*this hotkey", 40)
        check(second.process.wait(timeout=10) == 1, "it went on")
        check(twin.process.poll() is None, "the older one ended")
        rounds(first, first.wait_peers(1, 20)["round"] + 5)


def main():
    for test in (a_port_in_use_is_named, without_a_port_any_is_chosen_and_printed,
                 two_nodes_cannot_share_a_state_directory,
                 a_second_node_of_a_user_takes_a_directory_of_its_own,
                 a_silent_bootstrap_is_told_once_and_tried_again,
                 a_bootstrap_that_comes_later_is_found, a_name_that_does_not_resolve_is_told,
                 a_signal_ends_a_node_within_a_second,
                 a_node_that_has_just_started_ends_at_once_too, a_second_signal_ends_it_at_once,
                 a_closed_pipe_does_not_end_it, after_kill_9_it_goes_on_with_the_same_hotkey,
                 a_killed_node_leaves_the_lists_in_time,
                 a_stopped_process_is_back_after_it_goes_on,
                 a_hotkey_that_already_runs_is_refused):
        case(test)
    finish()


if __name__ == "__main__":
    main()
