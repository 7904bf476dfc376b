"""precomputed: features that somebody extracted, from .npz and MATLAB files, with a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from benchmark.registry import register_dataset
from datasets.array_checks import not_finite
from datasets.base import DatasetCard, DatasetIndex, Items, Progress, SketchPhotoDataset
from datasets.checks import require_folder
from datasets.given import GivenFeatures
from datasets.precomputed.labels import require_items
from datasets.precomputed.reading import Opened, read_root
from datasets.precomputed.settings import Settings, read_settings
from datasets.settings import PLURALS, Modality
from datasets.splits import ZeroShotSplit


@register_dataset
class Precomputed(SketchPhotoDataset):
    """A data root with files of features, labels, perhaps class names, and `split.toml`."""

    is_named_by_root = True
    brings_features = True
    card = DatasetCard(
        id="precomputed",
        title="Features made elsewhere",
        description=(
            "Features that somebody extracted, with labels, for every method that takes features: no picture "
            "and no backbone is needed. Its id in records is precomputed_<name of the root>, so that scores "
            "of different roots are never mixed."
        ),
        licence="as its owner says",
        citation="as its owner says",
        obtain="Save features of your own, or take those that authors release; README.md shows how.",
        layout=(
            "<root>/sketch.npz and <root>/photo.npz (or .mat) with `features` (items, dimensions), `labels` "
            "and perhaps `class_names`; or one file with `sketch_features`, `sketch_labels`, "
            "`photo_features` and `photo_labels`; or the files of ZSCMR's authors (`feature`, `label_sk`, "
            "`label_im`); <root>/classes.txt, one class name a line in the order of the labels, where no "
            "file names the classes; and <root>/split.toml with the lists `unseen` and `validation`, or with "
            'like = "sketchy" for the classes and the splits of a built-in data set'
        ),
    )

    def __init__(self, *, root: Path | None, cache_dir: Path, skip_corrupt: bool = False) -> None:
        super().__init__(root=root, cache_dir=cache_dir, skip_corrupt=skip_corrupt)
        self._opened: Opened | None = None

    def index(self, progress: Progress | None = None) -> DatasetIndex:
        """Find features and labels; convert the features once.

        Raises BenchmarkError for files that cannot be read or recognised, labels that do not fit, classes
        without items, a split that does not fit, and rows with NaN or infinity; `skip_corrupt` leaves the
        last out and lists them.
        """
        opened = self._open(progress)
        self.split(self.split_ids()[0]).check_against(opened.class_names)
        bad = {modality: np.flatnonzero(~rows.is_finite) for modality, rows in opened.rows.items()}
        if not self.skip_corrupt:
            for modality, own in bad.items():
                self._require_finite(own, opened, modality)
        items = {modality: self._items(opened, modality) for modality in opened.rows}
        require_items({m: own.labels for m, own in items.items()}, opened.class_names, self._where)
        return DatasetIndex(
            opened.class_names,
            items["sketch"],
            items["photo"],
            skipped=tuple(_name(m, row) for m, own in bad.items() for row in own.tolist()),
            found=opened.found,
            has_pictures=False,
        )

    def digests(self, items: Items, modality: Modality, progress: Progress | None = None) -> list[str]:
        """Return the hex sha256 of every item's row as float32."""
        digests = self._open(progress).rows[modality].digests
        return [digests[_row(name)] for name in items.names]

    def given_features(self) -> GivenFeatures:
        """Return the features, under a hash over their files."""
        opened = self._open()
        return GivenFeatures(
            opened.rows, _row, sha256=opened.sha256, supervised_on=self._settings().supervised_on
        )

    def split_ids(self) -> tuple[str, ...]:
        """The split beside the features, then those of the data set that it is like."""
        return self._settings().split_ids()

    def split(self, split_id: str) -> ZeroShotSplit:
        """Return a split. Raises BenchmarkError when the file is missing or malformed."""
        return self._settings().split(split_id, self.id)

    @property
    def _root(self) -> Path:
        assert self.root is not None  # the base class refuses a missing root
        return self.root

    @property
    def _asked_by(self) -> str:
        return f"data set '{self.id}':"

    @property
    def _where(self) -> str:
        return f"{self._asked_by} {self._root}"

    def _settings(self) -> Settings:
        require_folder(self._root, layout=self.card.layout)
        return read_settings(self._root)

    def _open(self, progress: Progress | None = None) -> Opened:
        if self._opened is None:
            self._opened = read_root(
                self._settings(),
                cache_dir=self.cache_dir,
                ledger=self.ledger,
                asked_by=self._asked_by,
                progress=progress,
            )
        return self._opened

    def _require_finite(self, bad: NDArray[np.int64], opened: Opened, modality: Modality) -> None:
        if bad.size:
            raise BenchmarkError(
                f"{self._asked_by} {opened.paths[modality]}, {PLURALS[modality]}: "
                f"{not_finite(bad, len(opened.rows[modality]), 'A method')} "
                "Or go on without these rows with --skip-corrupt."
            )

    def _items(self, opened: Opened, modality: Modality) -> Items:
        kept = np.flatnonzero(opened.rows[modality].is_finite)
        return Items(
            files=(opened.paths[modality],) * len(kept),
            names=tuple(_name(modality, row) for row in kept.tolist()),
            labels=opened.labels[modality][kept],
        )


def _name(modality: Modality, row: int) -> str:
    """Name of an item: its row, counted from 0, is all that is known of it."""
    return f"{modality}/{row}"


def _row(name: str) -> int:
    return int(name.rpartition("/")[2])
