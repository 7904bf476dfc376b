"""Where a rounding error could change a result: costs of opposite relevance that all but agree at a cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrics.arrays import Array, as_float, like, namespace, search_rows, to_host
from metrics.ranking import Places

NEAR = 1e-6  # costs this close may change places between devices and block sizes


def nearly_tied(places: Places, cuts: Sequence[int]) -> Array:
    """(B,) True where a rounding error could carry a positive, or another item, across rank k of some cut.

    The items in question lie within 1e-6 (times the cost at rank k where that is larger than 1) of the cost
    on the other side of the cut. An exact tie alone does not count: it is seen and averaged over.
    Removed items have an infinite cost.
    """
    ascending = places.ascending
    xp = namespace(ascending)
    last = like(ascending, np.array([k - 1 for k in cuts if k < ascending.shape[1]], dtype=np.int64))
    inside, outside = as_float(ascending[:, last]), as_float(ascending[:, last + 1])
    width = NEAR * xp.maximum(xp.abs(inside), like(ascending, 1.0))
    near = (outside <= inside + width) & (outside < np.inf)
    found = near.any(1) & False
    for i in np.flatnonzero(to_host(near.any(0))):
        queries = near[:, i]
        found[queries] |= _differ(
            places, queries, (outside - width)[queries, i], (inside + width)[queries, i]
        )
    return found


def _differ(places: Places, queries: Array, low: Array, high: Array) -> Array:
    """Whether the items with costs from low to high are both positives and others, and not all equal."""
    xp, rows = namespace(low), as_float(places.ascending[queries])
    ends = xp.stack([low, high], 1)
    first, last = (search_rows(rows, ends, side)[:, i] for i, side in enumerate(("left", "right")))
    begins = places.begins[queries]
    n_positive = ((begins >= first[:, None]) & (begins < last[:, None])).sum(1)
    at = like(first, np.arange(len(rows)))
    return (rows[at, first] < rows[at, last - 1]) & (n_positive > 0) & (n_positive < last - first)
