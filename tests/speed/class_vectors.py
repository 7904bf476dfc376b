"""Seconds and memory of reading the words of Sketchy's classes from files of word vectors at their real size.

    python tests/speed/class_vectors.py [--folder DIR]

Writes a word2vec binary file of GoogleNews's size (3,000,000 words of 300 numbers, 3.6 GB) and a text file
laid out as GloVe's (400,000 words of 300 numbers, about 1 GB), and reads each in a process of its own: with
all words among the first 100,000, where frequent words stand; with one class's word missing, so that the
whole file is read; and with all words at the very end. Needs Linux. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasets.class_vectors.names import wordings
from datasets.classes import class_facts

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 300
N_BINARY, N_TEXT = 3_000_000, 400_000
N_FREQUENT = 100_000
BLOCK = 20_000
NEEDED = 6 * 1024**3

READ = """
import json, sys, time
from pathlib import Path
def peak_mib():
    # Not ru_maxrss, which begins with the peak of the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
from datasets.class_vectors import open_class_vectors
from datasets.classes import class_facts
names = [facts.class_name for facts in class_facts("sketchy")]
before = peak_mib()
start = time.perf_counter()
vectors = open_class_vectors(sys.argv[1])
missing = vectors.missing(names)
sha256 = vectors.sha256(names)
seconds = time.perf_counter() - start
print(json.dumps({"s": seconds, "peak_mib": peak_mib(), "growth_mib": peak_mib() - before,
                  "missing": missing, "found": len(names) - len(missing)}))
"""


def needed_words() -> list[str]:
    """The words of the first wording of every class of Sketchy."""
    names = (facts.class_name for facts in class_facts("sketchy"))
    return sorted({word for name in names for word in wordings(name)[0]})


def vocabulary(n_words: int, needed: Sequence[str], where: str) -> list[str]:
    """Made-up words with the needed ones among the first ("front") or the last ("end")."""
    rng = np.random.default_rng(0)
    words = [f"w{i:07d}" for i in range(n_words)]
    first = 0 if where == "front" else n_words - len(needed)
    span = N_FREQUENT if where == "front" else len(needed)
    for word, at in zip(needed, rng.permutation(span)[: len(needed)], strict=True):
        words[first + int(at)] = word
    return words


def write_binary(path: Path, words: Sequence[str]) -> None:
    """As the word2vec tool writes, but for the line breaks, which GoogleNews has not."""
    block = np.random.default_rng(1).standard_normal((BLOCK, WIDTH)).astype("<f4")
    rows = [row.tobytes() for row in block]
    with path.open("wb") as file:
        file.write(f"{len(words)} {WIDTH}\n".encode())
        for start in range(0, len(words), BLOCK):
            part = words[start : start + BLOCK]
            file.write(b"".join(word.encode() + b" " + row for word, row in zip(part, rows, strict=False)))


def write_text(path: Path, words: Sequence[str]) -> None:
    """As GloVe writes: no first line, five digits a number."""
    block = np.random.default_rng(1).standard_normal((1000, WIDTH))
    rows = [" ".join(f"{value:.5f}" for value in row) for row in block]
    with path.open("w", encoding="utf-8") as file:
        for i, word in enumerate(words):
            file.write(f"{word} {rows[i % len(rows)]}\n")


def rows_of(path: Path, title: str) -> Iterator[str]:
    """Read a file in two processes, the first after its pages were dropped from memory."""
    for state in ("from disk", "from the page cache"):
        if state == "from disk":
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        done = subprocess.run(
            [sys.executable, "-c", READ, str(path)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        missing = f", missing {', '.join(found['missing'])}" if found["missing"] else ""
        yield (
            f"| {title}, {state} | {path.stat().st_size / 1e9:.2f} GB | {found['s']:.2f} s | "
            f"{found['peak_mib']:.0f} MiB ({found['growth_mib']:.0f} by reading) | "
            f"{found['found']} classes{missing} |"
        )


def main() -> None:
    """Write, read and print; the files are removed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, help="where the files are written. Default: the temporary folder"
    )
    arguments = parser.parse_args()
    words = needed_words()
    absent = [word for word in words if word != "songbird"]
    lines = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        if (free := shutil.disk_usage(temporary).free) < NEEDED:
            sys.exit(
                f"{temporary} has {free / 1e9:.1f} GB free, {NEEDED / 1e9:.1f} are needed: name --folder."
            )
        for kind, n_words, write in (("bin", N_BINARY, write_binary), ("txt", N_TEXT, write_text)):
            for title, needed, where in (
                ("all words among the first 100,000", words, "front"),
                ("one word missing", absent, "front"),
                ("all words at the end", words, "end"),
            ):
                path = Path(temporary) / f"vectors.{kind}"
                start = time.perf_counter()
                write(path, vocabulary(n_words, needed, where))
                print(f"{kind}, {title}: written in {time.perf_counter() - start:.0f} s", file=sys.stderr)
                lines += rows_of(path, f"{'word2vec binary' if kind == 'bin' else 'GloVe text'}, {title}")
                path.unlink()
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("\n| file | size | seconds | peak memory | found |\n|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
