"""Where the metric engine stands beside the matrix product that no ranking can avoid, and beside its peers.

    python tests/speed/metrics.py                                  # every ratio, in ten minutes; --markdown
    python tests/speed/metrics.py --shape quickdraw                # one whole data set, once; --threads 2
    python tests/speed/metrics.py --shape quickdraw --device cuda
    python tests/speed/metrics.py --quick                          # does it run? Too small to time anything

CPU time of one thread, since wall time on a machine that does something else says little; only whole data
sets are also timed by the wall clock. Contenders take turns, and a ratio is that of one turn: shown are the
median over the turns and the range of the costs. The data are made up, see peers.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # before this folder, where this file is called `metrics` too

if TYPE_CHECKING:  # numpy reads the number of threads when it is imported, so that waits for `main`
    from numpy.typing import NDArray

    Costs = NDArray[Any]

PACKAGES = ("numpy", "torch", "scikit-learn", "torchmetrics", "ranx", "pytrec-eval-terrier", "faiss-cpu")


class Sizes(NamedTuple):
    """How much of everything the table measures."""

    shape: tuple[int, int, int]  # queries, gallery, classes
    dims: tuple[int, ...]  # peers and codes have the first
    n_for_peers: int
    n_for_slow_peers: int
    n_turns: int
    resampled: tuple[int, int]  # queries, resamples


# Queries, gallery items, classes and dimensions of whole data sets.
SHAPES = {
    "sketchy": (15_229, 17_101, 25, 512),
    "quickdraw": (92_291, 54_151, 30, 512),
    "quick": (64, 600, 5, 32),
}
TABLE = Sizes((15_229, 17_101, 25), (512, 64, 2048), 256, 24, 3, (15_229, 10_000))
QUICK = Sizes((64, 600, 5), (32, 8), 24, 12, 2, (64, 50))


class Row(NamedTuple):
    """One line of a table, as text."""

    what: str
    measured: str
    ratio: str = ""
    wanted: str = ""
    met: str = ""


def row(
    what: str,
    measured: str,
    ratio: float,
    unit: str,
    *,
    most: float | None = None,
    least: float | None = None,
) -> Row:
    """A row with its target, if there is one."""
    if most is None and least is None:
        return Row(what, measured, f"{ratio:.2f} {unit}")
    met, wanted = (ratio <= most, f"<= {most:g}") if most is not None else (ratio >= least, f">= {least:g}")
    return Row(what, measured, f"{ratio:.2f} {unit}", wanted, "yes" if met else "NO")


def median(values: Costs) -> float:
    import numpy as np

    return float(np.median(values))


def us(costs: Costs) -> str:
    return f"{median(costs):.1f} us ({costs.min():.1f}-{costs.max():.1f})"


def take_turns(runs: dict[str, tuple[Callable[[], Any], int]], n_turns: int) -> dict[str, Costs]:
    """name -> (what to run, its number of queries) becomes name -> CPU us a query of every turn."""
    import numpy as np

    costs: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(n_turns):
        for name, (run, n_queries) in runs.items():
            start = time.process_time()
            run()
            costs[name].append((time.process_time() - start) / n_queries * 1e6)
    return {name: np.array(spent) for name, spent in costs.items()}


def engine_and_peers(sizes: Sizes) -> Iterator[Row]:
    """Every ratio of CPU times. Raises ValueError where a peer's answers are not ours."""
    from peers import PEERS, as_codes, check_agreement, made_up, product

    data = {f"d = {d}": made_up(*sizes.shape, d) for d in sizes.dims}
    main = next(iter(data))
    data["codes"] = as_codes(data[main])
    runs: dict[str, tuple[Callable[[], Any], int]] = {}
    for name, given in data.items():
        whole = partial(given.evaluated, distance="hamming" if name == "codes" else "cosine")
        runs[f"product, {name}"] = product(given), sizes.shape[0]
        runs[f"whole, {name}"] = whole, sizes.shape[0]
    for name in (main, "codes"):
        runs[f"stage, {name}"] = data[name].evaluated_on_scores, sizes.shape[0]
    for run, _ in runs.values():
        run()  # what only the first call does is not timed; peers run below

    present = [peer for peer in PEERS if importlib.util.find_spec(peer.module)]
    for peer in present:
        part = data[main].first(sizes.n_for_slow_peers if peer.is_slow else sizes.n_for_peers)
        runs[peer.name] = peer.prepare(part), len(part.queries)
        ours = part.evaluated_on_scores(metrics=[peer.metric], ties=peer.ties).per_query[peer.metric]
        check_agreement(peer.name, runs[peer.name][0](), ours, peer.tolerance)

    costs = take_turns(runs, sizes.n_turns)
    floor, stage = costs[f"product, {main}"], costs[f"stage, {main}"]
    rest = {name: costs[f"whole, {name}"] - costs[f"product, {name}"] for name in data}
    yield Row(f"matrix product alone, {main}", us(floor), "1.00 x product")
    yield row("stage: whole less product", us(rest[main]), median(rest[main] / floor), "x product", most=0.7)
    yield row("stage: evaluate on given scores", us(stage), median(stage / floor), "x product", most=0.7)
    for name in list(data)[:-1]:
        whole, alone = costs[f"whole, {name}"], costs[f"product, {name}"]
        most = 1.85 if name == main else None
        yield row(f"whole evaluation, {name}", us(whole), median(whole / alone), "x product", most=most)
    codes, given_codes = rest["codes"], costs["stage, codes"]
    yield row("64-bit codes: whole less product", us(codes), median(codes / rest[main]), "x stage", most=1.4)
    yield row("64-bit codes: on given scores", us(given_codes), median(given_codes / stage), "x stage")
    for peer in PEERS:
        if peer not in present:
            yield Row(peer.name, "not installed", f"pip install {peer.package}")
        elif peer.has_product:
            whole = costs[f"whole, {main}"]
            yield row(peer.name, us(costs[peer.name]), median(costs[peer.name] / whole), "x whole")
        else:
            times = median(costs[peer.name] / stage)
            yield row(peer.name, us(costs[peer.name]), times, "x stage", least=peer.at_least)


def intervals(sizes: Sizes) -> Row:
    """Resampled means of one metric."""
    import numpy as np

    from metrics import bootstrap_means

    n_queries, n_resamples = sizes.resampled
    values, labels = np.random.default_rng(0).random(n_queries), np.arange(n_queries) % sizes.shape[2]
    seconds = []
    for _ in range(sizes.n_turns):
        start = time.process_time()
        bootstrap_means(values, labels, n_resamples=n_resamples, seed=0)
        seconds.append(time.process_time() - start)
    what = f"{n_resamples:,} resamples of {n_queries:,} queries"
    measured = f"{min(seconds):.2f}-{max(seconds):.2f} s"
    return row(what, measured, statistics.median(seconds), "s", most=5)


def once(shape: str, device: str) -> dict[str, float]:
    """Evaluate a whole shape in this process, which has done nothing else: seconds and peak memory."""
    import torch
    from peers import made_up

    torch.zeros(1, device=device)  # neither importing it nor starting a driver is the engine's time
    data = made_up(*SHAPES[shape])
    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    map_all = data.evaluated(distance="cosine", device=device).summary["map@all"]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"wall": wall, "cpu": cpu, "peak": peak * 1024, "over": (peak - loaded) * 1024, "map": map_all}


def in_a_new_process(shape: str, threads: int, device: str = "cpu") -> dict[str, float]:
    """`once`, from a process that is still small: a child's peak memory begins with its parent's."""
    command = [sys.executable, __file__, "--once", "--shape", shape, "--device", device]
    done = subprocess.run(
        [*command, "--threads", str(threads)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def whole_shape(shape: str, threads: int, device: str) -> Iterator[Row]:
    """Time and memory of one whole data set."""
    found = in_a_new_process(shape, threads, device)
    n_queries, n_gallery, _, d = SHAPES[shape]
    what = f"{n_queries:,} x {n_gallery:,}, d = {d}, {threads} threads, {device}, map@all {found['map']:.3f}"
    on_cpu = device == "cpu"
    yield row(what, f"{found['cpu']:.1f} s CPU", found["wall"], "s wall", most=120 if on_cpu else 10)
    over = f"{found['over'] / 1e9:.2f} GB over the loaded data"
    yield row("peak resident memory", over, found["peak"] / 1e9, "GB", most=1.5 if on_cpu else None)


def two_threads(shape: str, n_turns: int) -> Row:
    """Wall time on one thread over that on two, in processes that take turns."""
    walls = {1: [], 2: []}
    for _ in range(n_turns):
        for threads, seconds in walls.items():
            seconds.append(in_a_new_process(shape, threads)["wall"])
    one, two = (statistics.median(seconds) for seconds in walls.values())
    return row(
        f"two threads, {shape}", f"{one:.2f} s and {two:.2f} s wall", one / two, "x as fast", least=1.6
    )


def setting(threads: int) -> Iterator[str]:
    """Machine, versions and command."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    yield f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {threads} thread(s)"
    yield f"python {' '.join(['tests/speed/metrics.py', *sys.argv[1:]])}"
    present = {re.sub("[-_.]+", "-", found.name).lower(): found.version for found in metadata.distributions()}
    versions = [f"{name} {present[name]}" for name in PACKAGES if name in present]
    yield ", ".join([f"Python {platform.python_version()}", *versions])
    if (load := os.getloadavg()[0]) > 0.5:
        yield f"Load average {load:.1f} at the start: something else runs; do not trust wall times."


NOTES = (
    "us: CPU time a query, median over the turns (range). Ours computes all default ids, the curve and the "
    "shares of ties; a peer computes one number.",
    "Peers, and `on given scores`, start from finished scores, each in its own form. `x stage` of a peer: "
    "its cost over that of evaluate on given scores; faiss multiplies itself.",
)


def show(rows: list[Row], lines: list[str], *, markdown: bool) -> None:
    """Print a table: for a terminal, or as Markdown."""
    head = ("what", "measured", "ratio", "wanted", "met")
    if markdown:
        cells = [head, ("---",) * len(head), *rows]
        print("\n\n".join(lines), "\n".join(f"| {' | '.join(line)} |" for line in cells), sep="\n\n")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*head)
    for line in rows:
        table.add_row(*line, style="bold red" if line.met == "NO" else None)
    console = Console(highlight=False)
    console.print(*lines, sep="\n", markup=False)
    console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="print Markdown on a terminal too")
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    parser.add_argument("--shape", choices=SHAPES, help="evaluate one whole data set, once")
    parser.add_argument("--threads", type=int, help="for --shape; all cores when left out")
    parser.add_argument("--device", default="cpu", help="for --shape")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)  # measures itself
    arguments = parser.parse_args()
    shape = arguments.shape
    threads = (arguments.threads or os.cpu_count() or 1) if shape else 1
    for library in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # as the command line does
    if arguments.once:
        print(json.dumps(once(shape, arguments.device)))
        return
    lines = list(setting(threads))
    if shape:
        rows = list(whole_shape(shape, threads, arguments.device))
    else:
        lines += NOTES
        # The row in processes of their own comes first, while this one is small.
        scaling = [] if arguments.quick else [two_threads("sketchy", 3)]
        import torch

        torch.set_num_threads(threads)
        sizes = QUICK if arguments.quick else TABLE
        rows = [*engine_and_peers(sizes), *scaling, intervals(sizes)]
        if arguments.quick:
            rows = [Row(*line[:3]) for line in rows]  # targets are for the real sizes
    show(rows, lines, markdown=arguments.markdown or not sys.stdout.isatty())


if __name__ == "__main__":
    main()
