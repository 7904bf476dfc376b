"""The bootstrap over classes and its interval. How often the interval holds the truth: tests/simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from metrics.intervals import bootstrap_means, confidence_interval, fold_mean_draws

RNG = np.random.default_rng(0)
LABELS = np.repeat(list("abcdefgh"), [3, 9, 4, 12, 7, 2, 8, 5])
VALUES = RNG.random(LABELS.size)


def members(values, labels):
    return [values[labels == name] for name in sorted(set(labels))]


def mean_of(classes, *, balanced):
    return np.mean([own.mean() for own in classes]) if balanced else np.concatenate(classes).mean()


def ends(draws, level=0.95):
    return np.array([float(end) for end in confidence_interval(draws, level)])


@pytest.mark.parametrize("balanced", [False, True])
def test_draws_spread_like_those_of_a_loop_over_classes(balanced):
    fast = bootstrap_means(VALUES, LABELS, n_resamples=20_000, seed=0, balanced=balanced).means
    rng, classes = np.random.default_rng(1), members(VALUES, LABELS)
    drawn = [[classes[i] for i in rng.integers(len(classes), size=len(classes))] for _ in range(4000)]
    slow = np.array([mean_of(own, balanced=balanced) for own in drawn])
    assert fast.mean() == pytest.approx(slow.mean(), abs=0.005)
    assert fast.std() == pytest.approx(slow.std(), rel=0.05)
    np.testing.assert_allclose(
        np.quantile(fast, [0.025, 0.975]), np.quantile(slow, [0.025, 0.975]), atol=0.015
    )


@pytest.mark.parametrize(("balanced", "mixed"), [(False, 3 / 4), (True, 1 / 2)])
def test_two_classes_give_three_possible_means(balanced, mixed):
    draws = bootstrap_means([0, 1, 0.5, 1.5], list("abbb"), n_resamples=8000, seed=0, balanced=balanced)
    found, counts = np.unique(draws.means.round(12), return_counts=True)
    np.testing.assert_allclose(found, [0, mixed, 1])
    np.testing.assert_allclose(counts / 8000, [1 / 4, 1 / 2, 1 / 4], atol=0.02)


@pytest.mark.parametrize("balanced", [False, True])
def test_standard_error_is_that_of_leaving_out_each_class_in_turn(balanced):
    classes = members(VALUES, LABELS)
    without = [
        mean_of(classes[:left_out] + classes[left_out + 1 :], balanced=balanced)
        for left_out in range(len(classes))
    ]
    draws = bootstrap_means(VALUES, LABELS, seed=0, balanced=balanced)
    deviations = np.array(without) - draws.mean
    assert draws.mean == pytest.approx(mean_of(classes, balanced=balanced))
    assert draws.error == pytest.approx(np.sqrt(7 / 8 * (deviations**2).sum()))


def test_standard_error_of_class_means_is_the_textbook_one():
    class_means = [own.mean() for own in members(VALUES, LABELS)]
    draws = bootstrap_means(VALUES, LABELS, seed=0, balanced=True)
    assert draws.error == pytest.approx(np.std(class_means, ddof=1) / np.sqrt(8))


def test_standard_error_of_a_resample_is_its_own_with_a_share_of_the_datas():
    # Two classes of one query, 0 and 1. Resamples 00 and 11 have no spread of their own: what is left is the
    # data's sum of squares 1/2 over n^2 = 4 and n - 1 = 1. The mixed one adds the same once more.
    draws = bootstrap_means([0, 1], ["a", "b"], n_resamples=500, seed=0)
    expected = np.where(draws.means == 0.5, np.sqrt(1 / 4), np.sqrt(1 / 8))
    np.testing.assert_allclose(draws.errors, expected)


def test_a_single_class_is_resampled_over_its_queries():
    draws = bootstrap_means([0, 1], ["a", "a"], n_resamples=8000, seed=0)
    found, counts = np.unique(draws.means, return_counts=True)
    np.testing.assert_allclose(found, [0, 1 / 2, 1])
    np.testing.assert_allclose(counts / 8000, [1 / 4, 1 / 2, 1 / 4], atol=0.02)


def test_a_single_query_is_an_interval_without_width():
    np.testing.assert_array_equal(ends(bootstrap_means([0.25], ["a"], seed=0)), [0.25, 0.25])


def test_same_seed_gives_the_same_draws_and_another_seed_others():
    first, again, other = (
        bootstrap_means(VALUES, LABELS, n_resamples=50, seed=seed).means for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("balanced", [False, True])
def test_rows_together_get_the_draws_they_get_alone(balanced):
    half = np.where(np.arange(LABELS.size) % 2, np.nan, VALUES)
    only_one_class = np.where(LABELS == "d", VALUES, np.nan)
    rows = np.stack([VALUES, half, VALUES**2, only_one_class])
    together = bootstrap_means(rows, LABELS, n_resamples=60, seed=3, balanced=balanced)
    for index, row in enumerate(rows):
        alone = bootstrap_means(row, LABELS, n_resamples=60, seed=3, balanced=balanced)
        for name, expected in vars(alone).items():
            np.testing.assert_allclose(getattr(together[index], name), expected, rtol=1e-12)


@pytest.mark.parametrize("balanced", [False, True])
def test_draws_do_not_depend_on_the_values(balanced):
    draws = bootstrap_means([VALUES + 0.1, VALUES], LABELS, n_resamples=60, seed=0, balanced=balanced)
    np.testing.assert_allclose(draws.means[0] - draws.means[1], 0.1)


@pytest.mark.parametrize("balanced", [False, True])
def test_queries_without_value_are_left_out(balanced):
    missing = (RNG.random(LABELS.size) < 0.3) | (LABELS == "c")
    with_gaps = np.where(missing, np.nan, VALUES)
    options = {"n_resamples": 60, "seed": 0, "balanced": balanced}
    found = bootstrap_means(with_gaps, LABELS, **options)
    expected = bootstrap_means(VALUES[~missing], LABELS[~missing], **options)
    for name in vars(expected):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_interval_is_the_bootstrap_t_one_times_the_ratio_of_t_to_normal(level):
    draws = bootstrap_means(VALUES, LABELS, seed=0)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile((draws.means - draws.mean) / draws.errors, tails)
    ratio = stats.t.ppf(tails[1], 7) / stats.norm.ppf(tails[1])
    expected = draws.mean - ratio * draws.error * np.array([high, low])
    np.testing.assert_allclose(ends(draws, level), expected)


@pytest.mark.parametrize("n_classes", [2, 3, 6, 13, 49, 400])
def test_widening_agrees_with_scipy(n_classes):
    # Draws of two methods with the same studentised means: only the degrees of freedom differ.
    draws = bootstrap_means(RNG.random(n_classes), range(n_classes), seed=0)
    few, many = (
        np.ptp(ends(type(draws)(draws.mean, draws.error, np.int64(degrees), draws.means, draws.errors)))
        for degrees in (n_classes - 1, 10**4)
    )
    expected = stats.t.ppf(0.975, n_classes - 1) / stats.t.ppf(0.975, 10**4)
    assert few / many == pytest.approx(expected, rel=1e-6)


def test_interval_follows_the_skew_of_the_classes():
    classes = np.repeat(np.arange(12), 5)
    values = np.where(classes < 2, 0.9, 0.1) + 0.01 * classes
    low, high = ends(draws := bootstrap_means(values, classes, seed=0))
    assert high - draws.mean > 1.5 * (draws.mean - low)


def test_one_class_that_differs_does_not_send_a_limit_to_infinity():
    # A third of the resamples lack the class: the others hardly differ, and their own error is next to none.
    values = np.where(LABELS == "d", 0.5, 1) + 1e-6 * VALUES
    draws = bootstrap_means(values, LABELS, seed=0)
    low, high = ends(draws)
    assert draws.mean - 10 * draws.error < low < high < draws.mean + 10 * draws.error


def test_equal_values_give_an_interval_without_width():
    np.testing.assert_allclose(ends(bootstrap_means(np.full(8, 0.3), range(8), seed=0)), 0.3)


def test_interval_of_a_shifted_and_stretched_measure_is_shifted_and_stretched():
    draws = bootstrap_means([VALUES, 3 * VALUES - 1], LABELS, seed=0)
    low, high = confidence_interval(draws)
    assert (low[1], high[1]) == pytest.approx((3 * low[0] - 1, 3 * high[0] - 1))


def test_fold_mean_gives_every_fold_the_same_weight():
    small = bootstrap_means([0.2, 0.2], ["a", "b"], n_resamples=30, seed=0)
    large = bootstrap_means([0.6] * 20, list("abcde") * 4, n_resamples=30, seed=1)
    mean = fold_mean_draws([small, large])
    assert mean.mean == pytest.approx(0.4)
    np.testing.assert_allclose(mean.means, [0.4] * 30)


def test_errors_of_independent_folds_add_in_squares_and_their_degrees_plainly():
    folds = [bootstrap_means(values, LABELS, seed=seed) for seed, values in enumerate([VALUES, VALUES**2])]
    mean = fold_mean_draws(folds)
    assert mean.error == pytest.approx(np.hypot(folds[0].error, folds[1].error) / 2)
    np.testing.assert_allclose(mean.errors, np.hypot(folds[0].errors, folds[1].errors) / 2)
    assert mean.degrees == 14


def test_a_mean_over_one_fold_is_that_fold():
    fold = bootstrap_means(VALUES, LABELS, seed=0)
    np.testing.assert_allclose(ends(fold_mean_draws([fold])), ends(fold))


def test_interval_of_a_mean_over_folds_is_narrower_than_that_of_one_fold():
    folds = [bootstrap_means(VALUES, LABELS, n_resamples=4000, seed=seed) for seed in range(4)]
    assert fold_mean_draws(folds).means.std() == pytest.approx(folds[0].means.std() / 2, rel=0.1)
    # Less than half: four folds have four times the degrees of freedom.
    assert np.ptp(ends(fold_mean_draws(folds))) < np.ptp(ends(folds[0])) / 2


def test_folds_of_different_shapes_are_refused():
    folds = [bootstrap_means(VALUES, LABELS, n_resamples=n, seed=0) for n in (3, 4)]
    with pytest.raises(
        ValueError, match=r"equally many draws of the same methods; got shapes \(3,\), \(4,\)"
    ):
        fold_mean_draws(folds)


def test_no_folds_are_refused():
    with pytest.raises(ValueError, match="got shapes none"):
        fold_mean_draws([])


@pytest.mark.parametrize(
    ("values", "labels", "options", "message"),
    [
        ([0.1, 0.2], ["a"], {}, r"labels must have shape \(2,\)"),
        ([[[0.1]]], ["a"], {}, r"per_query must have shape \(Q,\) or \(M, Q\), got \(1, 1, 1\)"),
        ([[0.1], [np.nan]], ["a"], {}, "per_query holds no finite value in row 1"),
        ([0.1], ["a"], {"n_resamples": 0}, "n_resamples must be a whole number from 1, got 0"),
    ],
)
def test_input_that_cannot_be_resampled_is_refused(values, labels, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_means(values, labels, seed=0, **options)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_level_must_be_a_share(level):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        confidence_interval(bootstrap_means(VALUES, LABELS, seed=0), level=level)
