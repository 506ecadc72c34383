#!/usr/bin/env python3
"""kith bench sim: what it prints, on worlds that are small enough for a test, and that a node without a model
does not take more memory than it may.

    sim_bench.py [--no-floor]

--no-floor leaves out the bound on memory, which a sanitizer's allocator does not keep."""
import json
import sys

from nodes import case, check, finish, run_kith


def bench(*options):
    status, text, error = run_kith("bench", "sim", "--quiet", *options, seconds=100)
    check(status == 0, f"status {status}: {error}")
    return text


def row(name, *options):
    rows = json.loads(bench("--json", "--row", name, *options))["rows"]
    check([one["row"] for one in rows] == [name], str(rows))
    check(rows[0]["measured"], str(rows[0]))
    return rows[0]


def a_span_of_gossip():
    one = row("thousand", "--nodes", "40", "--seconds", "3")
    check(one["nodes"] == 40 and one["virtual_s"] == 3, str(one))
    check(one["peers_mean"] == 39, str(one))
    check(one["steps_per_node_s"] >= 1 and one["bytes_per_node_s"] > 0, str(one))
    goal = one["goals"][0]
    check(abs(goal["figure"] - 3 / one["cpu_s"]) < 0.01 * goal["figure"], str(one))
    check(goal["met"] == (goal["figure"] >= goal["at_least"] == 500), str(goal))


def a_span_of_training():
    one = row("training", "--nodes", "10", "--seconds", "2")
    check(one["bytes_per_node_s"] > 0 and one["cpu_s"] > 0, str(one))


def a_table_with_verdicts():
    text = bench("--row", "thousand", "--nodes", "20", "--seconds", "3")
    check("virtual s a CPU s" in text and "goal: at least 500: " in text, text)


def an_idle_node_is_small():
    if "--no-floor" in sys.argv:  # the sanitizers' allocator keeps no such books
        _, text, _ = run_kith("bench", "sim", "--quiet", "--row", "idle", seconds=60)
        check("the allocator does not tell" in text, text)
        return
    one = row("idle")
    goal = one["goals"][0]
    check(one["node_bytes"] > 1000 and goal["figure"] >= one["node_bytes"], str(one))
    check(goal["met"], str(goal))


def a_row_that_cannot_be_measured():
    status, text, _ = run_kith("bench", "sim", "--quiet", "--row", "sixteen", "--data", "/nonexistent", seconds=60)
    check(status == 1, str(status))
    check("not measured: /nonexistent" in text, text)


def a_wrong_row_is_one_line_and_status_2():
    status, _, error = run_kith("bench", "sim", "--row", "thirteen")
    check(status == 2, str(status))
    check(len(error.splitlines()) == 1 and "--row" in error, error)


case(a_span_of_gossip)
case(a_span_of_training)
case(a_table_with_verdicts)
case(an_idle_node_is_small)
case(a_row_that_cannot_be_measured)
case(a_wrong_row_is_one_line_and_status_2)
finish()
