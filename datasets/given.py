"""Features that a data set brings, in the place of a backbone that would make them from pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from datasets.backbones import Backbone, BackboneCard
from datasets.backbones.weights import WeightsFile
from datasets.base import Items
from datasets.preprocessing import NORMALISATIONS, Normalisation, Preprocessing
from datasets.settings import PLURALS, Modality

ID = "precomputed"
"""What a record calls the backbone."""

PREPROCESSING = "given: features as they came, nothing is known of the pictures behind them"
"""What a record says of the preprocessing."""


class StoredRows(Protocol):
    """Features of one modality as they lie on the disk."""

    @property
    def dim(self) -> int:
        """Width of a row."""
        ...

    def rows(self, idx: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copies of some rows, in the order asked for."""
        ...


@dataclass(frozen=True)
class RowsOfItems:
    """The rows of some items. places: (n,) int64, where the row of each item lies."""

    stored: StoredRows
    places: NDArray[np.int64]

    def rows(self, idx: NDArray[np.int64]) -> NDArray[Any]:
        """Return (len(idx), d) float32: copies."""
        return self.stored.rows(self.places[idx])


class GivenFeatures(Backbone):
    """Stands where a backbone stands: says what made the features, as far as that is known, and gives them.

    stored: the features of each modality. row_of: from an item's name to its row. sha256: over the files.
    supervised_on: label set that the network was trained on, "unknown" where nobody says.
    """

    family = ID
    layers = ("given",)

    def __init__(
        self,
        stored: Mapping[Modality, StoredRows],
        row_of: Callable[[str], int],
        *,
        sha256: str,
        supervised_on: str,
    ) -> None:
        super().__init__()
        self._stored, self._row_of, self._sha256 = stored, row_of, sha256
        self.card = BackboneCard(
            id=ID,
            title="Features that came with the data",
            dim=max(rows.dim for rows in stored.values()),
            image_size=0,
            normalisation=NORMALISATIONS["unit"],
            readout="as given",
            supervised_on=supervised_on,
            licence="as their owner says",
            packages=(),
        )

    def source(self, items: Items, modality: Modality) -> RowsOfItems:
        """Return the rows of the data set's items, or of some of them."""
        places = np.array([self._row_of(name) for name in items.names], np.int64)
        return RowsOfItems(self._stored[modality], places)

    def weights_file(self) -> WeightsFile:
        """Return the hash over the files: what there is of the network."""
        return WeightsFile(None, self._sha256, "came with the data", is_published=True)

    def steps(self, preprocessing: Preprocessing) -> str:
        """Say what is known, for records: the widths, and what the network was trained on."""
        widths = ", ".join(f"{rows.dim}-d {PLURALS[modality]}" for modality, rows in self._stored.items())
        return f"features as given ({widths}); network trained on {self.card.supervised_on}"

    def load(self, device: str, normalisation: Normalisation) -> NoReturn:
        """There is no network: asking for one is a defect of the caller."""
        raise TypeError("features that came with the data have no network to load")
