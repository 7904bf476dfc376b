"""Every n-th item of each class: subsets at the rates of ZSE-SBIR's, which counts along its lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def every_nth_of_class(labels: NDArray[np.int64], may_count: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Mask of the 1st, (n + 1)-th, (2n + 1)-th … counting item of each class, in their order.

    >>> every_nth_of_class(np.array([0, 0, 0, 1, 1]), np.ones(5, bool), 2).tolist()
    [True, False, True, True, False]
    """
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        chosen[np.flatnonzero((labels == label) & may_count)[::n]] = True
    return chosen
