"""The sign-flip test against every pattern written out, against scipy, and on data where nothing differs."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import permutation_test

from metrics.significance import N_DRAWS, holm, sign_flip_test

RNG = np.random.default_rng(0)


def slow_p(differences, weights):
    """The share of all sign patterns whose weighted sum is at least as far from zero, in exact fractions."""
    parts = [Fraction(w) * Fraction(d) for w, d in zip(weights, differences, strict=True)]
    observed = abs(sum(parts))
    patterns = list(itertools.product((1, -1), repeat=len(parts)))
    sums = [sum(sign * part for sign, part in zip(signs, parts, strict=True)) for signs in patterns]
    return sum(abs(s) >= observed for s in sums) / len(patterns)


@pytest.mark.parametrize("n_classes", [1, 2, 3, 5, 8, 11])
def test_p_is_the_share_of_all_patterns_at_least_as_far_from_zero(n_classes):
    differences = RNG.normal(0.05, 0.1, n_classes)
    found = sign_flip_test(differences)
    assert found.p == slow_p(differences.tolist(), [1] * n_classes)
    assert found.is_exact
    assert found.n_patterns == 2**n_classes


@pytest.mark.parametrize("n_classes", [2, 4, 9])
def test_weighted_p_is_that_of_weighted_sums(n_classes):
    differences, weights = RNG.normal(0.05, 0.1, n_classes), RNG.uniform(0.5, 3, n_classes)
    found = sign_flip_test(differences, weights)
    assert found.p == slow_p(differences.tolist(), weights.tolist())
    assert found.statistic == pytest.approx(np.average(differences, weights=weights))


def test_scipy_finds_the_same_p():
    differences = RNG.normal(0.04, 0.1, 12)
    by_scipy = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(differences).p == pytest.approx(by_scipy.pvalue)


def test_weights_make_the_statistic_the_mean_over_folds_of_different_size():
    folds = [[0.1, 0.3], [0.0, 0.3, 0.6]]
    weights = [1 / len(fold) for fold in folds for _ in fold]
    found = sign_flip_test(np.concatenate(folds), weights)
    assert found.statistic == pytest.approx((0.2 + 0.3) / 2)


def test_the_scale_of_the_weights_does_not_matter():
    differences, weights = RNG.normal(0.05, 0.1, 7), RNG.uniform(0.5, 3, 7)
    assert sign_flip_test(differences, weights).p == sign_flip_test(differences, 100 * weights).p


def test_twelve_classes_that_all_gain_reach_two_in_4096():
    found = sign_flip_test(RNG.uniform(0.01, 0.2, 12))
    assert found.p == found.smallest_p == 2 / 4096


def test_p_has_two_sides():
    differences = RNG.normal(0.05, 0.1, 9)
    assert sign_flip_test(differences).p == sign_flip_test(-differences).p


def test_sums_that_tie_but_for_float32_count_as_ties():
    tenths = [1, 2, -3, 5, 4, -4]
    stored = np.array(tenths, dtype=np.float32) / np.float32(10)
    assert sign_flip_test(stored).p == slow_p(tenths, [1] * 6)


def test_no_difference_anywhere_gives_one():
    found = sign_flip_test(np.zeros(30))
    assert (found.statistic, found.p, found.smallest_p) == (0.0, 1.0, 1.0)


def test_classes_without_difference_change_neither_p_nor_its_least_value():
    differences = RNG.uniform(0.01, 0.2, 6)
    found = sign_flip_test([*differences, *np.zeros(40)])
    assert found.p == slow_p(differences.tolist(), [1] * 6) == 2 / 64
    assert found.smallest_p == 2 / 64


def test_one_class_proves_nothing():
    assert sign_flip_test([0.5]).p == 1.0


def test_patterns_are_drawn_above_twenty_classes():
    exact, drawn = (sign_flip_test(RNG.normal(0.02, 0.1, n)) for n in (20, 21))
    assert (exact.is_exact, exact.n_patterns) == (True, 2**20)
    assert (drawn.is_exact, drawn.n_patterns) == (False, N_DRAWS)


def test_drawn_p_is_near_the_exact_one():
    differences = RNG.normal(0.02, 0.1, 21)
    signs = np.array(list(itertools.product((1, -1), repeat=10)))
    first, second = signs @ differences[:10], signs @ differences[10:20]
    sums = np.abs(differences[20] + np.add.outer(first, second))
    exact = np.mean(sums >= abs(differences.sum()) - 1e-9)
    assert sign_flip_test(differences).p == pytest.approx(exact, abs=0.006)  # 4 standard errors


def test_a_drawn_p_is_never_zero():
    found = sign_flip_test(np.full(60, 0.1))
    assert found.p == found.smallest_p == 1 / (1 + N_DRAWS)


def test_draws_depend_on_the_seed_alone(monkeypatch):
    differences = RNG.normal(0.02, 0.1, 40)
    first = sign_flip_test(differences, seed=1)
    assert first.p != sign_flip_test(differences, seed=2).p
    monkeypatch.setattr("metrics.significance._CHUNK", 999)
    assert first == sign_flip_test(differences, seed=1)


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 10)])
def test_without_a_difference_p_is_uniform(weights):
    rng = np.random.default_rng(1)
    p = np.array([sign_flip_test(rng.normal(0, 0.1, 10), weights).p for _ in range(3000)])
    for level in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(p <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 3000))


@pytest.mark.parametrize(
    ("differences", "weights", "message"),
    [
        ([], None, r"differences must be \(G,\) finite numbers, G at least 1; got shape \(0,\)"),
        ([[0.1, 0.2]], None, r"got shape \(1, 2\)"),
        ([0.1, np.nan], None, "finite"),
        ([0.1, 0.2], [1.0], r"weights must be \(2,\)"),
        ([0.1, 0.2], [1.0, 0.0], "above 0"),
        ([0.1, 0.2], [1.0, np.inf], "finite numbers above 0"),
    ],
)
def test_what_cannot_be_tested_is_refused(differences, weights, message):
    with pytest.raises(ValueError, match=message):
        sign_flip_test(differences, weights)


def test_holm_multiplies_the_least_p_most_and_never_steps_down():
    # 0.005 * 4; 0.01 * 3; 0.03 * 2; 0.04 * 1 would lie below the one before and is raised to it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stops_at_one():
    assert holm([0.6, 0.5, 0.9]).tolist() == [1.0, 1.0, 1.0]


def test_holm_leaves_a_single_p_and_none_alone():
    assert holm([0.04]).tolist() == [0.04]
    assert holm([]).size == 0


@pytest.mark.parametrize("p_values", [[0.1, -0.1], [1.5], [np.nan], [[0.1, 0.2]]])
def test_holm_refuses_what_is_no_list_of_p_values(p_values):
    with pytest.raises(ValueError, match=r"must be \(m,\) numbers in 0..1"):
        holm(p_values)
