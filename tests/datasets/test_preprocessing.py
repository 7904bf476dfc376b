"""What happens to a picture before a network: the pixels of every preset, and texts that tell them apart."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.errors import BenchmarkError
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.preprocessing import DEFAULT, NORMALISATIONS, PRESETS, Preprocessing, preset

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)
BICUBIC, BILINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
SIZE = 20


def saved(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def blank(height: int, width: int, colour: tuple[int, int, int] = WHITE) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    """60 wide and 90 high: a slanting stroke on white, clear of all edges by more than the margin."""
    pixels = blank(90, 60)
    for i in range(40):
        pixels[20 + i, 25 + i // 4] = (10, 20, 30)
    return saved(pixels, tmp_path / "drawing.png")


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    return saved(blank(20, 40, RED), tmp_path / "wide.png")


@pytest.fixture
def tall(tmp_path: Path) -> Path:
    return saved(blank(40, 20, RED), tmp_path / "tall.png")


def stretched(path: Path, method: Image.Resampling = BICUBIC) -> np.ndarray:
    return np.asarray(Image.open(path).resize((SIZE, SIZE), method))


def aliased(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """What torch, and OpenCV with it, takes from the four nearest pixels."""
    planes = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].double()
    small = torch.nn.functional.interpolate(planes, (height, width), mode="bilinear", antialias=False)
    return small[0].permute(1, 2, 0).round().numpy().astype(np.uint8)


def padded_aliased(pixels: np.ndarray, size: int) -> np.ndarray:
    """The longer edge scaled to the size, the other rounded down, in the middle of a white square."""
    height, width = (side * size // max(pixels.shape[:2]) for side in pixels.shape[:2])
    square = blank(size, size)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = aliased(pixels, height, width)
    return square


def padded(path: Path, colour: str) -> np.ndarray:
    """Scale the longer edge to SIZE and paste in the middle."""
    image = Image.open(path)
    scale = SIZE / max(image.size)
    small = image.resize((round(image.width * scale), round(image.height * scale)), BICUBIC)
    square = Image.new("RGB", (SIZE, SIZE), colour)
    square.paste(small, (round((SIZE - small.width) / 2), round((SIZE - small.height) / 2)))
    return np.asarray(square)


# The stroke covers columns 25 to 34 and rows 20 to 59; 10 pixels are left before it and 9 after.
INK_BOX = (slice(10, 69), slice(15, 44))
SKETCHES = {
    "stretch": stretched,
    "sake": lambda path: stretched(path, BILINEAR),
    "sem_pcyc": lambda path: 255 - stretched(path, BILINEAR),
    "zse": lambda path: padded_aliased(np.asarray(Image.open(path))[INK_BOX], SIZE),
    "sketch_lvm": lambda path: padded(path, "black"),
}
PHOTOS = {
    "stretch": stretched,
    "sake": lambda path: stretched(path, BILINEAR),
    "sem_pcyc": lambda path: stretched(path, BILINEAR),
    "zse": stretched,
    "sketch_lvm": lambda path: padded(path, "black"),
}


def test_every_preset_has_a_picture_worked_out_here() -> None:
    assert set(PRESETS) == set(SKETCHES) == set(PHOTOS)


@pytest.mark.parametrize("name", SKETCHES)
def test_a_sketch_looks_as_the_preset_says(name: str, drawing: Path) -> None:
    found = PRESETS[name].picture(drawing, SIZE, "sketch").astype(int)
    # Without antialiasing Pillow truncates where torch rounds.
    tolerance = 1 if "aliased" in PRESETS[name].resample_sketch else 0
    np.testing.assert_allclose(found, SKETCHES[name](drawing), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_looks_as_the_preset_says(name: str, drawing: Path) -> None:
    np.testing.assert_array_equal(PRESETS[name].picture(drawing, SIZE, "photo"), PHOTOS[name](drawing))


def test_the_default_stretches() -> None:
    assert DEFAULT is PRESETS["stretch"]


@pytest.mark.parametrize(("border", "colour"), [("white", WHITE), ("black", BLACK)])
def test_a_wide_picture_gets_its_borders_above_and_below(border: str, colour: tuple, wide: Path) -> None:
    pixels = Preprocessing("p", "", resize_photo="pad", border=border).picture(wide, SIZE, "photo")
    assert (pixels[:5] == colour).all()
    assert (pixels[15:] == colour).all()
    assert (pixels[5:15] == RED).all()


@pytest.mark.parametrize(("border", "colour"), [("white", WHITE), ("black", BLACK)])
def test_a_tall_picture_gets_its_borders_left_and_right(border: str, colour: tuple, tall: Path) -> None:
    pixels = Preprocessing("p", "", resize_photo="pad", border=border).picture(tall, SIZE, "photo")
    assert (pixels[:, :5] == colour).all()
    assert (pixels[:, 15:] == colour).all()
    assert (pixels[:, 5:15] == RED).all()


def test_padding_keeps_the_shape_of_what_is_drawn(tmp_path: Path) -> None:
    pixels = blank(20, 80)
    pixels[4:16, 34:46] = 0  # a square of 12 pixels, which stays one of 6 at half the size
    found = PRESETS["sketch_lvm"].picture(saved(pixels, tmp_path / "a.png"), 40, "photo")[15:25]
    dark = (found < 128).all(axis=2)
    assert (dark.any(axis=1).sum(), dark.any(axis=0).sum()) == (6, 6)


def test_a_sketch_is_cut_to_10_pixels_before_its_ink_and_9_after(tmp_path: Path) -> None:
    pixels = blank(80, 100)
    pixels[20:40, 30:50] = 0
    found = PRESETS["zse"].picture(saved(pixels, tmp_path / "a.png"), 39, "sketch")
    expected = blank(39, 39)
    expected[10:30, 10:30] = 0
    np.testing.assert_array_equal(found, expected)


def test_without_antialiasing_a_stroke_between_the_looked_at_pixels_is_lost(tmp_path: Path) -> None:
    pixels = blank(80, 80)
    pixels[:, 36] = 0  # at a quarter of the size, columns 33.5 and 37.5 are looked at
    path = saved(pixels, tmp_path / "a.png")
    ways = {
        resample: Preprocessing("p", "", resample_photo=resample).picture(path, SIZE, "photo")
        for resample in ("bilinear", "bilinear, aliased")
    }
    assert ways["bilinear"].min() < 220
    assert ways["bilinear, aliased"].min() == 255


@pytest.mark.parametrize("row", [0, 49])
@pytest.mark.parametrize("column", [0, 69])
def test_the_margin_ends_at_the_edges_of_the_picture(row: int, column: int, tmp_path: Path) -> None:
    pixels = blank(50, 70)
    pixels[row, column] = 0
    found = PRESETS["zse"].picture(saved(pixels, tmp_path / "a.png"), 11, "sketch")
    # At the first row 0 to 9 remain, at the last 39 to 49; padding goes above the half that is smaller.
    height, width = (10 if row == 0 else 11), (10 if column == 0 else 11)
    kept = pixels[:height] if row == 0 else pixels[-height:]
    kept = kept[:, :width] if column == 0 else kept[:, -width:]
    np.testing.assert_allclose(found.astype(int), padded_aliased(kept, 11), rtol=0, atol=1)
    assert (found < 200).any()


@pytest.mark.parametrize(
    ("colour", "is_ink"),
    [((100, 100, 100), True), ((101, 100, 100), False), ((0, 45, 255), True), ((1, 45, 255), False)],
)
def test_ink_is_where_the_channel_mean_is_at_most_100(colour: tuple, is_ink: bool, tmp_path: Path) -> None:
    pixels = blank(101, 101)
    pixels[50, 50] = colour
    found = PRESETS["zse"].picture(saved(pixels, tmp_path / "a.png"), 20, "sketch")
    # Cut to 20 x 20 nothing is scaled; whole, the pixel is not among those looked at.
    assert (tuple(found[10, 10]) == colour) == is_ink


@pytest.mark.parametrize("shade", [255, 101])
def test_a_sketch_without_ink_is_left_whole(shade: int, tmp_path: Path) -> None:
    pixels = blank(40, 40)
    pixels[5:9, 30:38] = shade
    path = saved(pixels, tmp_path / "a.png")
    found = PRESETS["zse"].picture(path, SIZE, "sketch").astype(int)
    np.testing.assert_allclose(found, aliased(pixels, SIZE, SIZE), rtol=0, atol=1)


def test_many_pictures_come_in_the_order_of_their_files(tmp_path: Path) -> None:
    files = [saved(blank(3, 3, (i, 0, 0)), tmp_path / f"{i}.png") for i in range(12)]
    found = PRESETS["sem_pcyc"].pictures(files[::-1], 2, "sketch")
    assert found.shape == (12, 2, 2, 3)
    assert found[:, 0, 0, 0].tolist() == [255 - i for i in reversed(range(12))]


def test_texts_of_pixels_are_equal_exactly_where_the_pixels_are(drawing: Path) -> None:
    resamples = ("bicubic", "bilinear", "bilinear, aliased")
    choices = itertools.product(
        *[("stretch", "pad")] * 2, *[resamples] * 2, ("white", "black"), *[(False, True)] * 2
    )
    pixels_of: dict[str, set[bytes]] = {}
    for choice in choices:
        chosen = Preprocessing("p", "", *choice)
        for modality in ("sketch", "photo"):
            found = chosen.picture(drawing, SIZE, modality).tobytes()
            pixels_of.setdefault(chosen.of_pictures(modality), set()).add(found)
    assert all(len(found) == 1 for found in pixels_of.values())
    # A sketch is cut or not, inverted or not, stretched or padded in either colour, resampled in three ways.
    assert len(set().union(*pixels_of.values())) == len(pixels_of) == 2 * 2 * 3 * 3


@pytest.mark.parametrize("name", PRESETS)
def test_the_text_of_a_record_begins_with_the_name_of_the_preset(name: str) -> None:
    assert PRESETS[name].id == name
    assert str(PRESETS[name]).startswith(f"{name}: RGB on white")


def test_the_text_of_a_record_tells_normalisations_apart() -> None:
    assert str(Preprocessing("p", "", normalisation="unit")) != str(Preprocessing("p", ""))


def test_an_unknown_preset_names_the_known_ones() -> None:
    known = "stretch, sake, sem_pcyc, zse, sketch_lvm"
    with pytest.raises(BenchmarkError, match=f"no preprocessing 'zsee'. Known: {known}"):
        preset("zsee")
    assert preset("zse") is PRESETS["zse"]


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("imagenet", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        ("half", (127.5,) * 3, (127.5,) * 3),
        ("unit", (0,) * 3, (255,) * 3),
    ],
)
def test_normalisations_have_their_published_numbers(name: str, mean: tuple, std: tuple) -> None:
    assert NORMALISATIONS[name].mean == pytest.approx(mean)
    assert NORMALISATIONS[name].std == pytest.approx(std)


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("stretch", (127,) * 3, (128,) * 3),
        ("sake", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        ("sem_pcyc", (0,) * 3, (255,) * 3),
        ("zse", (127.5,) * 3, (127.5,) * 3),
        ("sketch_lvm", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    ],
)
def test_a_backbone_takes_the_normalisation_of_the_preset(name: str, mean: tuple, std: tuple) -> None:
    chosen = EfficientNetLite0().normalisation(PRESETS[name])
    assert chosen.mean == pytest.approx(mean)
    assert chosen.std == pytest.approx(std)


def test_features_are_of_the_picture_normalised_as_the_preset_says() -> None:
    coarse = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (1, 3, 4, 4))).float()
    picture = torch.nn.functional.interpolate(coarse, size=64, mode="bilinear").to(torch.uint8)
    backbone = EfficientNetLite0()
    network = backbone.whole()
    mean, std = torch.tensor([[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]]).view(2, 1, 3, 1, 1)
    found, expected = [], []
    for name, shift, scale in (("stretch", 127, 128), ("sake", mean, std)):
        embed = backbone.load("cpu", backbone.normalisation(PRESETS[name]))
        found.append(embed(picture))
        with torch.inference_mode():
            expected.append(network.extract_features((picture.float() - shift) / scale).mean((2, 3)))
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)
    assert (expected[0] - expected[1]).abs().max() > 0.05
