"""Whether a difference between two methods could be chance: a sign-flip test over classes, Holm's correction.

If two methods are interchangeable, the difference of each class could as well have had the other sign. The
test holds the observed mean difference against all those it could have been (Fisher, The Design of
Experiments, 1935). Queries of one class are not independent, so its unit is the class: bring one difference a
class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-6
"""Metrics lie in 0..1 and are stored as float32: what differs by less is equal."""

MAX_EXACT = 20
N_DRAWS = 100_000
_CHUNK = 1 << 20  # drawn signs held at a time


@dataclass(frozen=True)
class SignFlipTest:
    """What a sign-flip test found.

    statistic: weighted mean of the differences. p: two-sided. smallest_p: the least p that so many classes
    could have given, reached when all their differences point one way. n_patterns: sign patterns that the
    statistic was held against, all there are when is_exact, else drawn.
    """

    statistic: float
    p: float
    smallest_p: float
    n_patterns: int
    is_exact: bool


def sign_flip_test(differences: Any, weights: Any = None, *, seed: int = 0) -> SignFlipTest:
    """Test whether differences of classes are as often and as far above zero as below, two-sided.

    differences: (G,) one a class, in units of a metric (0..1). weights: (G,) above zero, what each counts in
    the mean; None lets all count alike. For the mean over folds of equal weight give each class
    1 / (classes of its fold).
    All 2^G sign patterns are taken up to G = 20. Above that, `seed` draws 100,000, and the observed pattern
    counts as one more, so that no p is zero (Phipson and Smyth 2010). Patterns whose mean lies within
    TOLERANCE of the observed one count as at least as far. A class with no difference has no sign and adds
    nothing to G. Holds some 20 MiB, however many classes.
    Raises ValueError for other shapes, values that are not finite and weights that are not positive.

    >>> sign_flip_test([0.1, 0.2, 0.3]).p  # 2 of 8 patterns
    0.25
    """
    given = np.asarray(differences, dtype=np.float64)
    shares = np.ones_like(given) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.ndim != 1 or not given.size or not np.isfinite(given).all():
        raise ValueError(f"differences must be (G,) finite numbers, G at least 1; got shape {given.shape}.")
    if shares.shape != given.shape or not (np.isfinite(shares) & (shares > 0)).all():
        raise ValueError(f"weights must be ({given.size},) finite numbers above 0; got shape {shares.shape}.")
    parts = shares / shares.sum() * given
    statistic = float(parts.sum())
    signed = parts[np.abs(given) > TOLERANCE]
    far = abs(signed.sum()) - TOLERANCE
    if signed.size <= MAX_EXACT:
        n_patterns = 2**signed.size
        # A pattern and its opposite lie equally far: half of them stand for all.
        p = float(np.mean(np.abs(_all_sums(signed)) >= far))
        return SignFlipTest(statistic, p, min(1.0, 2 / n_patterns), n_patterns, is_exact=True)
    p = (1 + _count_far(signed, far, np.random.default_rng(seed))) / (1 + N_DRAWS)
    return SignFlipTest(statistic, p, 1 / (1 + N_DRAWS), N_DRAWS, is_exact=False)


def holm(p_values: Any) -> NDArray[np.float64]:
    """(m,) p-values adjusted for m comparisons, in the order given (Holm 1979, Scand. J. Statist. 6, 65-70).

    Those at or below a level may be called differences together: the chance of one false call among all is
    at most that level, however the comparisons depend on each other.
    Raises ValueError for values outside 0..1.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values must be (m,) numbers in 0..1, got {p_values!r}.")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _all_sums(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2^(G-1),) the sums under all sign patterns that leave the first sign as it is."""
    sums = parts[:1] if parts.size else np.zeros(1)
    for part in parts[1:]:
        sums = np.concatenate([sums + part, sums - part])
    return sums


def _count_far(parts: NDArray[np.float64], far: float, rng: np.random.Generator) -> int:
    step = max(1, _CHUNK // parts.size)
    count = 0
    for start in range(0, N_DRAWS, step):
        flips = rng.random((min(step, N_DRAWS - start), parts.size)) < 0.5
        # Flipping a sign takes a part away twice.
        count += int((np.abs(parts.sum() - 2 * (flips @ parts)) >= far).sum())
    return count
