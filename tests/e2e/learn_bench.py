#!/usr/bin/env python3
"""kith bench learn on small sizes: every row runs and is in the table, the CSV, the JSON and the page; what
rows say of each other at any size holds; wrong names and paths are one line."""
import csv
import json
import os
import shlex
import tempfile

from nodes import case, check, finish, run_kith

FOLDER = tempfile.TemporaryDirectory(prefix="kith-test-")
FILES = {kind: os.path.join(FOLDER.name, kind) for kind in ("csv", "json", "report")}


def bench(*options, expected=0):
    status, text, error = run_kith("bench", "learn", "--quiet", *options, seconds=250)
    check(status == expected, f"status {status}: {error}")
    return text


def listed():
    """Names of rows by their set."""
    sets = {}
    for line in bench("--list").splitlines():
        if not line.startswith(" "):
            rows = sets.setdefault(line, [])
        else:
            rows.append(line.strip())
    return sets


SETS = listed()
TEXT = bench("--quick", "--seeds", "2", "--csv", FILES["csv"], "--json", FILES["json"], "--report", FILES["report"])
REPORT = json.load(open(FILES["json"], encoding="utf-8"))
ROWS = {row["row"]: row for row in REPORT["rows"]}


def mean(row, figure="mean"):
    return ROWS[row]["figures"][figure]["mean"]


def every_row_is_everywhere():
    names = [name for rows in SETS.values() for name in rows]
    check(len(names) > 50 and len(set(names)) == len(names), str(names))
    check([row["row"] for row in REPORT["rows"]] == names, "JSON")
    with open(FILES["csv"], newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    check([line["row"] for line in lines] == [name for name in names for _ in range(2)], "CSV")
    page = open(FILES["report"], encoding="utf-8").read()
    shown = [line.split()[0] for line in TEXT.splitlines() if line.startswith("  ") and line.split()[0] in names]
    check(shown == names, str(shown))
    for name in names:
        check(f">{name}<" in page, f"{name} is not on the page")


def figures_are_means_over_seeds():
    for name, row in ROWS.items():
        for figure, of in row["figures"].items():
            if of["mean"] is not None:
                check(len(of["runs"]) == 2 and abs(sum(of["runs"]) / 2 - of["mean"]) < 1e-4, f"{name} {figure}")
        check(0 < mean(name, "worst") <= mean(name) <= 100, name)
        check(mean(name, "node_kb") > 0, name)
    check(REPORT["quick"] and not any(row["targets"] for row in ROWS.values()), "a small size has no targets")


def rows_do_what_their_names_say():
    # Fewer bits, fewer bytes; nothing shared, nearly none.
    sizes = [mean(f"wire-{wire}", "node_kb") for wire in ("fp32", "fp16", "int8", "int4")]
    check(sizes == sorted(sizes, reverse=True) and sizes[0] > 2 * sizes[-1], str(sizes))
    check(mean("unlike-alone", "node_kb") < mean("unlike-weights", "node_kb") / 1.5, "alone")
    # Who believes everybody is broken, who looks is not.
    check(mean("foe-mean") < mean("calm-mean") - 20, f"foe breaks the mean: {mean('foe-mean')}")
    check(mean("foe-score") > mean("calm-score") - 15, f"not the score: {mean('foe-score')}")
    check(mean("foe-score", "auc") > 0.9 and mean("foe-score", "liars_weight") < 1, "liars are told apart")
    check(mean("calm-score", "auc") is None, "nobody lies in a calm row")
    check(mean("churn", "late") is not None and mean("churn-calm", "late") is None, "newcomers")


def a_row_is_a_line_of_kith_sim():
    words = shlex.split(ROWS["churn"]["command"])
    path = os.path.join(FOLDER.name, "sim.json")
    status, _, error = run_kith(*words[1:], "--json", path)
    check(status == 0, error)
    found = json.load(open(path, encoding="utf-8"))["accuracy"]["mean"]
    check(abs(found - ROWS["churn"]["figures"]["mean"]["runs"][0]) < 1e-4, f"{found}")


def one_row_or_one_set_can_be_run():
    text = bench("--quick", "--seeds", "1", "--row", "skew", "--row", "churn")
    shown = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    for name in ["skew", *SETS["churn"]]:
        check(name in shown, f"{name} in {shown}")
    check("calm-score" not in shown, str(shown))


def threads_change_nothing():
    again = os.path.join(FOLDER.name, "again.json")
    bench("--quick", "--seeds", "2", "--row", "skew", "--threads", "2", "--json", again)
    figures = json.load(open(again, encoding="utf-8"))["rows"][0]["figures"]
    del figures["cpu_s"]
    for name, of in figures.items():
        check(of == ROWS["skew"]["figures"][name], name)


def wrong_names_and_paths_are_one_line():
    for options, expected, word in ((("--row", "nothing"), 2, "--row"), (("--seeds", "0"), 2, "--seeds"),
                                    (("--quick", "--csv", "/nonexistent/x"), 1, "--csv"),
                                    (("--row", "skew", "--data", "/nonexistent"), 1, "/nonexistent")):
        status, _, error = run_kith("bench", "learn", "--quiet", *options)
        check(status == expected, f"{options}: {status}")
        check(len(error.splitlines()) == 1 and word in error, error)


case(every_row_is_everywhere)
case(figures_are_means_over_seeds)
case(rows_do_what_their_names_say)
case(a_row_is_a_line_of_kith_sim)
case(one_row_or_one_set_can_be_run)
case(threads_change_nothing)
case(wrong_names_and_paths_are_one_line)
finish()
