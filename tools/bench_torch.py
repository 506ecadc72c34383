"""kith's training beside PyTorch's, in turns: the same model, batch, data type, optimiser and
gather. Each PyTorch setting is a process of its own, because OpenBLAS and OpenMP read theirs when
they are loaded; all of them and kith take turns, and the best setting counts."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

MODELS = {"784-256-128-10": "mlp:256,128", "784-1024-10": "mlp:1024", "784-32-10": "mlp:32"}
GOALS = {
    ("784-256-128-10", 32): ("T1", 2.1), ("784-256-128-10", 64): ("T1", 1.7),
    ("784-256-128-10", 128): ("T1", 1.4), ("784-1024-10", 32): ("T2", 1.75),
    ("784-1024-10", 64): ("T2", 1.5), ("784-1024-10", 128): ("T2", 1.35),
    ("784-32-10", 32): ("T2b", 5.0),
}
# Memory of a gradient goes back to the system after each step unless malloc is told to keep it,
# which costs PyTorch a fifth of its speed.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000",
               "MALLOC_TOP_PAD_": "100000000"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **KEEP_MEMORY}
HASWELL = {"OPENBLAS_CORETYPE": "Haswell"}
# name: environment, and whether a step makes its gradients anew instead of clearing the old ones
SETTINGS = {
    "auto core, new gradients": (ONE_THREAD, True),
    "auto core, kept gradients": (ONE_THREAD, False),
    "Haswell, new gradients": ({**ONE_THREAD, **HASWELL}, True),
    "Haswell, kept gradients": ({**ONE_THREAD, **HASWELL}, False),
}
TWO_THREADS = {
    "2 OMP + 1 BLAS": ({"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", **HASWELL,
                        **KEEP_MEMORY}, True),
    "1 OMP + 2 BLAS": ({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "2", **HASWELL,
                        **KEEP_MEMORY}, True),
    "2 OMP + 2 BLAS, passive": ({"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2",
                                 "OMP_WAIT_POLICY": "passive", **HASWELL,
                                 **KEEP_MEMORY}, True),
}
EXACT, EXACT_PAIR = 0, 5  # contestants of tools/bench_cell.h
IMAGES = 60000


class Worker:
    """A process that answers lines with lines."""

    def __init__(self, command, env=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **(env or {})})

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer or answer.startswith("error"):
            sys.exit(f"bench_torch: {self.process.args}: {answer.strip() or 'ended'}")
        return answer

    def measure(self, arch, batch, who, slice_ms):
        """(images per CPU-second, images per second by the clock or NaN, others' share)"""
        return tuple(float(x) for x in self.ask(f"{arch} {batch} {who} {slice_ms}").split())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def machine_cpu_s():
    with open("/proc/stat") as stat:
        ticks = [int(x) for x in stat.readline().split()[1:8]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def splitmix(np, key, count):
    """kith_rng_at(key, 0 .. count - 1)"""
    with np.errstate(over="ignore"):
        z = np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def network(torch, widths):
    layers = []
    for i in range(len(widths) - 1):
        layers.append(torch.nn.Linear(widths[i], widths[i + 1]))
        if i + 2 < len(widths):
            layers.append(torch.nn.ReLU())
    return torch.nn.Sequential(*layers)


class TorchBench:
    """What one PyTorch process trains: images as floats in memory, a shuffled gather each step."""

    def __init__(self, new_gradients):
        import torch
        self.torch, self.new_gradients = torch, new_gradients
        torch.manual_seed(1)
        self.x = torch.rand(IMAGES, 784)
        self.y = torch.randint(0, 10, (IMAGES,))
        self.order = torch.randperm(IMAGES)
        self.cell, self.at = None, 0

    def turn_to(self, arch, batch):
        if self.cell == (arch, batch):
            return
        torch = self.torch
        widths = [784] + [int(w) for w in arch[4:].split(",") if w] + [10]
        self.net, self.cell = network(torch, widths), (arch, batch)
        self.loss = torch.nn.CrossEntropyLoss()
        self.optimiser = torch.optim.SGD(self.net.parameters(), lr=0.01, momentum=0.9,
                                         foreach=True)
        self.run(20)

    def run(self, steps):
        batch = self.cell[1]
        for _ in range(steps):
            if self.at + batch > IMAGES:
                self.at = 0
            rows = self.order[self.at:self.at + batch]
            self.at += batch
            loss = self.loss(self.net(self.x[rows]), self.y[rows])
            self.optimiser.zero_grad(set_to_none=self.new_gradients)
            loss.backward()
            self.optimiser.step()

    def measure(self, arch, batch, slice_ms):
        self.turn_to(arch, batch)
        steps = 0
        machine, wall, cpu = machine_cpu_s(), time.monotonic(), time.process_time()
        while time.process_time() - cpu < slice_ms / 1e3:
            self.run(5)
            steps += 5
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        others = (machine_cpu_s() - machine - cpu) / (wall * os.cpu_count())
        return (steps * batch / cpu, steps * batch / wall if others < 0.2 else float("nan"),
                max(others, 0))


def worker_main(new_gradients):
    bench = TorchBench(new_gradients)
    for line in sys.stdin:
        arch, batch, _, slice_ms = line.split()
        print(*bench.measure(arch, int(batch), int(slice_ms)), flush=True)


def quartiles(values):
    values = sorted(v for v in values if v == v)
    if not values:
        return None
    return {"median": statistics.median(values), "low": values[len(values) // 4],
            "high": values[-1 - len(values) // 4], "samples": len(values)}


def text(q, form="%.0f"):
    return "-" if q is None else f"{form % q['median']} [{form % q['low']}, {form % q['high']}]"


def ratio(own, other):
    return quartiles([a / b for a, b in zip(own, other)])


def cell_measure(kith, torches, pairs, name, batch, options):
    """Samples of all contestants, in turns."""
    arch = MODELS[name]
    got = {key: [] for key in ["kith", "kith, 2 threads", *torches, *pairs]}
    for rep in range(options.reps + 1):
        sample = {"kith": kith.measure(arch, batch, EXACT, options.slice_ms)}
        for key, worker in torches.items():
            sample[key] = worker.measure(arch, batch, 0, options.slice_ms)
        if pairs:
            sample["kith, 2 threads"] = kith.measure(arch, batch, EXACT_PAIR, options.slice_ms)
        for key, worker in pairs.items():
            sample[key] = worker.measure(arch, batch, 0, options.slice_ms)
        for key, value in sample.items() if rep > 0 else ():
            got[key].append(value)
    return got


def cell_report(name, batch, got, torches, pairs):
    cpu = {key: [s[0] for s in samples] for key, samples in got.items()}
    wall = {key: [s[1] for s in samples] for key, samples in got.items()}
    best = max(torches, key=lambda key: statistics.median(cpu[key]))
    speedup = ratio(cpu["kith"], cpu[best])
    report = {"model": name, "batch": batch, "best_torch_setting": best, "ratio": speedup,
              "per_cpu_s": {key: quartiles(v) for key, v in cpu.items() if v},
              "per_wall_s": {key: quartiles(v) for key, v in wall.items() if v},
              "others": quartiles([s[2] for s in got["kith"]])}
    target, goal = GOALS.get((name, batch), (None, None))
    verdict = ""
    if target:
        report["target"], report["goal"] = target, goal
        verdict = f"{target} goal {goal}: {'met' if speedup['median'] >= goal else 'not met'}"
    print(f"{name:16} {batch:5} {text(quartiles(cpu['kith'])):>26} "
          f"{text(quartiles(cpu[best])):>26} {best:26} {text(speedup, '%.2f'):>18} {verdict}",
          flush=True)
    if pairs:
        print(f"{'':16} {'':5} 2 threads by the clock: kith {text(quartiles(wall['kith, 2 threads']))}; "
              + "; ".join(f"{key} {text(quartiles(wall[key]))}" for key in pairs), flush=True)
    return report


def speed(options):
    kith = Worker([options.kith, "bench", "train", "--serve"])
    def start(settings):
        return {name: Worker([sys.executable, __file__, "--worker", str(int(new_gradients))], env)
                for name, (env, new_gradients) in settings.items()}
    torches = start(SETTINGS)
    pairs = start(TWO_THREADS) if options.threads == 2 else {}
    print("Images per CPU-second of whole training steps, one thread: median [quartiles]\n")
    print(f"{'model':16} {'batch':>5} {'kith':>26} {'PyTorch':>26} {'its best setting':26} "
          f"{'kith / PyTorch':>18}")
    cells = [cell_report(name, batch, cell_measure(kith, torches, pairs, name, batch, options),
                         torches, pairs)
             for name in MODELS for batch in (32, 64, 128)]
    for worker in [kith, *torches.values(), *pairs.values()]:
        worker.stop()
    return cells


def idx_read(np, path):
    import gzip
    if os.path.exists(path):
        opened = open(path, "rb")
    else:
        opened = gzip.open(path + ".gz", "rb")
    with opened as file:
        raw = file.read()
    dims = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(dims)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def torch_accuracy(widths, batch, rate, seed, epochs, directory):
    """The recipe of tools/bench_accuracy.h: same first weights, order and loss."""
    import numpy as np
    import torch
    def load(name):
        return idx_read(np, os.path.join(directory, name))
    train = torch.from_numpy(load("train-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) / 255)
    train_y = torch.from_numpy(load("train-labels-idx1-ubyte").astype(np.int64))
    test = torch.from_numpy(load("t10k-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) / 255)
    test_y = torch.from_numpy(load("t10k-labels-idx1-ubyte").astype(np.int64))
    net = network(torch, widths)
    with torch.no_grad():
        for i, linear in enumerate(m for m in net if isinstance(m, torch.nn.Linear)):
            rows, columns = widths[i], widths[i + 1]
            drawn = splitmix(np, (seed << 32) + i, (rows + 1) * columns) >> np.uint64(40)
            plain = (drawn.astype(np.float32) * np.float32(2.0 ** -23) - np.float32(1)) \
                * (np.float32(1) / np.sqrt(np.float32(rows)))
            linear.weight.copy_(torch.from_numpy(plain[:rows * columns].reshape(columns, rows)))
            linear.bias.copy_(torch.from_numpy(plain[rows * columns:]))
    optimiser = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    loss_of, accuracies = torch.nn.CrossEntropyLoss(), []
    for epoch in range(epochs):
        keys = splitmix(np, (seed << 32) + 1000 + epoch, len(train))
        order = torch.from_numpy(np.argsort(keys, kind="stable"))
        for i in range(len(train) // batch):
            rows = order[i * batch:(i + 1) * batch]
            optimiser.zero_grad(set_to_none=True)
            loss_of(net(train[rows]), train_y[rows]).backward()
            optimiser.step()
        with torch.no_grad():
            accuracies.append((net(test).argmax(1) == test_y).float().mean().item())
    return accuracies


def kith_accuracy(options, arch, batch, rate, seed):
    command = [options.kith, "bench", "train", "--cell", f"{arch}/{batch}", "--rate", str(rate),
               "--seed", str(seed), "--epochs", str(options.epochs), "--data", options.data]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line)["accuracy"] for line in lines]


def accuracy(options):
    """T6: test accuracy after the last epoch, mean over seeds."""
    print(f"\nTest accuracy after {options.epochs} epochs, mean of {options.seeds} seeds "
          "(same first weights, order and loss)\n")
    reports = []
    for name, batch, rate in (("784-256-128-10", 64, 0.02), ("784-32-10", 32, 0.01)):
        arch = MODELS[name]
        widths = [int(w) for w in name.split("-")]
        own = [kith_accuracy(options, arch, batch, rate, s) for s in range(options.seeds)]
        other = [torch_accuracy(widths, batch, rate, s, options.epochs, options.data)
                 for s in range(options.seeds)]
        a, b = (statistics.mean(run[-1] for run in runs) for runs in (own, other))
        met = abs(a - b) <= 0.003 or a > b
        print(f"{name:16} batch {batch:3} rate {rate}: kith {a:.4f}, PyTorch {b:.4f}, difference "
              f"{100 * (a - b):+.2f} points; T6 goal +-0.3: {'met' if met else 'not met'}",
              flush=True)
        reports.append({"model": name, "batch": batch, "rate": rate, "kith": own, "torch": other,
                        "difference": a - b})
    return reports


def main():
    if sys.argv[1:2] == ["--worker"]:
        return worker_main(sys.argv[2] == "1")
    parser = argparse.ArgumentParser(prog="tools/bench_torch.sh")
    parser.add_argument("--kith", default="build/tools/kith", help="the program (%(default)s)")
    parser.add_argument("--reps", type=int, default=7)
    parser.add_argument("--slice-ms", type=int, default=150)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=1,
                        help="2: two-thread settings too, by the clock; wants an idle machine")
    parser.add_argument("--only", choices=("speed", "accuracy"))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--json", help="write everything to this file as well")
    options = parser.parse_args()
    report = {}
    if options.only != "accuracy":
        report["speed"] = speed(options)
    if options.only != "speed":
        report["accuracy"] = accuracy(options)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(report, file, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
