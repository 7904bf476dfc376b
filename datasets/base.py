"""What a data set is: classes, sketches and photos with labels, and the facts that a reader must know."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.ledger import FileLedger
from datasets.progress import Progress
from datasets.settings import Modality
from datasets.splits import ZeroShotSplit
from datasets.survey import ClassCount, Finding, Survey

if TYPE_CHECKING:
    from datasets.given import GivenFeatures

__all__ = ["DatasetCard", "DatasetIndex", "Items", "Progress", "Roles", "SketchPhotoDataset"]


@dataclass(frozen=True)
class Items:
    """The pictures of one modality, as parallel sequences in a fixed order.

    files: (n,) paths. names: (n,) relative names that identify an item on every machine. labels: (n,) int64,
    index into the data set's class names. instances: (n,) id of the object drawn or photographed, "" where
    unknown; None where the data set has none. groups: (n,) content group, equal for the same picture in
    several places, "" where a picture lies in one; None where the data set knows of no repetition. sources:
    (n,) who made the picture or which part of the data set it belongs to, for protocols that choose by it.
    """

    files: Sequence[Path]
    names: Sequence[str]
    labels: NDArray[np.int64]
    instances: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    sources: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __post_init__(self) -> None:
        for name in ("names", "labels", "instances", "groups", "sources"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.files):
                raise ValueError(f"{name} has {len(column)} entries for {len(self.files)} files")


@dataclass(frozen=True)
class DatasetIndex:
    """All items of a data set, found and checked.

    skipped: names left out by `--skip-corrupt`. found: in a sentence, where the data set lies and how that
    was recognised; "" where there is nothing to recognise. lacking: kind of picture -> number found and
    number published, where fewer were found. has_pictures: False where there are features alone, and `files`
    of the items name where these stand.
    """

    class_names: tuple[str, ...]
    sketches: Items
    photos: Items
    skipped: tuple[str, ...] = ()
    found: str = ""
    lacking: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    has_pictures: bool = True

    def items(self, modality: Modality) -> Items:
        """The sketches or the photos."""
        return self.sketches if modality == "sketch" else self.photos


@dataclass(frozen=True)
class Roles:
    """Which items may train and which may be tested, before the split divides the classes.

    Boolean masks over the sketches and over the photos. Tested items query or are found, as the direction
    says.
    """

    train_sketches: NDArray[np.bool_]
    train_photos: NDArray[np.bool_]
    test_sketches: NDArray[np.bool_]
    test_photos: NDArray[np.bool_]


@dataclass(frozen=True)
class DatasetCard:
    """Facts about a data set.

    protocols: named choices of training, query and gallery items, the default first. attributions: one line
    for each picture set, with its licence, as its authors ask for it. obtain: how a person gets the data.
    caution: what must be said wherever its numbers are shown.
    """

    id: str
    title: str
    description: str
    licence: str
    citation: str
    obtain: str
    layout: str
    protocols: tuple[str, ...] = ("standard",)
    attributions: tuple[str, ...] = ()
    caution: str = ""
    n_classes: int | None = None
    needs_root: bool = True


class SketchPhotoDataset(ABC):
    """A data set as it lies on this machine.

    splits_folder: of `datasets/splits`, where it is not named like the data set. class_table: of
    `datasets.classes`, where published facts of its classes are kept. is_named_by_root: its id in records is
    the card's and the name of the root, so that scores of different roots are never mixed. brings_features:
    it has features in the place of pictures, so that no backbone is asked.

    root: the folder a user named with `--data-root`, None where the data set needs none. cache_dir: where it
    may keep what it makes. skip_corrupt: leave unreadable pictures out instead of refusing.
    """

    card: ClassVar[DatasetCard]
    splits_folder: ClassVar[str | None] = None
    class_table: ClassVar[str | None] = None
    is_named_by_root: ClassVar[bool] = False
    brings_features: ClassVar[bool] = False

    def __init__(self, *, root: Path | None, cache_dir: Path, skip_corrupt: bool = False) -> None:
        if self.card.needs_root and root is None:
            raise BenchmarkError(
                f"data set '{self.card.id}' needs --data-root DIR. {self.card.obtain} "
                f"Expected layout: {self.card.layout}"
            )
        if root is not None and not self.card.needs_root:
            raise BenchmarkError(
                f"data set '{self.card.id}' takes no --data-root. "
                "For pictures of your own add --dataset folder."
            )
        self.root = root
        self.cache_dir = cache_dir
        self.skip_corrupt = skip_corrupt
        self.ledger = FileLedger(cache_dir / "files.sqlite")

    @property
    def id(self) -> str:
        """Name in records and folders."""
        if self.root is None or not self.is_named_by_root:
            return self.card.id
        name = re.sub(r"[^a-z0-9]+", "_", self.root.resolve().name.lower()).strip("_")
        return f"{self.card.id}_{name or 'root'}"

    @classmethod
    def folder_of_splits(cls) -> str:
        """Name of the folder of `datasets/splits` that holds the committed ones."""
        return cls.splits_folder or cls.card.id

    @classmethod
    def galleries(cls) -> Mapping[str, tuple[str, ...]]:
        """Protocol -> parts of the class table's photos that it searches whole; empty without a table."""
        return {}

    @abstractmethod
    def index(self, progress: Progress | None = None) -> DatasetIndex:
        """Find, make and check all items. Raises BenchmarkError naming the file or class at fault."""

    def digests(self, items: Items, modality: Modality, progress: Progress | None = None) -> list[str]:
        """Return the hex sha256 of every item's content. Items of equal content are one picture."""
        return self.ledger.digests(items.files, progress)

    def given_features(self) -> GivenFeatures | None:
        """Return the features that the data set brings, None where it has pictures."""
        return None

    def survey(self, progress: Progress | None = None) -> Survey:
        """Look at everything and raise nothing: what `index` refuses is an error in what is returned."""
        try:
            index = self.index(progress)
        except BenchmarkError as error:
            return Survey("", None, (), (Finding("error", "data set", self.id, str(error)),))
        counts = tuple(
            ClassCount(class_name, part, int(n))
            for part, items in (("sketch", index.sketches), ("photo", index.photos))
            for class_name, n in zip(
                index.class_names,
                np.bincount(items.labels, minlength=len(index.class_names)),
                strict=True,
            )
        )
        return Survey(index.found, index, counts, ())

    @abstractmethod
    def split_ids(self) -> tuple[str, ...]:
        """Names of the committed splits, the default order."""

    @abstractmethod
    def split(self, split_id: str) -> ZeroShotSplit:
        """Return a split. Raises BenchmarkError naming the known ones."""

    def roles(self, index: DatasetIndex, protocol: str) -> Roles:
        """Return the roles of the items under a protocol; here everything may do everything."""
        self.check_protocol(protocol)
        sketches, photos = np.ones(len(index.sketches), bool), np.ones(len(index.photos), bool)
        return Roles(sketches, photos, sketches.copy(), photos.copy())

    @classmethod
    def check_protocol(cls, protocol: str) -> None:
        """Raise BenchmarkError when the data set has no protocol of this name."""
        if protocol not in cls.card.protocols:
            known = ", ".join(cls.card.protocols)
            raise BenchmarkError(f"data set '{cls.card.id}' has no protocol '{protocol}'. Known: {known}.")
