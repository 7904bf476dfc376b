"""folder: any data set of one's own, as folders of pictures and a split file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.registry import register_dataset
from datasets.base import DatasetCard, DatasetIndex, Items, Progress, SketchPhotoDataset
from datasets.checks import (
    class_folders,
    class_pictures,
    require_distinct_names,
    require_folder,
    require_readable,
    require_same_classes,
)
from datasets.splits import ZeroShotSplit, read_split

SPLIT_ID = "split"
MODALITIES = ("sketch", "photo")

ClassPictures = Mapping[str, tuple[Path, ...]]
"""Pictures of one modality by class name."""


@register_dataset
class Folder(SketchPhotoDataset):
    """A data root with one folder a class, the same classes for sketches and photos, and `split.toml`."""

    is_named_by_root = True
    card = DatasetCard(
        id="folder",
        title="Folder of pictures",
        description=(
            "Any sketches and photos in class folders. Its id in records is folder_<name of the root>, so "
            "that scores of different roots are never mixed."
        ),
        licence="as its owner says",
        citation="as its owner says",
        obtain="Put pictures of your own in class folders and write split.toml; README.md shows one.",
        layout=(
            "<root>/sketch/<class>/*, <root>/photo/<class>/* (png, jpg, jpeg, bmp, webp), and "
            "<root>/split.toml with the lists `unseen` and `validation`"
        ),
    )

    def index(self, progress: Progress | None = None) -> DatasetIndex:
        """Find the pictures and decode each once.

        Raises BenchmarkError for a missing folder, a class that is empty or in one modality only, names
        that differ in case only, a split that does not fit, and unreadable pictures; `skip_corrupt` leaves
        the last out and lists them.
        """
        pictures = self._find_pictures()
        class_names = tuple(pictures["sketch"])
        self.split(SPLIT_ID).check_against(class_names)

        names = {path: self._name(path) for by_class in pictures.values() for path in _flat(by_class)}
        unreadable = self.ledger.faults(tuple(names), progress)
        if not self.skip_corrupt:
            require_readable(unreadable, f"data set '{self.id}'")
        sketches, photos = (self._items(pictures[modality], unreadable) for modality in MODALITIES)
        return DatasetIndex(class_names, sketches, photos, skipped=tuple(names[path] for path in unreadable))

    def split_ids(self) -> tuple[str, ...]:
        """The one split, which lies beside the pictures."""
        return (SPLIT_ID,)

    def split(self, split_id: str) -> ZeroShotSplit:
        """Return the split. Raises BenchmarkError when the file is missing or malformed."""
        if split_id not in self.split_ids():
            raise BenchmarkError(
                f"data set '{self.id}' has no split '{split_id}'. Known: {SPLIT_ID} "
                f"(the file {self._root / 'split.toml'})."
            )
        return read_split(self._root / "split.toml", dataset=self.id, split_id=SPLIT_ID)

    @property
    def _root(self) -> Path:
        assert self.root is not None  # the base class refuses a missing root
        return self.root

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _find_pictures(self) -> dict[str, ClassPictures]:
        """Pictures by modality and class, the classes sorted and the same in both."""
        for folder in (self._root, *(self._root / modality for modality in MODALITIES)):
            require_folder(folder, layout=self.card.layout)
        classes = {modality: class_folders(self._root / modality) for modality in MODALITIES}
        require_distinct_names({*classes["sketch"], *classes["photo"]}, str(self._root))
        require_same_classes(classes["sketch"], classes["photo"], str(self._root))
        return {
            modality: {name: class_pictures(self._root / modality / name) for name in classes[modality]}
            for modality in MODALITIES
        }

    def _items(self, pictures: ClassPictures, unreadable: Mapping[Path, str]) -> Items:
        files: list[Path] = []
        labels: list[int] = []
        for label, (class_name, its_pictures) in enumerate(pictures.items()):
            readable = [path for path in its_pictures if path not in unreadable]
            if not readable:
                raise BenchmarkError(
                    f"class '{class_name}' of data set '{self.id}' has no readable picture in "
                    f"{its_pictures[0].parent}: all {len(its_pictures)} are corrupt. "
                    "Fetch them again, or take the class out of both modalities and of split.toml."
                )
            files += readable
            labels += [label] * len(readable)
        return Items(
            files=tuple(files),
            names=tuple(self._name(path) for path in files),
            labels=np.array(labels, dtype=np.int64),
        )


def _flat(pictures: ClassPictures) -> tuple[Path, ...]:
    return tuple(path for its_pictures in pictures.values() for path in its_pictures)
