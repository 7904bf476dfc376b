"""Reading picture files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.errors import BenchmarkError
from datasets.pictures import decode_fault, file_sha256, read_picture


def saved(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


@pytest.fixture
def truncated(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(Image.fromarray(noise), tmp_path / "half.jpg")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def loaded(path, size):
    return np.asarray(read_picture(path).resize((size, size), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (200, 10, 30), (200, 10, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("LA", (77, 255), (77, 77, 77)),
        ("RGBA", (0, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("I;16", 257 * 99, (99, 99, 99)),
    ],
)
def test_every_mode_becomes_rgb_on_white(tmp_path, mode, colour, expected):
    path = saved(Image.new(mode, (5, 5), colour), tmp_path / "picture.png")
    np.testing.assert_array_equal(loaded(path, 4), np.full((4, 4, 3), expected))


def test_a_transparent_palette_entry_becomes_white(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    path = saved(image, tmp_path / "palette.png", transparency=1)
    assert (loaded(path, 4) == 255).all()


def test_cmyk_becomes_rgb(tmp_path):
    path = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), tmp_path / "ink.jpg", quality=100)
    np.testing.assert_allclose(loaded(path, 16)[8, 8], (255, 0, 0), atol=3)


def test_a_wide_picture_is_stretched_not_cropped(tmp_path):
    pixels = np.zeros((10, 40, 3), np.uint8)
    pixels[:, 20:] = 255
    picture = loaded(saved(Image.fromarray(pixels), tmp_path / "wide.png"), 10)
    assert picture.shape == (10, 10, 3)
    assert (picture[:, 0] == 0).all()
    assert (picture[:, -1] == 255).all()


def test_the_orientation_tag_is_not_applied(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(Image.fromarray(pixels), tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(loaded(path, 8), pixels)


def test_a_truncated_picture_is_named_with_the_way_out(truncated):
    with pytest.raises(BenchmarkError, match=r"half\.jpg cannot be read: .*truncated.*--skip-corrupt"):
        loaded(truncated, 8)


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(BenchmarkError, match=r"gone\.png cannot be read: No such file"):
        loaded(tmp_path / "gone.png", 8)


def test_a_text_file_is_no_picture(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    with pytest.raises(BenchmarkError, match="cannot identify image file"):
        loaded(path, 8)


def test_only_a_corrupt_file_has_a_fault(tmp_path, truncated):
    assert decode_fault(saved(Image.new("L", (4, 4)), tmp_path / "whole.png")) == ""
    assert "truncated" in decode_fault(truncated)


def test_digests_are_the_sha256_of_the_bytes(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    files[0].write_bytes(b"")
    files[1].write_bytes(b"abc")
    expected = [hashlib.sha256(b"").hexdigest(), hashlib.sha256(b"abc").hexdigest()]
    assert [file_sha256(path) for path in files] == expected


def test_an_unreadable_file_has_no_digest(tmp_path):
    with pytest.raises(BenchmarkError, match="gone cannot be read"):
        file_sha256(tmp_path / "gone")
