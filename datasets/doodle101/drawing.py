"""Strokes of Quick, Draw! as pictures: black on white, centred, 256 x 256, lines 5 px wide with round ends.

How the pictures of the first copy were drawn was found by looking at them, without the strokes: the profiles
of horizontal and vertical lines tell width, scale and filter, and from two pictures every corner could be
recovered, on the whole-number grid of the simplified drawings. These two come out of this module byte for
byte (`tests/datasets/doodle101/test_drawing.py`). For the others that cannot be checked without the
downloads; `check-data doodle101` compares every sketch with the committed list and says which differ.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from datasets.pictures import read_picture

Stroke = Sequence[tuple[float, float]]
"""Corners (x, y) of one line without lifting the pen, in the 0..255 of the simplified drawings."""

SIZE = 256
SUPERSAMPLING = 4
LINE_WIDTH = 5
SCALE = 0.88
"""Pixels to a unit, whatever the drawing's own extent: 255 units leave margins of about 13 px."""
CENTRE = 127.5
N_GREYS = 16


def draw(strokes: Sequence[Stroke]) -> Image.Image:
    """Return the picture of a drawing, (256, 256), mode "P" with at most 16 greys.

    The middle of its bounding box lies at (127.5, 127.5). It is drawn four times as large without smoothing,
    each corner and end with a disc, and scaled down with a Lanczos filter. The direction of a stroke matters:
    Pillow's wide lines lie half a point of the large canvas beside the line that their ends give.

    Raises ValueError for a drawing without any point.
    """
    xs = [x for stroke in strokes for x, _ in stroke]
    ys = [y for stroke in strokes for _, y in stroke]
    if not xs:
        raise ValueError("a drawing needs at least one point")
    middle = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    picture = Image.new("L", (SIZE * SUPERSAMPLING, SIZE * SUPERSAMPLING), 255)
    canvas = ImageDraw.Draw(picture)
    radius = LINE_WIDTH * SUPERSAMPLING // 2
    for stroke in strokes:
        points = [(_place(x, middle[0]), _place(y, middle[1])) for x, y in stroke]
        canvas.line(points, fill=0, width=LINE_WIDTH * SUPERSAMPLING)
        for x, y in points:
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS).quantize(N_GREYS)


def png_of(strokes: Sequence[Stroke]) -> bytes:
    """Return a drawing as a PNG file. Raises ValueError for a drawing without any point."""
    out = io.BytesIO()
    draw(strokes).save(out, "PNG", optimize=True)
    return out.getvalue()


def pixel_digest(path: Path) -> str:
    """Return the first 16 hex digits of the sha256 over a picture's grey values, row by row.

    Raises BenchmarkError for a file that cannot be read.
    """
    return hashlib.sha256(read_picture(path).convert("L").tobytes()).hexdigest()[:16]


def _place(value: float, middle: float) -> int:
    """Where a coordinate lies on the large canvas; cut off, as Pillow does with fractions."""
    return int(((value - middle) * SCALE + CENTRE) * SUPERSAMPLING)
