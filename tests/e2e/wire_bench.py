#!/usr/bin/env python3
"""kith bench wire: what it prints, and that links keep up with what they are made of.

    wire_bench.py [--no-floor]

The floor is a ratio of CPU seconds within one run, which a busy machine hardly moves. --no-floor
leaves it out, for programs that a sanitizer slows down."""
import json
import sys

from nodes import case, check, finish, run_kith

FLOORS = {"T10": 0.6}
CONTESTANTS = {"sealed", "plain", "stream", "plain_stream", "exchange", "plain_exchange", "seal", "open",
               "memcpy", "average"}


def bench(*options):
    status, text, error = run_kith("bench", "wire", "--quick", *options, seconds=100)
    check(status == 0, f"status {status}: {error}")
    return text


def json_has_every_contestant():
    report = json.loads(bench("--json"))
    check([size["bytes"] for size in report["sizes"]] == [10000000], str(report["sizes"]))
    size = report["sizes"][0]
    check(set(size["cpu_s_per_gb"]) == CONTESTANTS, str(size["cpu_s_per_gb"]))
    for name, cost in size["cpu_s_per_gb"].items():
        check(0 < cost["low"] <= cost["median"] <= cost["high"], f"{name}: {cost}")
    got = {target["id"]: target["got"] for target in size["targets"]}
    check(set(got) == {"T9", "T9s", "T10", "T12"}, str(got))
    for name, floor in FLOORS.items():
        if "--no-floor" not in sys.argv:
            check(got[name] >= floor, f"{name} {got[name]}: {size['cpu_s_per_gb']}")


def the_table_names_the_targets():
    text = bench()
    for name in ("T9 ", "T10 ", "T12 "):
        check(name in text, text)


def a_wrong_count_is_one_line_and_status_2():
    status, _, error = run_kith("bench", "wire", "--reps", "1")
    check(status == 2, str(status))
    check(len(error.splitlines()) == 1 and "--reps" in error, error)


case(json_has_every_contestant)
case(the_table_names_the_targets)
case(a_wrong_count_is_one_line_and_status_2)
finish()
