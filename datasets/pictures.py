"""Picture files to RGB arrays, with one message for a file that cannot be read.

EXIF orientation is not applied: torchvision's loader, with which the published features were made, shows
pixels as they are stored, and none of the data sets relies on the tag.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from benchmark.errors import BenchmarkError


def decode_fault(path: Path) -> str:
    """Return why a picture cannot be decoded, in a few words, "" where it can.

    Raises OSError with an errno, and MemoryError, when it is the machine that fails and not the file.
    """
    try:
        _decode(path)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return _reason(error)
    return ""


def file_sha256(path: Path) -> str:
    """Return the hex sha256 of a file's bytes. Raises BenchmarkError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BenchmarkError(unreadable_text(path, _reason(error))) from error


def read_picture(path: Path) -> Image.Image:
    """Return a picture as it is stored, as RGB on white.

    Raises BenchmarkError naming a file that is missing, truncated or no picture.
    """
    # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more on damaged files.
    try:
        return _decode(path)
    except Exception as error:
        raise BenchmarkError(unreadable_text(path, _reason(error))) from error


def unreadable_text(path: Path, reason: str) -> str:
    """Return the message about a picture that cannot be read."""
    return (
        f"picture {path} cannot be read: {reason}. "
        "Fetch the file again, or go on without it with --skip-corrupt."
    )


def _decode(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return _on_white(image)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit grey at 255 instead of scaling it.
        grey = np.asarray(image).clip(0, 65535) / 257
        image = Image.fromarray(grey.round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    """What is wrong, without the path."""
    if isinstance(error, UnidentifiedImageError):
        return "cannot identify image file"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__
