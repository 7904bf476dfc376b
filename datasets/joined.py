"""Texts that share their beginnings, kept without repeating these: paths and names of a whole data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Joined(Sequence[T], Generic[T]):
    """A sequence whose entry i is `made(heads[head_of[i]] + tails[i])`.

    150,000 paths take a tenth of the memory of as many `Path` objects, which are made when asked for.
    heads: few. head_of: (n,) int32. tails: n texts, which several sequences may share.

    >>> list(Joined(("a/", "b/"), np.array([0, 1], np.int32), ("x.png", "y.png"), str))
    ['a/x.png', 'b/y.png']
    """

    def __init__(
        self, heads: Sequence[str], head_of: NDArray[np.int32], tails: Sequence[str], made: Callable[[str], T]
    ) -> None:
        if len(head_of) != len(tails):
            raise ValueError(f"{len(head_of)} beginnings for {len(tails)} endings")
        self._heads, self._head_of, self._tails, self._made = tuple(heads), head_of, tuple(tails), made

    def __len__(self) -> int:
        return len(self._tails)

    @overload
    def __getitem__(self, position: int) -> T: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[T]: ...
    def __getitem__(self, position: int | slice) -> T | Sequence[T]:
        if isinstance(position, slice):
            return Joined(self._heads, self._head_of[position], self._tails[position], self._made)
        return self._made(self._heads[self._head_of[position]] + self._tails[position])


def joined_paths(folders: Sequence[Path], folder_of: NDArray[np.int32], names: Sequence[str]) -> Joined[Path]:
    """File paths from few folders and many file names."""
    return Joined([f"{folder}/" for folder in folders], folder_of, names, Path)
