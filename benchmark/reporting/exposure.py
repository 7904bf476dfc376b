"""Which unseen classes the training of a backbone may have shown already."""

from __future__ import annotations

from benchmark.records import Protocol
from benchmark.registry import DATASETS
from datasets.contamination import Contamination, contamination
from datasets.splits import committed_split, committed_split_ids


def exposure(protocol: Protocol, supervised_on: str) -> Contamination | None:
    """Return what ILSVRC-1k knows of a run's unseen classes. supervised_on: label set of the backbone.

    None where nobody can say: data sets without class facts, splits that are not (or no longer) those of this
    repository, and backbones trained on something else.
    """
    if protocol.dataset not in DATASETS.ids():
        return None  # of a plugin that is not loaded
    kind = DATASETS.get(protocol.dataset)
    if supervised_on != "imagenet1k" or kind.class_table is None:
        return None
    folder = kind.folder_of_splits()
    if protocol.split not in committed_split_ids(folder):
        return None
    split = committed_split(protocol.dataset, protocol.split, folder=folder)
    return (
        contamination(split, kind.class_table, kind.galleries())
        if split.sha256 == protocol.split_sha256
        else None
    )


def exposed_classes(protocol: Protocol, supervised_on: str) -> frozenset[str]:
    """Return the unseen classes that ILSVRC-1k may know, none where nobody can say."""
    found = exposure(protocol, supervised_on)
    return frozenset(one.class_name for one in found.classes if one.is_exposed) if found else frozenset()
