"""Strokes as pictures: two real ones to the pixel, then width, scale and place, worked by hand."""

import math

import numpy as np
import pytest

from datasets.doodle101.contents import read_contents
from datasets.doodle101.drawing import draw, pixel_digest, png_of

LISTED = {sketch.key_id: sketch for sketch in read_contents().sketches}
LOBSTER = [[(140, 255), (115, 232), (82, 178), (23, 65), (0, 0)]]
CHAIR = [[(0, 0), (16, 96), (16, 255)], [(13, 148), (95, 165), (99, 215), (108, 233)]]
REAL = [("5540600327700480", LOBSTER), ("5054250176479232", CHAIR)]
LINE = [[(0, 0), (255, 0)]]


def pixels(strokes):
    return np.asarray(draw(strokes).convert("L")).astype(int)


def dark_box(strokes):
    """Left, top, right and bottom of what is darker than half grey."""
    ys, xs = np.nonzero(pixels(strokes) < 128)
    return xs.min(), ys.min(), xs.max(), ys.max()


@pytest.mark.parametrize(("key_id", "strokes"), REAL)
def test_recovered_strokes_give_the_real_picture(tmp_path, key_id, strokes):
    path = tmp_path / "sketch.png"
    path.write_bytes(png_of(strokes))
    assert pixel_digest(path) == LISTED[key_id].pixels


@pytest.mark.parametrize(("key_id", "strokes"), REAL)
def test_a_stroke_drawn_backwards_gives_another_picture(tmp_path, key_id, strokes):
    path = tmp_path / "sketch.png"
    path.write_bytes(png_of([stroke[::-1] for stroke in strokes]))
    assert pixel_digest(path) != LISTED[key_id].pixels


def test_the_picture_is_black_on_white_256_pixels_square_in_16_greys():
    picture = draw(CHAIR)
    greys = np.unique(pixels(CHAIR))
    assert (picture.mode, picture.size) == ("P", (256, 256))
    assert (greys.min(), greys.max()) == (0, 255)
    assert len(greys) <= 16
    assert pixels(CHAIR)[0, 0] == 255


def test_a_line_is_five_pixels_wide():
    column = 255 - pixels(LINE)[:, 100]
    assert column.sum() / 255 == pytest.approx(5, abs=0.2)


def test_a_whole_line_leaves_margins_of_13_pixels():
    # 127.5 -+ 0.88 * 127.5 = 15.3 and 239.7; the ends are round and stand out by half a width, 2.5.
    left, _, right, _ = dark_box(LINE)
    assert abs(left - 12.8) <= 1
    assert abs(right + 1 - 242.2) <= 1  # pixel 241 ends at 242


@pytest.mark.parametrize("extent", [10, 100, 254])
def test_a_small_drawing_is_not_scaled_up(extent):
    left, _, right, _ = dark_box([[(0, 0), (extent, 0)]])
    assert right - left + 1 == pytest.approx(0.88 * extent + 5.25, abs=1.1)  # a disc of 21 / 4 pixels


@pytest.mark.parametrize("strokes", [LOBSTER, CHAIR, LINE, [[(0, 200), (40, 255)]]])
def test_the_bounding_box_is_centred(strokes):
    left, top, right, bottom = dark_box(strokes)
    assert abs((left + right) / 2 - 127) <= 1
    assert abs((top + bottom) / 2 - 127) <= 1


def test_where_a_drawing_lies_does_not_matter():
    moved = [[(x + 40, y) for x, y in stroke] for stroke in LOBSTER]
    np.testing.assert_array_equal(pixels(moved), pixels(LOBSTER))


def test_a_stroke_of_one_point_is_a_disc():
    area = (255 - pixels([[(30, 30)]])).sum() / 255
    assert area == pytest.approx(math.pi * (21 / 8) ** 2, rel=0.03)  # 21 points of the large canvas across


def test_strokes_are_not_joined():
    columns = pixels([[(0, 0), (100, 0)], [(155, 0), (255, 0)]]).min(axis=0)
    assert columns[70] == 0
    assert columns[127] == 255


def test_a_drawing_without_a_point_is_refused():
    with pytest.raises(ValueError, match="at least one point"):
        draw([[]])
