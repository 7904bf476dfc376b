"""The losses of a fit and their terms, kept beside the record: one line an epoch, one column each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from benchmark.errors import BenchmarkError

FILE = "training.csv"
LARGEST = 1e9
"""float32 has no digits behind the point from 1.7e7 on: a mean loss of this size says nothing any more."""


def curves_text(curves: Mapping[str, Sequence[float]]) -> str:
    """Write curves as CSV; the epoch counts from 1.

    >>> print(curves_text({"loss": [0.5, 0.25]}))
    epoch,loss
    1,0.5
    2,0.25
    <BLANKLINE>
    """
    table = pd.DataFrame({name: pd.Series(values, dtype=float) for name, values in curves.items()})
    table.index = pd.RangeIndex(1, len(table) + 1, name="epoch")
    return table.to_csv(lineterminator="\n", na_rep="nan", float_format="%.6g")


def require_bounded(curves: Mapping[str, Sequence[float]]) -> None:
    """Raise FloatingPointError where a loss ended beyond LARGEST, or is no number: training diverged."""
    for name, values in curves.items():
        if values and not abs(values[-1]) <= LARGEST:
            what = "the loss" if name == "loss" else f"the loss '{name}'"
            raise FloatingPointError(f"{what} ended at {values[-1]:.3g}; a smaller learning rate may help")


def read_curves(folder: Path) -> pd.DataFrame:
    """Read the curves of a run: a column each, epochs as index.

    Raises BenchmarkError where there are none, or the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise BenchmarkError(
            f"{path} does not exist: closed-form methods log no losses, and neither did older versions. For "
            "a trained method, repeat the run: `run` with its --methods, --splits, --seeds and --rerun all."
        )
    try:
        return pd.read_csv(path, index_col="epoch").astype(float)
    except (ValueError, KeyError) as error:
        raise BenchmarkError(f"{path} cannot be read ({error}). Run it again with --rerun all.") from error
