"""Pictures that are the same picture: by the data set's word, or byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datasets.base import Items


def with_content_groups(items: Items, digests: Sequence[str]) -> Items:
    """Return the items with `groups` that join equal contents to what the data set itself calls equal.

    digests: hex sha256 of every file. A group is named after its first item; "" where a picture lies in one
    place. Groups that share an item become one. None where every picture is alone.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(items)
    named = np.array(items.groups if items.groups is not None else [""] * n)
    is_named = named != ""
    keys = np.concatenate([named[is_named], np.array(digests, dtype=str)])
    rows = np.concatenate([np.flatnonzero(is_named), np.arange(n)])
    # Names and digests never coincide, so both are nodes of one graph beside the items.
    nodes = np.unique(keys, return_inverse=True)[1] + n
    n_nodes = n + (int(nodes.max()) - n + 1 if n else 0)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, nodes)), shape=(n_nodes, n_nodes))
    component = connected_components(graph, directed=False)[1][:n]
    _, first, own, sizes = np.unique(component, return_index=True, return_inverse=True, return_counts=True)
    if (sizes <= 1).all():
        return replace(items, groups=None)
    groups = tuple(items.names[first[group]] if sizes[group] > 1 else "" for group in own)
    return replace(items, groups=groups)
