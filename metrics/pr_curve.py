"""The 11-point interpolated precision-recall curve."""

from __future__ import annotations

import numpy as np

from metrics.arrays import Array, best_from_columns
from metrics.ranking import RankedPositives

N_POINTS = 11


def precision_at_recalls(ranked: RankedPositives) -> Array:
    """(B, 11) the best precision at recall 0, 0.1 ... 1 or beyond: max over i >= ceil(tR), i >= 1, of i/r_i.

    A score is a threshold: a tie passes it as a whole, so its end is the only operating point it offers
    (as in scikit-learn's precision_recall_curve). No order inside a tie is assumed or averaged over.
    """
    each = ranked.one_by_one()
    at_end = (each.relevant_before + each.relevant_tied) / (each.n_before + each.n_tied)
    # ceil(tR) in whole numbers: 0.1 * 3 * 10 is not 3 in floating point.
    needed = np.maximum(1, -(-np.arange(N_POINTS) * each.n_relevant // (N_POINTS - 1)))
    return best_from_columns(at_end, needed - 1)
