"""Whether a picture file is whole, judged by its size, its first and its last bytes: no pixel is decoded.

Finds what interrupted downloads and full disks leave behind: empty files, files cut short, pages of text
under a picture's name. Meant to be lenient, so that one who decodes only the suspects misses little; damage
in the middle of a file is found by decoding it (`FileLedger.faults`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HEAD = 32
TAIL = 4096
"""Bytes read from the end: many real files carry a few after the end mark of the picture."""


class Look(NamedTuple):
    """What the ends of a file tell. broken: why it is not whole, "" where it is.

    content: kind of picture by its first bytes ("png", "jpeg", ...), "" where they are of none.
    """

    broken: str
    content: str


def look_at(path: Path | str) -> Look:
    """Read the ends of a file. One that cannot be read is broken."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        return Look(f"it cannot be read: {error.strerror or error}", "")
    try:
        size = os.fstat(handle).st_size
        if size <= HEAD + TAIL:
            head = tail = os.read(handle, HEAD + TAIL)
        else:
            head = os.read(handle, HEAD)
            os.lseek(handle, -TAIL, os.SEEK_END)
            tail = os.read(handle, TAIL)
    except OSError as error:
        return Look(f"it cannot be read: {error.strerror or error}", "")
    finally:
        os.close(handle)
    return _judged(size, head, tail)


def is_named_as(path: Path | str, content: str) -> bool:
    """Whether the suffix says what the content is; `photo.jpg` may be a PNG, which decoders do not mind."""
    suffix = os.path.splitext(path)[1][1:].lower()  # noqa: PTH122 - also a text, 150,000 times
    return _CONTENT_OF_SUFFIX.get(suffix, suffix) == content


def _judged(size: int, head: bytes, tail: bytes) -> Look:
    if not size:
        return Look("it is empty", "")
    for content, mark, judge in _KINDS:
        if head.startswith(mark):
            return Look(judge(size, head, tail), content)
    if not head.strip(b"\0"):
        return Look("it begins with zeros, as a file does whose download has not got there", "")
    return Look(f"it does not begin like a picture, but with {head[:8]!r}", "")


def _png(_: int, __: bytes, tail: bytes) -> str:
    return "" if b"IEND\xaeB`\x82" in tail else "it is cut short: the end mark of a PNG (IEND) is missing"


def _jpeg(_: int, __: bytes, tail: bytes) -> str:
    return "" if b"\xff\xd9" in tail else "it is cut short: the end mark of a JPEG (FF D9) is missing"


def _riff(size: int, head: bytes, _: bytes) -> str:
    if head[8:12] != b"WEBP":
        return "it is a RIFF file that holds no WebP picture"
    return _short_of(int.from_bytes(head[4:8], "little") + 8, size)


def _bmp(size: int, head: bytes, _: bytes) -> str:
    # Some writers leave the size out (0); what is announced is then unknown.
    return _short_of(int.from_bytes(head[2:6], "little"), size)


def _whatever_follows(_: int, __: bytes, ___: bytes) -> str:
    return ""


def _short_of(announced: int, size: int) -> str:
    return f"it is cut short: {size} bytes of {announced} announced" if size < announced else ""


_KINDS: tuple[tuple[str, bytes, Callable[[int, bytes, bytes], str]], ...] = (
    ("jpeg", b"\xff\xd8\xff", _jpeg),
    ("png", b"\x89PNG\r\n\x1a\n", _png),
    ("webp", b"RIFF", _riff),
    ("gif", b"GIF8", _whatever_follows),
    ("tiff", b"II*\0", _whatever_follows),
    ("tiff", b"MM\0*", _whatever_follows),
    ("bmp", b"BM", _bmp),
)
"""Kind of picture, its first bytes, and what its end must show."""
_CONTENT_OF_SUFFIX = {"jpg": "jpeg", "jpe": "jpeg", "tif": "tiff"}
