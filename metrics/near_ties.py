"""Where a rounding error could change a result: costs of opposite relevance that all but agree at a cut."""

from __future__ import annotations

import numpy as np

from metrics.arrays import Array, as_float, like, namespace, search_rows
from metrics.ranking import Places

NEAR = 1e-6  # costs this close may change places between devices and block sizes


def nearly_tied_across(places: Places, k: int) -> Array:
    """(B,) True where a rounding error could carry a positive, or another item, across rank k.

    The items in question lie within 1e-6 (times the cost at rank k where that is larger than 1) of the cost
    on the other side of the cut. An exact tie alone does not count: it is seen and averaged over.
    Removed items have an infinite cost.
    """
    ascending = places.ascending
    xp = namespace(ascending)
    if k >= ascending.shape[1]:
        return like(ascending, np.zeros(len(ascending), dtype=bool))
    inside, outside = as_float(ascending[:, k - 1]), as_float(ascending[:, k])
    width = NEAR * xp.maximum(xp.abs(inside), like(ascending, 1.0))
    near = (outside <= inside + width) & (outside < np.inf)
    if not near.any():
        return near
    rows, low, high = as_float(ascending[near]), (outside - width)[near], (inside + width)[near]
    ends = xp.stack([low, high], 1)
    first, last = (search_rows(rows, ends, side)[:, i] for i, side in enumerate(("left", "right")))
    begins = places.begins[near]
    n_positive = ((begins >= first[:, None]) & (begins < last[:, None])).sum(1)
    at = like(first, np.arange(len(rows)))
    differ = rows[at, first] < rows[at, last - 1]
    found = near & False
    found[near] = differ & (n_positive > 0) & (n_positive < last - first)
    return found
