"""Which unseen classes the training of a backbone may have shown already."""

from __future__ import annotations

from benchmark.dataset_ids import kind_of
from benchmark.records import Protocol
from benchmark.registry import DATASETS
from datasets.base import SketchPhotoDataset
from datasets.contamination import Contamination, contamination
from datasets.splits import ZeroShotSplit, committed_split, committed_split_ids


def exposure(protocol: Protocol, supervised_on: str) -> Contamination | None:
    """Return what ILSVRC-1k knows of a run's unseen classes. supervised_on: label set of the backbone.

    None where nobody can say: data sets without class facts, splits that are not (or no longer) those of this
    repository, and backbones trained on something else. Features that came with the data may be tested on
    the split of a built-in data set, whose classes are then known.
    """
    kind = kind_of(protocol.dataset)
    if kind is None or supervised_on != "imagenet1k":
        return None  # the data set of a plugin that is not loaded, or another training
    for one in [kind] if not kind.brings_features else map(DATASETS.get, DATASETS.ids()):
        split = _committed(protocol, one)
        if split is not None and one.class_table is not None:
            return contamination(split, one.class_table, one.galleries())
    return None


def exposed_classes(protocol: Protocol, supervised_on: str) -> frozenset[str]:
    """Return the unseen classes that ILSVRC-1k may know, none where nobody can say."""
    found = exposure(protocol, supervised_on)
    return frozenset(one.class_name for one in found.classes if one.is_exposed) if found else frozenset()


def _committed(protocol: Protocol, kind: type[SketchPhotoDataset]) -> ZeroShotSplit | None:
    """The data set's split with the name and the classes that the run's had."""
    folder = kind.folder_of_splits()
    if protocol.split not in committed_split_ids(folder):
        return None
    split = committed_split(protocol.dataset, protocol.split, folder=folder)
    return split if split.sha256 == protocol.split_sha256 else None
