"""Flags that several verbs share, and what they turn into."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from rich.console import Console

    from benchmark.prepare import Where

WHERE = "Where things are"

DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Folder of a data set that is not embedded.", rich_help_panel=WHERE),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        help="Rendered pictures and features. Default: the platform's cache folder.",
        rich_help_panel=WHERE,
    ),
]
ResultsDir = Annotated[
    Path,
    typer.Option("--results-dir", help="Runs, tables and figures.", rich_help_panel=WHERE),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="Python file with a method of yours. May be repeated."),
]
Device = Annotated[
    str | None,
    typer.Option("--device", help='"cpu", "cuda", "cuda:1", or several: "cuda:0,1". Default: cuda, if any.'),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="CPU threads. Results repeat bit for bit at equal threads."),
]
_NVIDIA_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
_AMD_GPU = Path("/dev/kfd")
"""Without one of these torch has no GPU that it calls cuda: it brings all but the driver itself."""
RESULTS_DIR = Path(__file__).parents[2] / "results"


def words(text: str | None) -> tuple[str, ...] | None:
    """Split `a,b` into its parts; None stays None."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def cache_folder(chosen: Path | None) -> Path:
    """Return the cache folder, made if need be."""
    import platformdirs

    folder = chosen or Path(platformdirs.user_cache_dir("zs-sbir-benchmark"))
    return _writable(folder, "--cache-dir")


def _writable(folder: Path, flag: str) -> Path:
    """Make a folder and try it: better now than when the first result is to be kept."""
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BenchmarkError(
            f"folder {folder} cannot be written: {error.strerror or error}. Name another one with {flag}."
        ) from error
    return folder


def check_folders(cache_dir: Path | None, results_dir: Path) -> None:
    """Raise BenchmarkError where a folder cannot be written."""
    cache_folder(cache_dir)
    _writable(results_dir, "--results-dir")


def load_plugins(plugins: list[Path] | None) -> None:
    """Import the files given with --plugin. Raises BenchmarkError."""
    from benchmark.registry import load_plugin

    for path in plugins or ():
        load_plugin(path)


def _check_device(device: str | None) -> None:
    """Raise BenchmarkError for what is no device, and for a GPU where no driver of one is installed."""
    if device is None or device == "cpu":
        return
    if not re.fullmatch(r"cuda(:\d+(,\d+)*)?", device):
        raise BenchmarkError(
            f"--device {device}: torch has no such device here. Give cpu, cuda, cuda:1 or cuda:0,1."
        )
    if not (_AMD_GPU.exists() or any(map(_can_be_loaded, _NVIDIA_DRIVERS))):
        raise BenchmarkError(f"--device {device}: torch has no such device here. It has: cpu.")


def _can_be_loaded(library: str) -> bool:
    import ctypes

    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def set_up(device: str | None, threads: int | None) -> str:
    """Set the threads and return the device. Raises BenchmarkError for a device that is not there.

    From here on torch is loaded: what can be answered without it comes before.
    """
    _check_device(device)
    import torch

    from datasets.devices import devices_of
    from datasets.threads import limit_threads

    if threads is not None:
        torch.set_num_threads(threads)
        limit_threads(threads)
    n_cuda = torch.cuda.device_count()
    known = ("cpu", *(("cuda",) if n_cuda else ()), *(f"cuda:{i}" for i in range(n_cuda)))
    if device is not None and not set(devices_of(device)) <= set(known):
        raise BenchmarkError(f"--device {device}: torch has no such device here. It has: {', '.join(known)}.")
    return device or ("cuda" if n_cuda else "cpu")


def make_where(
    *,
    cache_dir: Path | None,
    results_dir: Path,
    data_root: Path | None,
    device: str = "cpu",
    skip_corrupt: bool = False,
    limit: int = 0,
    may_fetch: bool = True,
) -> Where:
    """Gather places and machine settings."""
    from benchmark.prepare import Where
    from datasets.devices import devices_of

    return Where(
        cache_dir=cache_folder(cache_dir),
        results_dir=_writable(results_dir, "--results-dir"),
        data_root=data_root,
        devices=devices_of(device),
        skip_corrupt=skip_corrupt,
        limit=limit,
        may_fetch=may_fetch,
    )


def progress_console() -> Console:
    """Return the console on stderr for everything that is not data."""
    from rich.console import Console

    return Console(stderr=True, emoji=False)
