"""How long the commands take that people wait for, and the memory of the default suite.

    .venv/bin/python tests/speed/command_line.py

Starts every command in a process of its own, with a cache and a results folder that are new, so that the
first run of the default suite renders, extracts and trains everything. Prints a Markdown table.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
LISTS = ("datasets", "splits", "metrics", "suites", "methods")


def measure(*arguments: str) -> float:
    """Run one command and return its wall time in seconds. Raises CalledProcessError when it fails."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "run_benchmark.py", *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    measure("list", "methods")  # compiled Python files and the disk cache are warm in what follows
    rows = [("--help", measure("--help"), "1 s")]
    rows += [(f"list {kind}", measure("list", kind), "5 s" if kind == "methods" else "1 s") for kind in LISTS]
    with tempfile.TemporaryDirectory() as folder:
        places = ("--cache-dir", f"{folder}/cache", "--results-dir", f"{folder}/results")
        rows.append(("run, nothing cached", measure("run", *places), "240 s"))
        rows.append(("run, everything finished", measure("run", *places), "8 s"))
        smoke = measure("run", "--suite", "smoke", "--rerun", "all", *places)
        rows.append(("run --suite smoke, features cached", smoke, "20 s"))
    peak_gib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("\n| command | measured | wanted |\n|---|---|---|")
    for name, seconds, wanted in rows:
        print(f"| {name} | {seconds:.1f} s | {wanted} |")
    print(f"| largest process | {peak_gib:.2f} GiB | 2.5 GiB |")


if __name__ == "__main__":
    main()
