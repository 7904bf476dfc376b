"""Metrics of the first positive alone: only the tie it stands in matters."""

from __future__ import annotations

import numpy as np

from metrics.ranking import FloatArray, RankedPositives
from metrics.ties import expected_reciprocal_rank, places_counted, probability_of_a_hit


def hit(ranked: RankedPositives, k: int) -> FloatArray:
    """`hit@k`, and `acc@k` where the positives are the items of the query's instance: P(h_k > 0)."""
    first = ranked.starts
    return probability_of_a_hit(
        ranked.n_tied[first], ranked.relevant_tied[first], places_counted(ranked, k)[first]
    )


def reciprocal_rank(ranked: RankedPositives) -> FloatArray:
    """`mrr`: E[1/r_1]."""
    first = ranked.starts
    reciprocal = 1.0 / (ranked.n_before[first] + 1)
    for query in np.flatnonzero(ranked.in_mixed_tie[first]):
        tie = (counts[first[query]] for counts in (ranked.n_before, ranked.n_tied, ranked.relevant_tied))
        reciprocal[query] = expected_reciprocal_rank(*map(int, tie))
    return reciprocal
