#!/usr/bin/env python3
"""The same run of the simulator under other compilers, optimisers, instruction sets and thread
counts gives the same trace hash and the same weight digest.

    determinism.py [--variant] [--full] [--builds DIR]

Without options: the program of $KITH alone, twice, with one thread and with two. --variant builds
one that differs in compiler, optimiser and instruction set, and compares. --full builds gcc and
clang, -O2 and -O3, AVX-512, AVX2 and no vectors at all, and runs 32 nodes on Fashion-MNIST (the
small run where there are no vectors); it takes some twenty minutes on two cores. The builds stay in
DIR for the next time.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SMALL = ["--synthetic", "--model", "mlp:32", "--nodes", "8", "--rounds", "8", "--partition",
         "dirichlet:0.5", "--kill-share", "0.25", "--kill-at", "4", "--restart-after", "2"]
FULL = ["--nodes", "32", "--partition", "dirichlet:0.1"]

cases = 0
failures = 0


def case(name, is_good, note=""):
    global cases, failures
    cases += 1
    failures += not is_good
    for line in note.splitlines():
        print(f"# {line}")
    print(f"{'ok' if is_good else 'not ok'} {cases} - {name}", flush=True)


def run(kith, options, seed, threads):
    """(trace hash, weight digest) of one run."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        command = [kith, "sim", *options, "--seed", str(seed), "--threads", str(threads), "--quiet",
                   "--json", report]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return ("failed", f"status {done.returncode} {done.stderr.strip()}")
        result = json.loads(report.read_text())
        return (result["trace"], result["digest"])


def build(folder, compiler, optimiser, exact):
    """The program built so, or None with the reason printed."""
    if not (folder / "build.ninja").exists():
        setup = ["meson", "setup", str(folder), str(SOURCE), "--buildtype=plain", "-Dwerror=false",
                 f"-Dc_args=-O{optimiser} -g0", f"-Dexact={exact}"]
        done = subprocess.run(setup, env={**os.environ, "CC": compiler}, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            print("# " + done.stdout[-2000:].replace("\n", "\n# "))
            return None
    done = subprocess.run(["ninja", "-C", str(folder), "tools/kith"], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        print("# " + done.stdout[-2000:].replace("\n", "\n# "))
        return None
    return str(folder / "tools" / "kith")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--builds", default="build-determinism")
    args = parser.parse_args()
    builds = pathlib.Path(args.builds).resolve()
    options = FULL if args.full else SMALL

    variants = []
    if args.full:
        variants = [(compiler, optimiser, exact) for compiler in ("gcc", "clang")
                    for optimiser in (2, 3) for exact in ("avx512", "avx2", "base")]
    elif args.variant:
        variants = [("clang", 3, "avx2")]

    reference = os.environ.get("KITH") or shutil.which("kith")
    if reference is None:
        sys.exit("determinism.py: set KITH to the program")
    wanted = run(reference, options, 1, 1)
    is_run = wanted[0] != "failed"
    case("it runs", is_run, "trace %s\ndigest %s" % wanted)
    case("the same seed gives the same", is_run and run(reference, options, 1, 1) == wanted)
    case("with two threads", is_run and run(reference, options, 1, 2) == wanted)
    other = run(reference, options, 2, 1)
    case("another seed gives another", other[0] != wanted[0] and other[1] != wanted[1])
    small = run(reference, SMALL, 1, 1)
    for compiler, optimiser, exact in variants:
        name = f"{compiler} -O{optimiser} {exact}"
        if shutil.which(compiler) is None:
            case(f"{name} # SKIP no {compiler}", True)
            continue
        kith = build(builds / f"{compiler}-O{optimiser}-{exact}", compiler, optimiser, exact)
        if kith is None:
            case(f"{name} builds", False)
            continue
        is_slow = exact == "base"
        for threads in (1, 2) if args.full else (2,):
            got = run(kith, SMALL if is_slow else options, 1, threads)
            case(f"{name}, {threads} threads", got == (small if is_slow else wanted), str(got))
    print(f"1..{cases}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
