#!/usr/bin/env python3
"""What `kith sim --out DIR` leaves behind: CSV that adds up to the summary, a page that is well
formed and alone, equal bytes from equal runs; a folder that exists is refused and left as it is."""

import csv
import html.parser
import json
import os
import select
import shlex
import signal
import subprocess
import tempfile
import time
import xml.etree.ElementTree

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
                # The page has the command line, where the number of threads stands.
                same = other.read().replace(b" --threads 2", b"")
                check(one.read() == same, f"{name}/{file} differs")


def outputs_change_nothing():
    command = [KITH, "sim", *RUN, "--quiet", "--json", path("plain.json")]
    subprocess.run(command, capture_output=True, timeout=100, check=True)
    with open(path("plain.json"), encoding="utf-8") as one:
        with open(path("a", "summary.json"), encoding="utf-8") as other:
            plain, watched = json.load(one), json.load(other)
    check(plain["trace"] == watched["trace"] and plain["digest"] == watched["digest"], "changed")


class Page(html.parser.HTMLParser):
    """Every element is closed by its own end tag; `text` holds what is between them."""

    EMPTY = ("meta",)

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        check(self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        self.text += data


def read_page(*names):
    with open(path(*names), encoding="utf-8") as file:
        text = file.read()
    page = Page()
    page.feed(text)
    page.close()
    check(not page.open, f"not closed: {page.open}")
    return text, page


def the_report_is_well_formed_and_alone():
    text, page = read_page("a", "report.html")
    tags = [tag for tag, _ in page.seen]
    check(not {"script", "link", "img", "iframe", "object"} & set(tags), "it is not alone")
    check("url(" not in text and "@import" not in text, "the style sheet loads something")
    for _, attributes in page.seen:
        check(not {"href", "src", "onload", "onclick"} & set(attributes), f"{attributes}")
    pictures = text.split("<svg")[1:]
    check(tags.count("figure") == 10 and len(pictures) > 10, "six charts, three graphs, a map")
    titled = 0
    for picture in pictures:
        root = xml.etree.ElementTree.fromstring("<svg" + picture.split("</svg>")[0] + "</svg>")
        check("NaN" not in picture and "nan" not in picture and "inf " not in picture, "no number")
        if root.get("role") == "img":
            titled += all(part.text for part in list(root)[:2])
    check(titled == 10, f"{titled} pictures have a title and a description")
    for words in ("Accuracy over time", "Loss over bytes", "nodes down", "Who pulled from whom",
                  "virtual time, s", "12 of 12 nodes up", "10th percentile"):
        check(words in page.text, f"{words!r} is missing")


def the_heat_map_counts_all_pulls():
    text, _ = read_page("a", "report.html")
    told = [int(part.split("</title>")[0].split(": ")[1]) for part in text.split("<title>")[1:]
            if part.startswith("node ") and " pulled from " in part[:40]]
    check(sum(told) == len(rows("a", "pulls.csv")), f"{sum(told)} pulls")


def the_report_alone_at_chosen_times():
    command = [KITH, "sim", *RUN, "--quiet", "--report", path("alone.html"), "--graph-at", "2,7.5"]
    subprocess.run(command, capture_output=True, timeout=100, check=True)
    _, page = read_page("alone.html")
    check("At 2.0 s" in page.text and "At 7.5 s" in page.text, "not drawn")
    check("9 of 12 nodes up" in page.text, "the killed are not missed")
    check([tag for tag, _ in page.seen].count("figure") == 9, "more than what was asked for")


def a_report_of_hundreds_is_small():
    command = [KITH, "sim", "--nodes", "200", "--synthetic", "--model", "mlp:4", "--seconds", "6",
               "--steps", "1", "--quiet", "--report", path("many.html")]
    subprocess.run(command, capture_output=True, timeout=100, check=True)
    text, page = read_page("many.html")
    check(len(text) < 2_000_000, f"{len(text)} bytes")
    check("120 of the nodes, evenly chosen" in page.text, "not sampled")
    check("each row and column stands for about 3 nodes" in page.text, "not binned")


def text_is_escaped():
    with open(path("odd.yaml"), "w", encoding="utf-8") as file:
        file.write("name: odd\ntext: 'a < b & <script>c</script>'\nnodes: 2\nrounds: 1\n")
    command = [KITH, "sim", path("odd.yaml"), "--synthetic", "--model", "mlp:4", "--quiet",
               "--report", path("odd<b>.html")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    check(done.returncode == 0, done.stderr)
    _, page = read_page("odd<b>.html")
    check("a < b & <script>c</script>" in page.text, "the text is not there")
    check("script" not in [tag for tag, _ in page.seen], "markup came through")


def a_folder_that_exists_is_refused():
    before = {name: os.stat(path("a", name)).st_mtime_ns for name in os.listdir(path("a"))}
    done = simulate(path("a"))
    check(done.returncode == 1 and not done.stdout, f"status {done.returncode}")
    check(len(done.stderr.splitlines()) == 1 and "exists already" in done.stderr, done.stderr)
    after = {name: os.stat(path("a", name)).st_mtime_ns for name in os.listdir(path("a"))}
    check(before == after, "something was touched")
    done = simulate(path("no", "such", "place"))
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr)


def ctrl_c_ends_a_run_in_order():
    """The first one; it is sent when the run has written its first rows."""
    command = [KITH, "sim", "--nodes", "6", "--synthetic", "--rounds", "1000000", "--quiet",
               "--out", path("cut")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if os.path.getsize(path("cut", "trace.txt")) > 0:
                    break
            except FileNotFoundError:
                pass
            select.select([], [], [], 0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    check(process.returncode == 130, f"status {process.returncode}")
    check(err.startswith("interrupted after ") and err.count("\n") == 1, err)
    check(out.startswith("nodes "), "no table")
    rows("cut", "rounds.csv")
    check(os.path.exists(path("cut", "summary.json")), "no summary")


def main():
    for test in (it_runs, nodes_add_up_to_the_summary, rounds_grow_to_the_totals, pulls_add_up,
                 equal_runs_give_equal_bytes, outputs_change_nothing,
                 the_report_is_well_formed_and_alone, the_heat_map_counts_all_pulls,
                 the_report_alone_at_chosen_times, a_report_of_hundreds_is_small, text_is_escaped,
                 a_folder_that_exists_is_refused, ctrl_c_ends_a_run_in_order):
        case(test)
    finish()


if __name__ == "__main__":
    main()
