"""Zero-shot splits: which classes are unseen. Committed lists, never a seed, never a folder listing."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchmarkError

SPLITS_DIR = Path(__file__).parent / "splits"


@dataclass(frozen=True)
class ZeroShotSplit:
    """One division of a data set's classes.

    unseen: classes of the test, sorted. validation: the part of the seen classes on which configurations are
    chosen, sorted. origin: who drew the list, and where it was read. family: splits that were drawn together,
    such as folds, share one, and only these are ever averaged; "" for a split that stands alone.
    """

    dataset: str
    id: str
    unseen: tuple[str, ...]
    validation: tuple[str, ...]
    origin: str
    family: str = ""

    @property
    def sha256(self) -> str:
        """Hash over the sorted unseen names, one a line: two lists of one name differ here."""
        return hashlib.sha256("\n".join(sorted(self.unseen)).encode()).hexdigest()

    def seen(self, class_names: Sequence[str]) -> tuple[str, ...]:
        """The data set's other classes, in its order."""
        return tuple(name for name in class_names if name not in self.unseen)

    def check_against(self, class_names: Sequence[str]) -> None:
        """Raise BenchmarkError naming every class of the split that the data set does not have."""
        unknown = [name for name in (*self.unseen, *self.validation) if name not in class_names]
        if unknown:
            named = "; ".join(_with_close_names(name, class_names) for name in unknown)
            raise BenchmarkError(
                f"split '{self.id}' names classes that data set '{self.dataset}' does not have: {named}. "
                "Class names in the split file must be spelt like the class folders."
            )
        if not set(class_names) - set(self.unseen) - set(self.validation):
            raise BenchmarkError(
                f"split '{self.id}' leaves no class of data set '{self.dataset}' to train on: all "
                f"{len(class_names)} are unseen or validation classes."
            )


def read_split(path: Path, *, dataset: str, split_id: str) -> ZeroShotSplit:
    """Read a split file (TOML: `unseen`, `validation`, optional `origin`, `family` and `sha256`).

    Raises BenchmarkError for a missing or malformed file, repeated or shared names, and a sha256 that is not
    that of the unseen names.
    """
    if not path.is_file():
        raise BenchmarkError(
            f"no split file {path}. Write one in TOML with the lists `unseen` and `validation`, "
            "in the spelling of the class folders."
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"{path} is not valid TOML: {error}") from error
    unseen, validation = (_names(content, key, path) for key in ("unseen", "validation"))
    shared = sorted(set(unseen) & set(validation))
    if shared:
        raise BenchmarkError(
            f"{path}: {', '.join(shared)} stand in `unseen` and in `validation`. "
            "Validation classes are a part of the seen ones: remove them from one list."
        )
    split = ZeroShotSplit(
        dataset,
        split_id,
        unseen,
        validation,
        origin=str(content.get("origin", "not stated")).strip(),
        family=str(content.get("family", "")),
    )
    if content.get("sha256", split.sha256) != split.sha256:
        raise BenchmarkError(
            f"{path}: sha256 says {content['sha256'][:12]}…, the unseen names give {split.sha256[:12]}…. "
            "The list was changed: restore it, or give the new list a new name."
        )
    return split


def committed_split_ids(folder: str) -> tuple[str, ...]:
    """Ids of the splits kept in a folder of `datasets/splits`, sorted."""
    return tuple(sorted(path.stem for path in (SPLITS_DIR / folder).glob("*.toml")))


def committed_split(dataset: str, split_id: str, *, folder: str | None = None) -> ZeroShotSplit:
    """Return a split kept in this repository. Raises BenchmarkError naming the known ones.

    folder: of `datasets/splits`, where it is not named like the data set: two data sets of the same classes
    share their splits.
    """
    folder = folder or dataset
    known = committed_split_ids(folder)
    if split_id not in known:
        raise BenchmarkError(
            f"data set '{dataset}' has no split '{split_id}'. Known: {', '.join(known) or 'none'}."
        )
    return read_split(SPLITS_DIR / folder / f"{split_id}.toml", dataset=dataset, split_id=split_id)


def _names(content: dict[str, object], key: str, path: Path) -> tuple[str, ...]:
    names = content.get(key)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise BenchmarkError(
            f"{path}: `{key}` must be a list of at least one class name in quotes, such as "
            f'["cat", "2"], got {names!r}.'
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BenchmarkError(f"{path}: `{key}` names {', '.join(repeated)} more than once.")
    return tuple(sorted(names))


def _with_close_names(name: str, class_names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, class_names, n=1)
    return f"'{name}' (found '{close[0]}')" if close else f"'{name}'"
