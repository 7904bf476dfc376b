"""What the `split.toml` of a folder of features says: the split, or the data set whose splits are meant."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.registry import DATASETS
from datasets.base import SketchPhotoDataset
from datasets.classes import class_facts
from datasets.published.names import ClassNames
from datasets.splits import ZeroShotSplit, committed_split, committed_split_ids, read_split

FILE = "split.toml"
SPLIT_ID = "split"
KEYS = (
    *("unseen", "validation", "origin", "family", "sha256"),
    *("like", "supervised_on", "first_label"),
)


@dataclass(frozen=True)
class Settings:
    """What the file says beside the split.

    like: built-in data set whose classes, spelling and committed splits are meant. supervised_on: label set
    that the network behind the features was trained on, such as "imagenet1k". first_label: the number of the
    first class, 0 or 1, None where it is to be found out. has_split: whether the file lists a split itself.
    """

    path: Path
    like: str | None
    supervised_on: str
    first_label: int | None
    has_split: bool

    @property
    def kind(self) -> type[SketchPhotoDataset] | None:
        """The data set that `like` names."""
        return None if self.like is None else DATASETS.get(self.like)

    def class_names(self) -> ClassNames | None:
        """The classes of the data set that `like` names, found by any known spelling."""
        if self.kind is None or self.kind.class_table is None:
            return None
        names = [facts.class_name for facts in class_facts(self.kind.class_table)]
        return ClassNames(names, getattr(self.kind, "spellings", {}))

    def split_ids(self) -> tuple[str, ...]:
        """The split of the file, then those of the data set that `like` names, its default one first."""
        own = (SPLIT_ID,) if self.has_split else ()
        if self.kind is None:
            return own
        default = getattr(self.kind, "default_split", None)
        ids = committed_split_ids(self.kind.folder_of_splits())
        return (*own, *sorted(ids, key=lambda split_id: (split_id != default, split_id)))

    def split(self, split_id: str, dataset: str) -> ZeroShotSplit:
        """Return a split under the id of the data set. Raises BenchmarkError naming the known ones."""
        if split_id not in self.split_ids():
            known = ", ".join(self.split_ids())
            hint = "" if self.like else ' With like = "sketchy", say, it has those of that data set.'
            raise BenchmarkError(
                f"data set '{dataset}' has no split '{split_id}'. Known: {known} ({self.path}).{hint}"
            )
        if split_id == SPLIT_ID and self.has_split:
            return read_split(self.path, dataset=dataset, split_id=SPLIT_ID)
        assert self.kind is not None  # its ids are known
        return committed_split(dataset, split_id, folder=self.kind.folder_of_splits())


def read_settings(root: Path) -> Settings:
    """Read the file. Raises BenchmarkError naming the file, what is wrong in it, and what may stand there."""
    path = root / FILE
    if not path.is_file():
        raise BenchmarkError(
            f"no split file {path}. Write one in TOML: the lists `unseen` and `validation` of class names; "
            f'or like = "sketchy", for the classes and the committed splits of a built-in data set '
            f"({', '.join(_known())})."
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"{path} is not valid TOML: {error}") from error
    for key in content:
        if key not in KEYS:
            close = difflib.get_close_matches(key, KEYS, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise BenchmarkError(f"{path}: nothing reads `{key}`.{hint} Known: {', '.join(KEYS)}.")
    like, first = _text(content, "like", path), content.get("first_label")
    if like is not None and like not in _known():
        raise BenchmarkError(
            f"{path}: like = {like!r} is no data set whose classes are known. Known: {', '.join(_known())}."
        )
    if first is not None and (isinstance(first, bool) or first not in (0, 1)):
        raise BenchmarkError(f"{path}: first_label is the number of the first class, 0 or 1, got {first!r}.")
    has_split = "unseen" in content or "validation" in content
    if not has_split and like is None:
        raise BenchmarkError(
            f'{path} names no split: write the lists `unseen` and `validation`, or like = "sketchy" for the '
            "splits of a built-in data set."
        )
    supervised_on = _text(content, "supervised_on", path) or "unknown"
    return Settings(path, like, supervised_on, first, has_split)


def _known() -> tuple[str, ...]:
    """Data sets whose classes are known without a copy of them."""
    return tuple(name for name in DATASETS.ids() if DATASETS.get(name).class_table is not None)


def _text(content: dict[str, Any], key: str, path: Path) -> str | None:
    value = content.get(key)
    if value is not None and not (isinstance(value, str) and value.strip()):
        raise BenchmarkError(f"{path}: `{key}` is a text, got {value!r}.")
    return value
