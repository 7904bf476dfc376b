"""Picture files to RGB arrays, with one message for a file that cannot be read.

EXIF orientation is not applied: torchvision's loader, with which the published features were made, shows
pixels as they are stored, and none of the data sets relies on the tag.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.errors import BenchmarkError
from datasets.base import Progress

Result = TypeVar("Result")


def load_picture(path: Path, size: int) -> NDArray[np.uint8]:
    """Return a picture as (size, size, 3) uint8 RGB, stretched to the square with Pillow's bicubic filter.

    Transparency lies on white. Raises BenchmarkError naming a file that is missing, truncated or no picture.
    """
    rgb = _decoded(path)
    return np.asarray(rgb.resize((size, size), Image.Resampling.BICUBIC))


def load_pictures(files: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """Return (n, size, size, 3) uint8, read in threads; each picture as `load_picture` gives it."""
    pictures = np.empty((len(files), size, size, 3), np.uint8)
    for i, picture in enumerate(_in_threads(lambda path: load_picture(path, size), files)):
        pictures[i] = picture
    return pictures


def find_corrupt(files: Sequence[Path], progress: Progress | None = None) -> tuple[tuple[Path, str], ...]:
    """Decode every file and return those that cannot be read, in order, each with the reason."""

    def reason(path: Path) -> str | None:
        try:
            _decoded(path)
        except BenchmarkError as error:
            return str(error)
        return None

    reasons = list(_in_threads(reason, files, progress))
    return tuple((path, text) for path, text in zip(files, reasons, strict=True) if text is not None)


def file_sha256(path: Path) -> str:
    """Return the hex sha256 of a file's bytes. Raises BenchmarkError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BenchmarkError(_unreadable(path, error)) from error


def content_digest(files: Sequence[Path], progress: Progress | None = None) -> list[str]:
    """Return the hex sha256 of every file, in order. Raises BenchmarkError naming an unreadable file."""
    return list(_in_threads(file_sha256, files, progress))


def _decoded(path: Path) -> Image.Image:
    # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more on damaged files.
    try:
        with Image.open(path) as image:
            return _on_white(image)
    except Exception as error:
        raise BenchmarkError(_unreadable(path, error)) from error


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit grey at 255 instead of scaling it.
        grey = np.asarray(image).clip(0, 65535) / 257
        image = Image.fromarray(grey.round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _unreadable(path: Path, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (
        f"picture {path} cannot be read: {reason or type(error).__name__}. "
        "Fetch the file again, or go on without it with --skip-corrupt."
    )


def _in_threads(
    work: Callable[[Path], Result], files: Sequence[Path], progress: Progress | None = None
) -> Iterator[Result]:
    # Decoding and hashing release Python's lock, so threads are enough.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for n_done, result in enumerate(pool.map(work, files), start=1):
            if progress is not None:
                progress(n_done, len(files))
            yield result
