"""The 11-point interpolated precision-recall curve."""

from __future__ import annotations

import numpy as np

from metrics.ranking import FloatArray, RankedPositives

N_POINTS = 11


def precision_at_recalls(ranked: RankedPositives) -> FloatArray:
    """(B, 11) the best precision at recall 0, 0.1 ... 1 or beyond: max over i >= ceil(tR), i >= 1, of i/r_i.

    A score is a threshold: a tie passes it as a whole, so its end is the only operating point it offers
    (as in scikit-learn's precision_recall_curve). No order inside a tie is assumed or averaged over.
    """
    at_end = (ranked.relevant_before + ranked.relevant_tied) / (ranked.n_before + ranked.n_tied)
    by_index = np.zeros((ranked.rows.size, int(ranked.n_relevant.max(initial=1))))
    by_index[ranked.query, ranked.index] = at_end
    best_from_here = np.maximum.accumulate(by_index[:, ::-1], axis=1)[:, ::-1]
    tenths = np.arange(N_POINTS)
    # ceil(tR) in whole numbers: 0.1 * 3 * 10 is not 3 in floating point.
    needed = np.maximum(1, -(-tenths * ranked.n_relevant[:, None] // (N_POINTS - 1)))
    curve: FloatArray = np.take_along_axis(best_from_here, needed - 1, axis=1)
    return curve
