#!/usr/bin/env python3
"""kith bench overlay: that membership costs the same in every swarm size, that nobody is missing from a
list, and that news reach everybody in few hops. All of it is counted in virtual time."""
import json
import math

from nodes import case, check, finish, run_kith

SIZES = [16, 64, 100, 256]
VIEW = 128


def bench(*options):
    status, text, error = run_kith("bench", "overlay", "--quiet", *options, seconds=150)
    check(status == 0, f"status {status}: {error}")
    return text


REPORT = json.loads(bench("--json", "--nodes", ",".join(map(str, SIZES)), "--seconds", "120"))
SWARMS = {swarm["nodes"]: swarm for swarm in REPORT["swarms"]}


def bytes_do_not_depend_on_the_size():
    check(REPORT["bytes_most_over_least"] <= 1.2, str(REPORT["bytes_most_over_least"]))
    for size, swarm in SWARMS.items():
        check(500 < swarm["bytes_per_node_s"] < 3000, f"{size}: {swarm['bytes_per_node_s']}")


def everybody_lists_everybody_or_a_full_view():
    for size, swarm in SWARMS.items():
        check(swarm["peers_least"] == min(size - 1, VIEW), f"{size}: {swarm['peers_least']}")


def news_reach_everybody_in_few_hops():
    for size, swarm in SWARMS.items():
        check(swarm["told"] == size, f"{size}: {swarm['told']}")
        # The hops by which half have heard grow with the logarithm.
        half = next(hop for hop, share in enumerate(swarm["told_by_hop"], 1) if share >= 0.5)
        check(half <= math.log2(size), f"{size}: half after {half} hops")
        check(swarm["hops"] <= 2 * math.log2(size) + 4, f"{size}: {swarm['hops']} hops")
        check(swarm["half_s"] < 2, f"{size}: half after {swarm['half_s']} s")


def the_same_options_give_the_same_figures():
    runs = [json.loads(bench("--json", "--nodes", "20", "--settle", "5", "--seconds", "5"))["swarms"]
            for _ in range(2)]
    for swarm in runs[0] + runs[1]:
        del swarm["cpu_s"], swarm["virtual_s_per_cpu_s"]
    check(runs[0] == runs[1], str(runs))


def the_table_has_a_line_for_each_size():
    lines = bench("--nodes", "2,5", "--settle", "1", "--seconds", "1").splitlines()
    check(sum(line.split()[:1] == ["5"] for line in lines) == 2, "\n".join(lines))


def wrong_sizes_are_one_line_and_status_2():
    for sizes in ("", "16,", "1", "16,17000", "16 64"):
        status, _, error = run_kith("bench", "overlay", "--nodes", sizes)
        check(status == 2, f"{sizes!r}: {status}")
        check(len(error.splitlines()) == 1 and "--nodes" in error, error)


case(bytes_do_not_depend_on_the_size)
case(everybody_lists_everybody_or_a_full_view)
case(news_reach_everybody_in_few_hops)
case(the_same_options_give_the_same_figures)
case(the_table_has_a_line_for_each_size)
case(wrong_sizes_are_one_line_and_status_2)
finish()
