"""Write what is made from the reference results, or say where it differs from them."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from benchmark.errors import BenchmarkError
from benchmark.reference.blocks import References, with_blocks
from benchmark.reference.pages import PAGES, PICTURES, WITH_BLOCKS, Picture
from benchmark.reference.store import ROOT, read_references
from benchmark.reporting.plots import DPI
from datasets.files import write_whole

_SOURCE = "Source"
_N_CHARACTERS = 100


def publish(root: Path = ROOT) -> tuple[Path, ...]:
    """Write all pages, blocks and figures of a checkout from its reference results; return what changed.

    Raises BenchmarkError for reference results that are not there or damaged.
    """
    references = read_references(root)
    texts = list(_texts(root, references))  # all of them before the first is written
    changed = [root / path for path, text in texts if _read(root / path) != text]
    for path, text in texts:
        if root / path in changed:
            write_whole(root / path, text)
    for picture in PICTURES:
        if _source_of(root / picture.path) != _source(picture, references):
            write_whole(root / picture.path, _drawn(picture, references))
            changed.append(root / picture.path)
    return tuple(changed)


def differences(root: Path = ROOT) -> tuple[str, ...]:
    """Name every file that is not what the reference results of a checkout give, with its first such line.

    Of a figure it is compared from which results it was drawn, not its pixels, in which versions of the
    drawing library differ. Raises BenchmarkError as `publish` does.
    """
    references = read_references(root)
    found = [
        f"{path}, {where}"
        for path, text in _texts(root, references)
        if (where := _first_difference(_read(root / path), text))
    ]
    for picture in PICTURES:
        source, wanted = _source_of(root / picture.path), _source(picture, references)
        if source != wanted:
            found.append(f"{picture.path}: drawn from {source or 'nothing that it names'}, not from {wanted}")
    return tuple(found)


def _texts(root: Path, references: References) -> Iterator[tuple[Path, str]]:
    for path in WITH_BLOCKS:  # first, since their marks can be wrong
        text = _read(root / path)
        if text is None:
            raise BenchmarkError(f"no {path} in {root}, of which parts are made from reference results.")
        yield path, with_blocks(text, references, str(path))
    for page in PAGES:
        yield page.path, page.text(references)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _first_difference(there: str | None, wanted: str) -> str:
    """Empty where two texts are equal."""
    if there is None:
        return "which is not there"
    if there == wanted:
        return ""
    own, other = there.splitlines(), wanted.splitlines()
    blocks = difflib.SequenceMatcher(None, own, other, autojunk=False).get_opcodes()
    _, i, i_end, j, j_end = next(block for block in blocks if block[0] != "equal")
    has, gives = _differing(own[i] if i < i_end else "", other[j] if j < j_end else "")
    return f"line {i + 1}: has {has!r}, the reference results give {gives!r}"


def _differing(own: str, other: str) -> tuple[str, str]:
    """The part of two lines from a little before they differ."""
    shared = next(
        (i for i, (a, b) in enumerate(zip(own, other, strict=False)) if a != b), min(len(own), len(other))
    )
    start = max(0, shared - _N_CHARACTERS // 2)
    return own[start : start + _N_CHARACTERS], other[start : start + _N_CHARACTERS]


def _drawn(picture: Picture, references: References) -> bytes:
    content = io.BytesIO()
    figure = picture.draw(references)
    metadata = {_SOURCE: _source(picture, references), "Software": None}
    figure.savefig(content, format="png", dpi=DPI, bbox_inches="tight", metadata=metadata)
    return content.getvalue()


def _source(picture: Picture, references: References) -> str:
    return ", ".join(f"{name}.json {references[name].sha256[:12]}" for name in picture.datasets)


def _source_of(path: Path) -> str:
    """What a figure says it was drawn from; empty for one that is not there or does not say."""
    try:
        with Image.open(path) as image:
            return str(image.info.get(_SOURCE, ""))
    except (OSError, UnidentifiedImageError):
        return ""
