"""The cheap look at a picture file: what downloads leave behind is found, real oddities are let pass."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from datasets.wholeness import is_named_as, look_at

KINDS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF", "tiff": "TIFF"}
CUT_KINDS = ("png", "jpeg", "webp", "bmp")


def encoded(kind, size=60):
    """A noisy picture, so that the file is longer than what is read of it."""
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, KINDS[kind])
    return file.getvalue()


@pytest.fixture
def write(tmp_path):
    """Write bytes into a file."""

    def written(content, name="picture"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written


@pytest.mark.parametrize("size", [3, 60])
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_picture_of_any_kind_is_recognised(kind, size, write):
    assert look_at(write(encoded(kind, size))) == ("", kind)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.98])
@pytest.mark.parametrize("kind", CUT_KINDS)
def test_a_picture_cut_short_is_broken(kind, share, write):
    content = encoded(kind)
    assert "cut short" in look_at(write(content[: int(len(content) * share)])).broken


@pytest.mark.parametrize("kind", CUT_KINDS)
def test_a_few_bytes_after_the_end_do_no_harm(kind, write):
    assert look_at(write(encoded(kind) + b"\0" * 1000)).broken == ""


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_file_whose_rest_is_zeros_is_broken(kind, write):
    content = encoded(kind, 200)
    half = len(content) // 2
    assert len(content) - half > 4096
    assert "cut short" in look_at(write(content[:half] + bytes(len(content) - half))).broken


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (bytes(5000), "begins with zeros"),
        (b"<html>404 Not Found</html>", "does not begin like a picture, but with b'<html>40'"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "no WebP picture"),
    ],
)
def test_what_is_no_picture_is_broken(content, reason, write):
    assert reason in look_at(write(content)).broken


def test_a_bitmap_that_leaves_its_size_out_is_whole(write):
    content = bytearray(encoded("bmp"))
    content[2:6] = bytes(4)
    assert look_at(write(content)).broken == ""


def test_a_file_that_cannot_be_read_is_broken_and_raises_nothing(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("link.png", "folder.png", "missing.png"):
        assert "cannot be read: " in look_at(tmp_path / name).broken


def test_no_file_stays_open(write):
    path = write(encoded("png"))
    look_at(path)
    free = os.open(path, os.O_RDONLY)
    os.close(free)
    for _ in range(3):
        look_at(path)
    again = os.open(path, os.O_RDONLY)
    os.close(again)
    assert again == free


@pytest.mark.parametrize(
    ("name", "content", "fits"),
    [
        ("a.jpg", "jpeg", True),
        ("a.JPEG", "jpeg", True),
        ("a.Png", "png", True),
        ("a.jpg", "png", False),
        ("a.b.png", "jpeg", False),
    ],
)
def test_a_suffix_names_the_content_or_not(name, content, fits):
    assert is_named_as(name, content) is fits
