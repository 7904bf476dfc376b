"""What happens to a picture between its file and a network: resizing, cropping, inversion, normalisation.

Part of a run's protocol and of the key of cached features: resizing alone moves scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmark.errors import BenchmarkError
from datasets.pictures import read_picture
from datasets.settings import Modality
from datasets.threads import n_threads

Resize = Literal["stretch", "pad"]
Resample = Literal["bicubic", "bilinear", "bilinear, aliased"]
Colour = Literal["white", "black"]

INK = 100
"""A pixel is ink where the mean of its channels is at most this, of 255 (ZSE-SBIR, `data_utils/utils.py`)."""
INK_MARGIN = 10
"""Pixels left around the ink, one less at the right and at the bottom (as ZSE-SBIR)."""
_RESAMPLE_TEXTS: dict[Resample, str] = {
    "bicubic": "Pillow bicubic",
    "bilinear": "Pillow bilinear",
    "bilinear, aliased": "bilinear between four pixels, without antialiasing",
}


@dataclass(frozen=True)
class Normalisation:
    """(x - mean) / std on channels in 0..255. id: how texts call it."""

    id: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


NORMALISATIONS = {
    "imagenet": Normalisation(
        "ImageNet mean and deviation",
        (255 * 0.485, 255 * 0.456, 255 * 0.406),
        (255 * 0.229, 255 * 0.224, 255 * 0.225),
    ),
    "half": Normalisation("(x/255 - 0.5) / 0.5", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "unit": Normalisation("x/255", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
}


def normalisation_of(mean: Sequence[float], std: Sequence[float]) -> Normalisation:
    """Return the normalisation of channels in 0..1, the named one where it is one of these.

    >>> normalisation_of((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)).id
    '(x/255 - 0.5) / 0.5'
    """
    scaled_mean, scaled_std = (tuple(255 * x for x in values) for values in (mean, std))
    for known in NORMALISATIONS.values():
        if (scaled_mean, scaled_std) == (known.mean, known.std):
            return known
    text = f"mean {', '.join(f'{x:g}' for x in mean)}, deviation {', '.join(f'{x:g}' for x in std)}"
    red, green, blue = scaled_mean
    of_red, of_green, of_blue = scaled_std
    return Normalisation(text, (red, green, blue), (of_red, of_green, of_blue))


@dataclass(frozen=True)
class Preprocessing:
    """A named choice. `stretch` makes a picture square by changing its shape, `pad` by adding borders.

    resample_sketch, resample_photo: "bilinear" is Pillow's, which averages when it shrinks; the aliased one
    is OpenCV's, under which thin strokes break. crop_margin: sketches are cut to their ink and 10 pixels
    around it first. invert_sketch: white strokes on black. normalisation: "backbone" for the one the backbone
    was trained with, else a key of `NORMALISATIONS`; it does not concern methods that read pictures.
    published: who did so, and where it was read.
    """

    id: str
    published: str
    resize_sketch: Resize = "stretch"
    resize_photo: Resize = "stretch"
    resample_sketch: Resample = "bicubic"
    resample_photo: Resample = "bicubic"
    border: Colour = "white"
    crop_margin: bool = False
    invert_sketch: bool = False
    normalisation: str = "backbone"

    def picture(self, path: Path, size: int, modality: Modality) -> NDArray[np.uint8]:
        """Return a picture as (size, size, 3) uint8 RGB. Raises BenchmarkError for an unreadable file."""
        image = read_picture(path)
        is_sketch = modality == "sketch"
        if is_sketch and self.crop_margin:
            image = _cut_to_ink(image)
        resized = _square(image, size, *self._resizing(modality), self.border)
        if is_sketch and self.invert_sketch:
            resized = ImageOps.invert(resized)
        return np.asarray(resized)

    def pictures(self, files: Sequence[Path], size: int, modality: Modality) -> NDArray[np.uint8]:
        """Return (n, size, size, 3) uint8, read in threads; each picture as `picture` gives it."""
        pixels = np.empty((len(files), size, size, 3), np.uint8)
        # Decoding releases Python's lock, so threads are enough.
        with ThreadPoolExecutor(n_threads()) as pool:
            for i, picture in enumerate(pool.map(lambda path: self.picture(path, size, modality), files)):
                pixels[i] = picture
        return pixels

    def of_pictures(self, modality: Modality) -> str:
        """Say what happens to the pixels of one modality: equal texts are equal pixels."""
        is_sketch = modality == "sketch"
        how, resample = self._resizing(modality)
        steps = ["RGB on white, EXIF orientation not applied"]
        if is_sketch and self.crop_margin:
            steps.append(f"cut to the ink (channel mean up to {INK}) and {INK_MARGIN} pixels around it")
        steps.append("stretched to a square" if how == "stretch" else f"padded to a square in {self.border}")
        steps.append(_RESAMPLE_TEXTS[resample])
        if is_sketch and self.invert_sketch:
            steps.append("inverted")
        return ", ".join(steps)

    def _resizing(self, modality: Modality) -> tuple[Resize, Resample]:
        if modality == "sketch":
            return self.resize_sketch, self.resample_sketch
        return self.resize_photo, self.resample_photo

    def __str__(self) -> str:
        """Name and everything that it stands for, for records."""
        sketches, photos = self.of_pictures("sketch"), self.of_pictures("photo")
        pixels = f"{photos}; sketches as drawn" if sketches == photos else f"{photos}; sketches {sketches}"
        return f"{self.id}: {pixels}; normalised as {self.normalisation}"


PRESETS = {
    preset.id: preset
    for preset in (
        Preprocessing(
            "stretch",
            "most released code: whole pictures scaled to the square; normalised as the backbone was trained",
        ),
        Preprocessing(
            "sake",
            "SAKE (`test_cse_resnet_sketchy_zeroshot.py`): whole pictures scaled, ImageNet statistics",
            resample_sketch="bilinear",
            resample_photo="bilinear",
            normalisation="imagenet",
        ),
        Preprocessing(
            "sem_pcyc",
            "SEM-PCYC, PCMSN (`data.py`): sketches inverted, values in 0..1, no mean and deviation",
            resample_sketch="bilinear",
            resample_photo="bilinear",
            invert_sketch=True,
            normalisation="unit",
        ),
        Preprocessing(
            "zse",
            "ZSE-SBIR (`data_utils/utils.py`): photos stretched; sketches cut to their ink, padded in white",
            resize_sketch="pad",
            resample_sketch="bilinear, aliased",
            crop_margin=True,
            normalisation="half",
        ),
        Preprocessing(
            "sketch_lvm",
            "Sketch_LVM (`dataset_retrieval.py`): both padded, by Pillow's default in black; ImageNet "
            "statistics",
            resize_sketch="pad",
            resize_photo="pad",
            border="black",
            normalisation="imagenet",
        ),
    )
}
DEFAULT = PRESETS["stretch"]


def preset(name: str) -> Preprocessing:
    """Return a preset. Raises BenchmarkError naming the known ones."""
    if name not in PRESETS:
        raise BenchmarkError(f"no preprocessing '{name}'. Known: {', '.join(PRESETS)}.")
    return PRESETS[name]


def _square(image: Image.Image, size: int, how: Resize, resample: Resample, border: Colour) -> Image.Image:
    if resample == "bilinear, aliased":
        return _square_aliased(image, size, how, border)
    method = Image.Resampling.BICUBIC if resample == "bicubic" else Image.Resampling.BILINEAR
    if how == "pad":
        return ImageOps.pad(image, (size, size), method, color=border)
    return image.resize((size, size), method)


def _square_aliased(image: Image.Image, size: int, how: Resize, border: Colour) -> Image.Image:
    """As ZSE-SBIR: the shorter side rounded down, the smaller half of the border left or above."""
    width = height = size
    if how == "pad":
        longer = max(image.size)
        width, height = (max(1, int(size * side / longer)) for side in image.size)
    whole = (0, 0, *image.size)
    # `transform` looks at the four nearest pixels and no further, unlike `resize`.
    small = image.transform((width, height), Image.Transform.EXTENT, whole, Image.Resampling.BILINEAR)
    square = Image.new("RGB", (size, size), border)
    square.paste(small, ((size - width) // 2, (size - height) // 2))
    return square


def _cut_to_ink(image: Image.Image) -> Image.Image:
    rows, columns = np.nonzero(np.asarray(image, dtype=np.int64).sum(axis=2) <= 3 * INK)
    if not rows.size:
        return image  # nothing is drawn, or in pale grey: there is no edge to cut to
    left, top = max(0, columns.min() - INK_MARGIN), max(0, rows.min() - INK_MARGIN)
    right = min(image.width, columns.max() + INK_MARGIN)
    bottom = min(image.height, rows.max() + INK_MARGIN)
    return image.crop((int(left), int(top), int(right), int(bottom)))
