"""How long a data set of the real size takes to find and to check, and the memory of its index.

    python tests/speed/data_sets.py --lists DIR               # DIR: the published file lists, *.txt.gz
    python tests/speed/data_sets.py --lists DIR --keep DIR    # build the tree there and use it again

Builds Sketchy extended as SAKE lays it out: 160,983 tiny pictures under their real names, read from
`sketchy25_sake.<list>.txt.gz`. Every step runs in a process of its own. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "sketchy25_sake."
N_SHAPES = 8

INDEX = """
import json, resource, sys, time, tracemalloc
from pathlib import Path
from benchmark.registry import DATASETS
dataset, root, cache, is_traced = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] == "trace"
kind = DATASETS.get(dataset)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if is_traced:
    tracemalloc.start()
seconds, kept = [], []
for _ in range(2):
    start = time.perf_counter()
    kept = [kind(root=root, cache_dir=cache).index()]
    seconds.append(time.perf_counter() - start)
size = tracemalloc.get_traced_memory()[0] if is_traced else 0
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
n = len(kept[0].sketches), len(kept[0].photos)
print(json.dumps({"s": seconds, "peak_mib": (peak - before) / 1024, "size_mib": size / 1024**2, "n": n}))
"""


def read_lists(folder: Path) -> dict[str, list[str]]:
    """List name -> its lines, `<relative path> <class id>`."""
    paths = sorted(folder.glob(f"{PREFIX}*.txt.gz"))
    if not paths:
        sys.exit(f"{folder} holds no {PREFIX}*.txt.gz")
    return {
        path.name.removeprefix(PREFIX).removesuffix(".gz"): gzip.decompress(path.read_bytes())
        .decode()
        .splitlines()
        for path in paths
    }


def build(root: Path, files: list[str]) -> float:
    """Write a picture for every name and return the seconds that it took."""
    start = time.perf_counter()
    shapes = {suffix: [*drawn(suffix)] for suffix in (".png", ".jpg")}
    for folder in {os.path.dirname(name) for name in files}:  # noqa: PTH120 - 160,000 times
        (root / folder).mkdir(parents=True, exist_ok=True)
    for n_done, name in enumerate(files):
        if n_done % 20_000 == 0:
            print(f"building: {n_done} of {len(files)} files", file=sys.stderr, flush=True)
        suffix = os.path.splitext(name)[1]  # noqa: PTH122 - 160,000 times
        handle = os.open(f"{root}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        # Named by class and file: the extension holds the original photos once more.
        own = "/".join(name.split("/")[-2:])
        os.write(handle, with_comment(shapes[suffix][zlib.crc32(own.encode()) % N_SHAPES], own))
        os.close(handle)
    return time.perf_counter() - start


def drawn(suffix: str) -> Iterator[bytes]:
    for i in range(N_SHAPES):
        picture = Image.new("RGB", (32, 32), "white")
        ImageDraw.Draw(picture).ellipse((2, 2 + i, 24, 28), fill=(20 * i, 90, 200), outline="black")
        file = io.BytesIO()
        picture.save(file, {".png": "png", ".jpg": "jpeg"}[suffix])
        yield file.getvalue()


def with_comment(picture: bytes, text: str) -> bytes:
    """The same picture with a comment, so that its content is its own."""
    comment = text.encode()
    if picture.startswith(b"\x89PNG"):
        chunk = b"tEXtComment\0" + comment
        after_header = 33
        length = (len(chunk) - 4).to_bytes(4, "big")
        packed = length + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        return picture[:after_header] + packed + picture[after_header:]
    return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]


def write_lists(root: Path, lists: dict[str, list[str]]) -> Path:
    """Put the lists beside the pictures as SAKE does, and return their folder."""
    folder = root / "zeroshot1"
    folder.mkdir(exist_ok=True)
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    for name, part in (("cname_cid.txt", "train"), ("cname_cid_zero.txt", "zero")):
        pairs = {
            (line.split("/")[-2], line.rsplit(" ", 1)[1]) for line in lists[f"all_photo_filelist_{part}.txt"]
        }
        rows = sorted(pairs, key=lambda pair: int(pair[1]))
        (folder / name).write_text("".join(f"{class_name} {number}\n" for class_name, number in rows))
    return folder


def in_a_process(*arguments: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return time.perf_counter() - start, done


def index_rows(dataset: str, root: Path, cache: Path, title: str) -> Iterator[tuple[str, str]]:
    plain, traced = (
        in_a_process("-c", INDEX, dataset, str(root), str(cache), how)[1] for how in ("plain", "trace")
    )
    if plain.returncode or traced.returncode:
        yield f"index(), {title}", f"failed: {(plain.stderr or traced.stderr).strip().splitlines()[-1]}"
        return
    first = json.loads(plain.stdout)
    n_sketches, n_photos = first["n"]
    yield f"index(), {title}: {n_sketches} sketches, {n_photos} photos", f"{first['s'][0]:.1f} s"
    yield f"index() again, {title}", f"{first['s'][1]:.1f} s"
    yield f"growth of the largest memory, {title}", f"{first['peak_mib']:.0f} MiB"
    yield f"memory of the index, {title}", f"{json.loads(traced.stdout)['size_mib']:.1f} MiB"


def check_row(dataset: str, root: Path, cache: Path, title: str, *flags: str) -> tuple[str, str]:
    places = ("--data-root", str(root), "--cache-dir", str(cache))
    seconds, done = in_a_process("run_benchmark.py", "check-data", dataset, *places, *flags)
    last = (done.stdout or done.stderr).strip().splitlines()[-1]
    return (
        f"check-data{''.join(f' {flag}' for flag in flags)}, {title}",
        f"{seconds:.1f} s: {last.partition(':')[0]}",
    )


def main() -> None:
    """Build, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lists", type=Path, required=True, help="folder of the published file lists")
    parser.add_argument("--keep", type=Path, help="where the tree is built and kept")
    parser.add_argument("--dataset", default="sketchy_ext")
    arguments = parser.parse_args()
    lists = read_lists(arguments.lists)
    files = sorted({line.rsplit(" ", 1)[0] for lines in lists.values() for line in lines})
    with tempfile.TemporaryDirectory() as temporary:
        above = arguments.keep or Path(temporary)
        root, cache, built = above / "Sketchy", Path(temporary) / "cache", above / "built"
        if built.exists():
            print(f"using the tree under {above}", file=sys.stderr)
        else:
            print(f"built in {build(root, files):.0f} s", file=sys.stderr)
            built.touch()
        shutil.rmtree(root / "zeroshot1", ignore_errors=True)
        rows = []
        for i, title in enumerate(("no lists", "with SAKE's lists")):
            if i:
                write_lists(root, lists)
            rows += index_rows(arguments.dataset, root, cache / title, title)
            rows.append(check_row(arguments.dataset, root, cache / title, f"{title}, first"))
            rows.append(check_row(arguments.dataset, root, cache / title, f"{title}, again"))
        rows.append(check_row(arguments.dataset, root, cache / title, f"{title}, first", "--deep"))
        rows.append(check_row(arguments.dataset, root, cache / title, f"{title}, again", "--deep"))
    machine = platform.processor() or platform.machine()
    print(f"{len(files)} files; {machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("\n| step | measured |\n|---|---|")
    for name, measured in rows:
        print(f"| {name} | {measured} |")


if __name__ == "__main__":
    main()
