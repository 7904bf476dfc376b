"""Drawing the emoji as 224 x 224 pictures and keeping them in the cache."""

from __future__ import annotations

import hashlib
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from datasets.base import Progress
from datasets.emoji54.concepts import Concept
from datasets.emoji54.packages import NOTO, OPENMOJI, RENDERER, TWEMOJI, check_packages

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

RENDER_VERSION = 1
"""Raised with every change of this module that can change a pixel."""

SIZE = 224
TWEMOJI_SIZE = 193
"""Twemoji fills its box: drawn smaller, it has the margins of the other sets."""
NOTO_SIZE = 179
NOTO_FONT_SIZE = 640
NOTO_WEIGHT = 300

LINE_LAYERS = ("line", "line-supplement")

MODALITIES = {"noto": "sketch", "openmoji-line": "sketch", "openmoji": "photo", "twemoji": "photo"}
"""Modality of every source, in the order of the items."""


def render_key() -> str:
    """Name of the cached pictures: it changes with the drawing, with the packages and with Pillow."""
    import PIL

    parts = (RENDER_VERSION, OPENMOJI.sha256, TWEMOJI.sha256, NOTO.sha256, RENDERER.version, PIL.__version__)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


def picture_path(folder: Path, source: str, code_point: str) -> Path:
    """File of one rendered picture; like every name in the cache, it says nothing of the class."""
    return folder / MODALITIES[source] / source / f"{code_point}.png"


def render_missing(folder: Path, concepts: Sequence[Concept], progress: Progress | None = None) -> None:
    """Draw the pictures that `folder` lacks.

    A picture appears under its name only when it is whole, so an interrupted call is continued by the next
    one. Two processes take turns. Raises BenchmarkError for a package that is missing or altered.
    """
    if not _missing(folder, concepts):
        return
    check_packages()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "render.lock"):
        missing = _missing(folder, concepts)
        draw = painters()
        n_total = len(concepts) * len(MODALITIES)
        for done, (source, concept) in enumerate(missing, start=n_total - len(missing) + 1):
            _write_png(draw[source](concept), picture_path(folder, source, concept.code_point))
            if progress is not None:
                progress(done, n_total)


def painters() -> dict[str, Callable[[Concept], Image]]:
    """How each source draws a concept: a 224 x 224 picture, grey ("L") for sketches and "RGB" for photos."""
    font = _noto_font()
    return {
        "noto": lambda concept: _noto_sketch(font, concept.character),
        "openmoji-line": lambda concept: _openmoji_line(_svg(OPENMOJI.path(concept.code_point))),
        "openmoji": lambda concept: _draw_svg(_svg(OPENMOJI.path(concept.code_point)), SIZE),
        "twemoji": lambda concept: _centred(_draw_svg(_svg(TWEMOJI.path(concept.code_point)), TWEMOJI_SIZE)),
    }


def _missing(folder: Path, concepts: Sequence[Concept]) -> list[tuple[str, Concept]]:
    present = {
        source: {path.stem for path in (folder / modality / source).glob("*.png")}
        for source, modality in MODALITIES.items()
    }
    return [
        (source, concept)
        for source in MODALITIES
        for concept in concepts
        if concept.code_point not in present[source]
    ]


def _svg(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _draw_svg(svg: str, size: int) -> Image:
    """Draw on white, the longer side `size` pixels."""
    import resvg_py
    from PIL import Image

    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=size, height=size, background="#ffffff", skip_system_fonts=True
    )
    return Image.open(io.BytesIO(png)).convert("RGB")


def _openmoji_line(svg: str) -> Image:
    """Draw the black outline alone: the line layers are kept, those with colour dropped."""
    root = ET.fromstring(svg)
    for layer in list(root):
        if layer.get("id") not in LINE_LAYERS:
            root.remove(layer)
    return _draw_svg(ET.tostring(root, encoding="unicode"), SIZE).convert("L")


def _noto_font() -> FreeTypeFont:
    from PIL import ImageFont

    # The basic layout: the result must not depend on whether this machine has the raqm library.
    font = ImageFont.truetype(NOTO.path(""), NOTO_FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    font.set_variation_by_axes([NOTO_WEIGHT])
    return font


def _noto_sketch(font: FreeTypeFont, character: str) -> Image:
    """Draw a glyph in its advance width, which leaves the sides the margin of the type designer."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = (round(edge) for edge in font.getbbox(character))
    glyph = Image.new("L", (right - left, bottom - top), 255)
    ImageDraw.Draw(glyph).text((-left, -top), character, font=font, fill=0)
    square = _centred(glyph, max(glyph.size))
    return _centred(square.resize((NOTO_SIZE, NOTO_SIZE), Image.Resampling.LANCZOS))


def _centred(picture: Image, size: int = SIZE) -> Image:
    from PIL import Image

    canvas = Image.new(picture.mode, (size, size), "white")
    canvas.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return canvas


def _write_png(picture: Image, path: Path) -> None:
    """Write under another name first; the lock leaves one writer, which takes over what was cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    picture.save(temporary, "PNG")
    temporary.replace(path)
