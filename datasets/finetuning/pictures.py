"""Pictures for training: read anew in every pass, cropped and mirrored at random, repeatably."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from datasets.preprocessing import Preprocessing
from datasets.settings import Modality


@dataclass
class TrainingPictures(Dataset[tuple[Tensor, int]]):
    """Pictures with labels, (size, size, 3) uint8 each: turning them is the device's work.

    Indexed by (epoch, row). crop_frac: edge of the random crop, of the picture's; None for whole pictures.
    Crops and mirrors are drawn from seed, epoch and row: no order of reading changes them.
    """

    files: Sequence[Path]
    labels: NDArray[np.int64]
    size: int
    preprocessing: Preprocessing
    modality: Modality
    crop_frac: float | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, at: tuple[int, int]) -> tuple[Tensor, int]:
        epoch, row = at
        label = int(self.labels[row])
        if self.crop_frac is None:
            picture = self.preprocessing.picture(self.files[row], self.size, self.modality)
            return torch.tensor(picture), label
        edge = math.ceil(self.size / self.crop_frac)
        picture = self.preprocessing.picture(self.files[row], edge, self.modality)
        rng = np.random.default_rng([self.seed, epoch, row])
        top, left = rng.integers(0, edge - self.size + 1, size=2)
        picture = picture[top : top + self.size, left : left + self.size]
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        return torch.tensor(np.ascontiguousarray(picture)), label


class Share(Sampler[tuple[int, int]]):
    """One device's (epoch, row) of a pass: shuffled by seed and epoch, equally many for every device.

    shuffled: whether rows come in a drawn order, of which the last ones that do not go around are left out;
    else in their own, and every row comes once.
    """

    def __init__(self, n: int, *, rank: int, n_devices: int, seed: int, shuffled: bool) -> None:
        self._n, self._rank, self._n_devices, self._seed, self._shuffled = n, rank, n_devices, seed, shuffled
        self.epoch = 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rows = np.arange(self._n)
        if self._shuffled:
            rows = np.random.default_rng([self._seed, self.epoch]).permutation(self._n)
            rows = rows[: self._n - self._n % self._n_devices]
        return ((self.epoch, row) for row in rows[self._rank :: self._n_devices].tolist())

    def __len__(self) -> int:
        if self._shuffled:
            return self._n // self._n_devices
        return len(range(self._rank, self._n, self._n_devices))
