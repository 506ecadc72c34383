#!/usr/bin/env python3
"""What `kith sim --out DIR` leaves behind: CSV that adds up to the summary, equal bytes from equal
runs, and a folder that exists is refused and left as it is."""

import csv
import json
import os
import shlex
import subprocess
import tempfile

from nodes import KITH, case, check, finish

RUN = ["--nodes", "12", "--synthetic", "--model", "mlp:32", "--model", "mlp:16,8", "--rounds", "14",
       "--partition", "dirichlet:0.3", "--kill-share", "0.3", "--kill-at", "6", "--restart-after", "4"]
PURPOSES = ("gossip", "weights", "labels", "other")
ROOT = tempfile.TemporaryDirectory(prefix="kith-outputs-")


def simulate(folder, *more):
    command = [KITH, "sim", *RUN, "--quiet", "--out", folder, *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def path(*names):
    return os.path.join(ROOT.name, *names)


def rows(folder, name):
    with open(path(folder, name), newline="", encoding="ascii") as file:
        text = file.read()
    check(text.endswith("\r\n") and "\n" not in text.replace("\r\n", ""), f"{name}: not CRLF")
    found = list(csv.DictReader(text.splitlines(), strict=True))
    check(found and all(None not in row and None not in row.values() for row in found),
          f"{name}: rows of unequal length")
    return found


def total(table, column):
    return sum(int(row[column]) for row in table)


def it_runs():
    done = simulate(path("a"))
    check(done.returncode == 0 and not done.stderr, done.stderr)
    check(max(map(len, done.stdout.splitlines())) <= 80, "the table is wider than 80 columns")
    with open(path("a", "command.txt"), encoding="utf-8") as file:
        words = shlex.split(file.read())
    check(words == ["kith", "sim", *RUN], f"command.txt: {words}")


def nodes_add_up_to_the_summary():
    with open(path("a", "summary.json"), encoding="utf-8") as file:
        summary = json.load(file)
    table = rows("a", "nodes.csv")
    check(len(table) == summary["nodes"] == 12, "a row for each node")
    check(sum(int(row["lives"]) for row in table) == 15, "three of twelve lived twice")
    for name, value in summary["counters"].items():
        check(total(table, f"count_{name}") == value, f"{name}: {value}")
    each = summary["bytes_per_node"]
    for way, counter in (("sent", "out"), ("received", "in")):
        known = {p: total(table, f"count_{p}_bytes_{counter}") for p in PURPOSES[:3]}
        known["other"] = total(table, f"count_bytes_{counter}") - sum(known.values())
        for purpose, value in known.items():
            check(abs(each[f"{way}_for"][purpose] - value / 12) < 0.01, f"{way} for {purpose}")
        check(abs(sum(each[f"{way}_for"].values()) - each[way]) < 0.01, f"{way} adds up")
    accuracy = [float(row["test_accuracy"]) for row in table]
    check(abs(sum(accuracy) / 12 - summary["accuracy"]["mean"]) < 1e-3, "mean accuracy")
    check(abs(min(accuracy) - summary["accuracy"]["worst"]) < 1e-3, "worst accuracy")
    check(summary["average_model_diagnostic"]["models"] == 6, "six nodes have the common model")


def rounds_grow_to_the_totals():
    last = {}
    table = rows("a", "rounds.csv")
    for row in table:
        before = last.get(row["node"])
        check(int(row["sent_bytes"]) == sum(int(row[f"sent_{p}_bytes"]) for p in PURPOSES), "sent")
        check(int(row["received_bytes"]) == sum(int(row[f"received_{p}_bytes"]) for p in PURPOSES),
              "received")
        if before:
            check(float(before["time_s"]) < float(row["time_s"]), "time stands still")
            check(int(before["sent_bytes"]) <= int(row["sent_bytes"]), "bytes shrink")
            if before["life"] == row["life"]:
                check(int(before["round"]) + 1 == int(row["round"]), "a round is missing")
        last[row["node"]] = row
    for node in rows("a", "nodes.csv"):
        row = last[node["node"]]
        check(int(row["round"]) == int(node["round"]) - 1, f"node {node['node']}: last round")
        check(int(row["sent_bytes"]) <= int(node["count_bytes_out"]), "more in a round than at all")
    check(any(row["test_accuracy"] for row in table), "nobody was tested")


def pulls_add_up():
    table, nodes = rows("a", "pulls.csv"), rows("a", "nodes.csv")
    for kind, counter in (("weights", "mixed"), ("labels", "taught")):
        good = [row for row in table if row["kind"] == kind and row["result"] == "ok"]
        check(len(good) == total(nodes, f"count_{counter}") > 0, f"{kind}: {len(good)}")
    check(all(row["puller"] != row["author"] for row in table), "a node pulled from itself")
    rounds = rows("a", "rounds.csv")
    check(total(rounds, "models_mixed") == total(nodes, "count_mixed"), "models mixed in rounds")


def equal_runs_give_equal_bytes():
    for name, more in (("b", []), ("c", ["--threads", "2"])):
        check(simulate(path(name), *more).returncode == 0, name)
        for file in sorted(os.listdir(path("a"))):
            if file in ("summary.json", "command.txt"):
                continue
            with open(path("a", file), "rb") as one, open(path(name, file), "rb") as other:
                check(one.read() == other.read(), f"{name}/{file} differs")


def outputs_change_nothing():
    command = [KITH, "sim", *RUN, "--quiet", "--json", path("plain.json")]
    subprocess.run(command, capture_output=True, timeout=100, check=True)
    with open(path("plain.json"), encoding="utf-8") as one:
        with open(path("a", "summary.json"), encoding="utf-8") as other:
            plain, watched = json.load(one), json.load(other)
    check(plain["trace"] == watched["trace"] and plain["digest"] == watched["digest"], "changed")


def a_folder_that_exists_is_refused():
    before = {name: os.stat(path("a", name)).st_mtime_ns for name in os.listdir(path("a"))}
    done = simulate(path("a"))
    check(done.returncode == 1 and not done.stdout, f"status {done.returncode}")
    check(len(done.stderr.splitlines()) == 1 and "exists already" in done.stderr, done.stderr)
    after = {name: os.stat(path("a", name)).st_mtime_ns for name in os.listdir(path("a"))}
    check(before == after, "something was touched")
    done = simulate(path("no", "such", "place"))
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr)


def main():
    for test in (it_runs, nodes_add_up_to_the_summary, rounds_grow_to_the_totals, pulls_add_up,
                 equal_runs_give_equal_bytes, outputs_change_nothing,
                 a_folder_that_exists_is_refused):
        case(test)
    finish()


if __name__ == "__main__":
    main()
