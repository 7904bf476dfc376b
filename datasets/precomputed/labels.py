"""From labels as files hold them to the classes of a data set: text or numbers, counted from 0 or from 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.array_checks import Array, as_column, require_labels
from datasets.published.names import ClassNames
from datasets.settings import PLURALS, Modality

_N_NAMED = 5


def few(texts: Iterable[str]) -> str:
    """The first few texts, and how many more there are."""
    listed = list(texts)
    more = f" and {len(listed) - _N_NAMED} more" if len(listed) > _N_NAMED else ""
    return ", ".join(listed[:_N_NAMED]) + more


def label_column(value: object, name: str, origin: str) -> Array:
    """Return the labels as (n,) whole numbers or class names.

    A text with a slash is a path, whose folder is the class. Raises BenchmarkError for other types, one-hot
    rows, rows without a label and numbers that are not whole. origin: begins every message.
    """
    labels = as_column(value, name, origin)
    if labels.ndim != 1:
        hint = f" If these are one-hot rows, save {name}.argmax(axis=1)." if labels.ndim == 2 else ""
        raise BenchmarkError(f"{origin}: {name} must have shape (items,), found {labels.shape}.{hint}")
    require_labels(labels, origin)
    if labels.dtype.kind == "U":
        return np.array([_class_of_path(text) for text in labels.tolist()])
    whole: Array = np.rint(labels.astype(np.float64)).astype(np.int64)
    if (whole != labels).any():
        row = int(np.flatnonzero(whole != labels)[0])
        raise BenchmarkError(
            f"{origin}: {name} must be whole numbers or text, found {labels[row]} in row {row}, counted "
            "from 0. Save the number or the name of each row's class."
        )
    return whole


def name_column(value: object, name: str, origin: str) -> tuple[str, ...]:
    """Return class names in the order of the labels. Raises BenchmarkError for numbers and repeated names."""
    column = as_column(value, name, origin)
    if column.dtype.kind != "U" or column.ndim != 1:
        raise BenchmarkError(
            f"{origin}: {name} must be one text for each class, found {column.dtype} of shape {column.shape}."
        )
    names = tuple(column.tolist())
    spelt = [text.casefold() for text in names]
    wrong = sorted({text for text in names if not text or spelt.count(text.casefold()) > 1})
    if wrong:
        raise BenchmarkError(
            f"{origin}: {name} must be different texts, also in small letters: {few(map(repr, wrong))}."
        )
    return names


def spelt_like(names: Sequence[str], known: ClassNames, like: str, origin: str) -> tuple[str, ...]:
    """Return the names in the spelling of a built-in data set.

    Raises BenchmarkError for names that are none of its classes, and for classes without a name.
    """
    found = [known.find(name) for name in names]
    unknown = [name for name, its_class in zip(names, found, strict=True) if its_class is None]
    if unknown:
        close = [(name, known.nearest(name)) for name in unknown]
        listed = few(f"'{name}'" + (f" (close: '{near}')" if near else "") for name, near in close)
        raise BenchmarkError(
            f"{origin}: {len(unknown)} names are no classes of {like}: {listed}. Mend them, or take `like` "
            "out of split.toml and list `unseen` and `validation` there."
        )
    spelt = tuple(name for name in found if name is not None)
    missing = sorted(set(known.class_names) - set(spelt))
    if missing or len(set(spelt)) < len(spelt):
        twice = sorted({name for name in spelt if spelt.count(name) > 1})
        what = f"{len(missing)} classes of {like} are not there: {few(missing)}" if missing else ""
        if twice:
            what = f"two names mean one class of {like}: {few(twice)}"
        raise BenchmarkError(
            f"{origin}: {what}. Its splits need all {len(known.class_names)}: without `like` in split.toml, "
            "`unseen` and `validation` may name the classes that are there."
        )
    return spelt


def by_name(
    labels: Mapping[Modality, Array], class_names: Sequence[str]
) -> dict[Modality, NDArray[np.int64]]:
    """Labels that are class names, as positions in the list. Every label is on the list."""
    position = {name: label for label, name in enumerate(class_names)}
    return {
        modality: np.array([position[name] for name in own.tolist()], np.int64)
        for modality, own in labels.items()
    }


def by_number(
    labels: Mapping[Modality, Array], n_classes: int, first_label: int | None, origin: str
) -> tuple[dict[Modality, NDArray[np.int64]], int]:
    """Numbers as positions in a list of n_classes names, and the number of the first class.

    first_label: 0 or 1, None to find out: only one of them can be right where 0 or n_classes is used. Raises
    BenchmarkError for numbers out of range, and where both would fit.
    """
    low = min(int(own.min()) for own in labels.values())
    high = max(int(own.max()) for own in labels.values())
    seen = ", ".join(
        f"those of the {PLURALS[modality]} run from {own.min()} to {own.max()}"
        for modality, own in labels.items()
    )
    fitting = [first for first in (0, 1) if first <= low and high < first + n_classes]
    if first_label is not None:
        fitting = [first for first in fitting if first == first_label]
    if not fitting:
        allowed = [f"{first} to {first + n_classes - 1}" for first in (0, 1) if first_label in (None, first)]
        raise BenchmarkError(
            f"{origin}: labels are out of range for {n_classes} class names, which take "
            f"{' or '.join(allowed)}: {seen}. Count them in one way in both modalities, or mend "
            "the list of class names."
        )
    if len(fitting) > 1:
        raise BenchmarkError(
            f"{origin}: labels may count the {n_classes} class names from 0 or from 1: {seen}. Say which "
            "with first_label = 0 or first_label = 1 in split.toml."
        )
    return {modality: own - fitting[0] for modality, own in labels.items()}, fitting[0]


def require_items(
    labels: Mapping[Modality, NDArray[np.int64]], class_names: Sequence[str], origin: str
) -> None:
    """Raise BenchmarkError for classes that have no item of a modality."""
    for modality, own in labels.items():
        n_items = np.bincount(own, minlength=len(class_names))
        empty = [name for name, n in zip(class_names, n_items.tolist(), strict=True) if not n]
        if empty:
            raise BenchmarkError(
                f"{origin}: every class needs sketches and photos; {len(empty)} of {len(class_names)} have "
                f"no {PLURALS[modality]}: {few(empty)}. Add items, or take the classes away."
            )


def _class_of_path(text: str) -> str:
    folders = text.replace("\\", "/").split("/")
    return folders[-2] if len(folders) > 1 else text
