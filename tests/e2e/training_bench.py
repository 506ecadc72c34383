#!/usr/bin/env python3
"""kith bench train: what it prints, and that the exact kernels keep up with OpenBLAS's products.

    training_bench.py [--no-floor]

The floor is a ratio of CPU seconds within one run, which a busy machine hardly moves. --no-floor
leaves it out, for programs that a sanitizer slows down."""
import json
import sys

from nodes import case, check, finish, run_kith

FLOOR = 0.8  # of the sgemm calls alone, whole training step


def bench(*options):
    status, text, error = run_kith("bench", "train", *options, seconds=100)
    check(status == 0, f"status {status}: {error}")
    return text


def json_has_every_contestant():
    report = json.loads(bench("--json", "--reps", "3", "--slice-ms", "5", "--cell", "mlp:8/4"))
    cell = report["cells"][0]
    check(cell["model"] == "784-8-10" and cell["batch"] == 4, str(cell))
    check(cell["flops_per_image"] == 4 * 784 * 8 + 6 * 8 * 10, str(cell["flops_per_image"]))
    for name in ("exact", "blas", "sgemm alone", "exact, 2 threads", "blas, 2 threads"):
        rate = cell[name]["per_cpu_s"]
        check(rate["samples"] == 3, f"{name}: {rate}")
        check(0 < rate["low"] <= rate["median"] <= rate["high"], f"{name}: {rate}")
    verdicts = {target["id"]: target["verdict"] for target in report["targets"]}
    check({"T1", "T2", "T2b", "T3", "T6"} <= set(verdicts), str(verdicts))


def the_table_names_the_targets():
    text = bench("--reps", "3", "--slice-ms", "5", "--threads", "1", "--cell", "mlp:/64")
    check("784-10 " in text, text)
    check("T3   exact, of the sgemm calls alone" in text, text)


def a_wrong_cell_is_one_line_and_status_2():
    status, _, error = run_kith("bench", "train", "--cell", "mlp:256;128/32")
    check(status == 2, str(status))
    check(len(error.splitlines()) == 1 and "--cell" in error, error)


def training_by_the_fixed_recipe_learns():
    lines = bench("--cell", "mlp:8/64", "--epochs", "1").splitlines()
    check(len(lines) == 1, str(lines))
    check(json.loads(lines[0])["accuracy"] > 0.7, lines[0])


def exact_keeps_up_with_the_products_alone():
    report = json.loads(bench("--json", "--reps", "5", "--slice-ms", "20", "--threads", "1",
                              "--cell", "mlp:256,128/64"))
    ratio = report["cells"][0]["exact"]["of_sgemm"]
    check(ratio["median"] >= FLOOR, f"{ratio} {report['exact']} {report['blas']}")


case(json_has_every_contestant)
case(the_table_names_the_targets)
case(a_wrong_cell_is_one_line_and_status_2)
case(training_by_the_fixed_recipe_learns)
if "--no-floor" not in sys.argv:
    case(exact_keeps_up_with_the_products_alone)
finish()
