"""Pictures that are the same picture: by the data set's word, or byte for byte, in either modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from datasets.base import DatasetIndex
from datasets.settings import Modality


def with_content_groups(index: DatasetIndex, digests: Mapping[Modality, Sequence[str]]) -> DatasetIndex:
    """Return the index with `groups` that join equal contents to what the data set itself calls equal.

    digests: hex sha256 of every file. A sketch may share a group with a photo. None stays where every picture
    of a modality is alone.
    """
    sides = (index.sketches, index.photos)
    joined = content_groups(
        [name for items in sides for name in items.names],
        [group for items in sides for group in (items.groups or [""] * len(items))],
        [*digests["sketch"], *digests["photo"]],
    )
    n_sketches = len(index.sketches)
    sketches, photos = (
        replace(items, groups=own if any(own) else None)
        for items, own in zip(sides, (joined[:n_sketches], joined[n_sketches:]), strict=True)
    )
    return replace(index, sketches=sketches, photos=photos)


def content_groups(names: Sequence[str], groups: Sequence[str], digests: Sequence[str]) -> tuple[str, ...]:
    """Return the group of every item, "" where a picture lies in one place.

    groups: what the data set calls equal, "" for nothing. Groups that share an item become one, named after
    its first item.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(names)
    named = np.array(groups, dtype=str)
    is_named = named != ""
    keys = np.concatenate([named[is_named], np.array(digests, dtype=str)])
    rows = np.concatenate([np.flatnonzero(is_named), np.arange(n)])
    # Names and digests never coincide, so both are nodes of one graph beside the items.
    nodes = np.unique(keys, return_inverse=True)[1] + n
    n_nodes = n + (int(nodes.max()) - n + 1 if n else 0)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, nodes)), shape=(n_nodes, n_nodes))
    component = connected_components(graph, directed=False)[1][:n]
    _, first, own, sizes = np.unique(component, return_index=True, return_inverse=True, return_counts=True)
    return tuple(names[first[group]] if sizes[group] > 1 else "" for group in own)
