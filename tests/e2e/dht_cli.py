#!/usr/bin/env python3
"""dht-cli looks at real nodes: who is there, one node's counters, and its exit statuses."""

import json
import os
import subprocess

from nodes import KITH, Node, case, check, finish, free_port, run_kith

DHT_CLI = os.path.join(os.path.dirname(KITH), "dht-cli")
SMALL = ["--synthetic", "--model", "mlp:8", "--steps", "10", "--round-time", "0.2", "--no-dht"]


def look(*words):
    done = subprocess.run([DHT_CLI, *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def two_nodes():
    first = Node(*SMALL)
    second = Node(*SMALL, "--bootstrap", first.address)
    for node in (first, second):
        node.wait_peers(1, 20)
    return first, second, ["--bootstrap", first.address, "--synthetic"]


def hotkey_of(node):
    status, out, err = run_kith("key", "show", "--state", node.state)
    check(status == 0, err)
    return out.split()[0]


def peers_lists_every_node():
    first, second, where = two_nodes()
    status, out, err = look("peers", "--json", *where)
    check(status == 0 and not err, err)
    found = {peer["hotkey"]: peer for peer in json.loads(out)}
    check(set(found) == {hotkey_of(first), hotkey_of(second)}, out)
    for node in (first, second):
        peer = found[hotkey_of(node)]
        check(node.address in peer["addresses"] and peer["model"] == "mlp:8", out)
        check(peer["live"] and peer["last_seen_s"] < 60 and peer["state"] and peer["round"] >= 0, out)
    # Options may stand before the verb; the table has the same rows.
    status, out, _ = look(*where, "peers")
    check(status == 0 and len(out.splitlines()) == 3 and out.startswith("HOTKEY"), out)
    check(all(node.address in out for node in (first, second)), out)
    # A look leaves no trace: nobody counts the observer.
    line = first.wait_peers(1, 20)
    first.wait(lambda later: later.get("round", -1) > line["round"] + 5, 20, "more rounds")
    check(max(each["peers"] for each in first.lines if "peers" in each) == 1, "it was counted")


def whois_finds_a_node_through_another():
    _, second, where = two_nodes()
    hotkey = hotkey_of(second)
    status, out, err = look(*where, "--json", "whois", hotkey)
    check(status == 0 and not err, err)
    seen = json.loads(out)
    check(seen["hotkey"] == hotkey and second.address in seen["addresses"], out)
    check(seen["counters"]["peers"] == 1 and seen["counters"]["messages_in"] > 0, out)
    check(seen["counters"]["drop_malformed"] == 0, out)
    # Frames and handshakes come on top of the messages.
    counted = seen["counters"]
    check(counted["wire_bytes_in"] > counted["bytes_in"] > 0, out)
    check(counted["wire_bytes_out"] > counted["bytes_out"] > 0, out)
    status, out, _ = look("whois", hotkey, *where)
    check(status == 0 and f"hotkey      {hotkey}" in out, out)


def nobody_has_this_hotkey():
    _, _, where = two_nodes()
    stranger = "5Gw54ghuAHodDGAS91DUxqvKa6PeT9bhDdns3ztBupY8pSyn"
    status, out, err = look("whois", stranger, "--timeout", "3", *where)
    check(status == 1 and not out and stranger in err and err.count("\n") == 1, err)


def nobody_answers():
    where = f"127.0.0.1:{free_port()}"
    for words in (["peers"], ["peers", "--json"]):
        status, out, err = look(*words, "--bootstrap", where, "--timeout", "2")
        check(status == 3 and not out and where in err and err.count("\n") == 1, err)


def other_rules_do_not_mix():
    first, _, where = two_nodes()
    for words in (["--bootstrap", first.address], [*where, "--budget", "7"]):
        status, out, err = look("peers", *words, "--timeout", "2")
        check(status == 3 and not out and err.count("\n") == 1, err)


def the_rules_of_the_nodes_flags():
    node = Node(*SMALL, "--budget", "100000")
    where = ["--bootstrap", node.address, "--synthetic", "--budget", "100000"]
    node.wait(lambda line: "round" in line, 20, "a first line")
    status, out, err = look("peers", *where)
    check(status == 0 and not err and node.address in out, err)
    status, out, err = look("peers", *where, "--swarm", "rules.yaml")
    check(status == 2 and not out and "--synthetic and --swarm" in err and err.count("\n") == 1, err)


def main():
    for test in (peers_lists_every_node, whois_finds_a_node_through_another, nobody_has_this_hotkey,
                 nobody_answers, other_rules_do_not_mix, the_rules_of_the_nodes_flags):
        case(test)
    finish()


if __name__ == "__main__":
    main()
