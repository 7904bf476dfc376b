"""doodle101: free-hand sketches of Quick, Draw! against photographs of Caltech-101, both under CC BY 4.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.registry import register_dataset
from datasets.base import DatasetCard, DatasetIndex, Items, Progress, SketchPhotoDataset
from datasets.checks import require_readable
from datasets.doodle101.contents import Contents, Photo, Sketch, read_contents
from datasets.doodle101.look import COMMAND, MODALITIES, Look, is_absent, look, sketch_findings
from datasets.splits import ZeroShotSplit, committed_split, committed_split_ids
from datasets.survey import ClassCount, Finding, Survey

DOWNLOADS = (
    "Download the simplified drawings of Quick, Draw! (files <class>.ndjson in "
    "https://console.cloud.google.com/storage/quickdraw_dataset/full/simplified) and Caltech-101 "
    "(https://data.caltech.edu/records/mzrjq-6wc02, unpack 101_ObjectCategories.tar.gz)"
)


def default_root() -> Path:
    """Where `prepare` writes and runs look when no `--data-root` is given: the platform's data folder."""
    import platformdirs

    return Path(platformdirs.user_data_dir("zs-sbir-benchmark")) / "doodle101"


@register_dataset
class Doodle101(SketchPhotoDataset):
    """49 classes, 1,225 sketches and 2,627 photos: file for file those of the committed lists.

    root: a copy elsewhere than in `default_root()`.
    """

    class_table = "doodle101"
    card = DatasetCard(
        id="doodle101",
        title="Doodle101",
        description=(
            "25 free-hand drawings and 31 to 60 photographs in each of 49 classes that Quick, Draw! and "
            "Caltech-101 share. No sketch was drawn after a photo: there are no instance pairs."
        ),
        licence="CC BY 4.0 (Quick, Draw!, Google), CC BY 4.0 (Caltech-101)",
        citation=(
            "D. Ha, D. Eck: A Neural Representation of Sketch Drawings. ICLR 2018 (Quick, Draw!). "
            "L. Fei-Fei, R. Fergus, P. Perona: Learning Generative Visual Models from Few Training Examples: "
            "An Incremental Bayesian Approach Tested on 101 Object Categories. CVPR Workshop on "
            "Generative-Model Based Vision, 2004 (Caltech-101)."
        ),
        obtain=f"{DOWNLOADS}, then call `{COMMAND}`.",
        layout="<root>/sketch/<class>/<key_id>.png, <root>/photo/<class>/<Caltech class>_<number>.jpg",
        attributions=(
            "Sketches: the Quick, Draw! Dataset, made available by Google, Inc., CC BY 4.0, "
            "https://github.com/googlecreativelab/quickdraw-dataset; strokes drawn as pictures",
            "Photos: Caltech-101, L. Fei-Fei, R. Fergus and P. Perona 2004, CC BY 4.0, "
            "https://data.caltech.edu/records/mzrjq-6wc02; at most 60 a class, bytes unchanged",
        ),
        caution=(
            "Some of its photos are grey and some are drawings, as in Caltech-101. With 25 sketches a class "
            "it is small: what is learnt from 925 of them need not beat features that are merely centred."
        ),
        n_classes=49,
    )

    def __init__(self, *, root: Path | None, cache_dir: Path, skip_corrupt: bool = False) -> None:
        super().__init__(root=root or default_root(), cache_dir=cache_dir, skip_corrupt=skip_corrupt)

    @staticmethod
    def contents() -> Contents:
        """Every file that belongs to the data set."""
        return read_contents()

    def index(self, progress: Progress | None = None) -> DatasetIndex:
        """Find all items and compare their content with the list's.

        Raises BenchmarkError in one line where there is no copy, and with the first thing that is wrong where
        files are missing, not listed, corrupt or others than listed; `skip_corrupt` leaves the corrupt ones
        out.
        """
        self._require_copy()
        looked = self._look(progress)
        corrupt = {self._root / name: reason for name, reason in looked.corrupt.items()}
        if not self.skip_corrupt:
            require_readable(corrupt, f"data set '{self.id}'")
        return self._survey(looked).require_index()

    def survey(self, progress: Progress | None = None) -> Survey:
        """Compare every file with the lists; raise nothing. Corrupt files are among the skipped ones."""
        try:
            self._require_copy()
            looked = self._look(progress)
            findings = sketch_findings(self._root, looked.repacked)
        except BenchmarkError as error:
            return Survey("", None, (), (Finding("error", "data set", str(self._root), str(error)),))
        return self._survey(looked, findings)

    def split_ids(self) -> tuple[str, ...]:
        """The one split, drawn once."""
        return committed_split_ids(self.id)

    def split(self, split_id: str) -> ZeroShotSplit:
        """Return a split. Raises BenchmarkError naming the known ones."""
        return committed_split(self.id, split_id)

    @classmethod
    def galleries(cls) -> Mapping[str, tuple[str, ...]]:
        """All photos, under the one protocol."""
        return dict.fromkeys(cls.card.protocols, ("photo",))

    @property
    def _root(self) -> Path:
        assert self.root is not None  # there is always one, the default at least
        return self.root

    def _require_copy(self) -> None:
        if is_absent(self._root):
            raise BenchmarkError(
                f"data set '{self.id}' is not in {self._root}. {self.card.obtain} "
                "A copy elsewhere is named with --data-root DIR."
            )

    def _look(self, progress: Progress | None) -> Look:
        return look(self._root, self.contents(), self.ledger, progress)

    def _survey(self, looked: Look, further: Sequence[Finding] = ()) -> Survey:
        """Index what is there and can be read, beside all findings."""
        contents = self.contents()
        class_names = contents.class_names
        kept = [item for item in looked.there if item.name not in looked.corrupt]
        sketches = self._items([item for item in kept if isinstance(item, Sketch)], class_names)
        photos = self._items([item for item in kept if isinstance(item, Photo)], class_names)
        found = f"in {self._root}, compared with the lists of {len(contents):,} files"
        skipped = tuple(looked.corrupt)
        index = DatasetIndex(class_names, sketches, photos, skipped=skipped, found=found)
        return Survey(found, index, self._counts(looked, contents), (*looked.findings, *further))

    def _items(self, items: Sequence[Sketch | Photo], class_names: Sequence[str]) -> Items:
        label_of = {name: label for label, name in enumerate(class_names)}
        return Items(
            files=tuple(self._root / item.name for item in items),
            names=tuple(item.name for item in items),
            labels=np.array([label_of[item.class_name] for item in items], dtype=np.int64),
        )

    @staticmethod
    def _counts(looked: Look, contents: Contents) -> tuple[ClassCount, ...]:
        listed, there = ([item.name.rpartition("/")[0] for item in some] for some in (contents, looked.there))
        return tuple(
            ClassCount(name, part, there.count(f"{part}/{name}"), listed.count(f"{part}/{name}"))
            for part in MODALITIES
            for name in contents.class_names
        )
