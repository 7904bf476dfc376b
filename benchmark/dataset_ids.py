"""From the id of a data set in a record back to its kind: `folder_shapes` is a `folder`."""

from __future__ import annotations

from benchmark.registry import DATASETS
from datasets.base import SketchPhotoDataset


def kind_of(dataset_id: str) -> type[SketchPhotoDataset] | None:
    """Return the registered class behind a record's data set, None where it is of a plugin not loaded."""
    known = DATASETS.ids()
    if dataset_id in known:
        return DATASETS.get(dataset_id)  # type: ignore[no-any-return]
    kinds = [DATASETS.get(name) for name in known if dataset_id.startswith(f"{name}_")]
    return next((kind for kind in kinds if kind.is_named_by_root), None)


def is_of_kind(dataset_id: str, kind_id: str) -> bool:
    """Whether a record's data set is this one, or one of this kind under some root."""
    if dataset_id == kind_id:
        return True
    kind = kind_of(dataset_id)
    return kind is not None and kind.is_named_by_root and kind.card.id == kind_id
