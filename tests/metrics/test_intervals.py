"""The bootstrap over classes, then over their queries."""

from __future__ import annotations

import numpy as np
import pytest

from metrics import bootstrap_means, fold_mean_draws, percentile_interval

RNG = np.random.default_rng(0)
LABELS = np.repeat(list("abcdefgh"), [3, 9, 4, 12, 7, 2, 8, 5])
VALUES = RNG.random(LABELS.size)


def slow_draws(values, labels, n_resamples, seed, *, balanced):
    """The same resampling, one query at a time."""
    rng = np.random.default_rng(seed)
    classes = sorted(set(labels))
    members = {name: values[labels == name] for name in classes}
    draws = []
    for _ in range(n_resamples):
        picked = [members[name] for name in rng.choice(classes, size=len(classes))]
        resampled = [rng.choice(own, size=own.size) for own in picked]
        draws.append(
            np.mean([own.mean() for own in resampled]) if balanced else np.concatenate(resampled).mean()
        )
    return np.array(draws)


@pytest.mark.parametrize("balanced", [False, True])
def test_draws_spread_like_those_of_a_loop_over_queries(balanced):
    fast = bootstrap_means(VALUES, LABELS, n_resamples=20_000, seed=0, balanced=balanced)
    slow = slow_draws(VALUES, LABELS, 4000, 1, balanced=balanced)
    assert fast.mean() == pytest.approx(slow.mean(), abs=0.005)
    assert fast.std() == pytest.approx(slow.std(), rel=0.05)
    np.testing.assert_allclose(
        np.quantile(fast, [0.025, 0.975]), np.quantile(slow, [0.025, 0.975]), atol=0.015
    )


@pytest.mark.parametrize(("balanced", "mixed"), [(False, 3 / 4), (True, 1 / 2)])
def test_two_constant_classes_give_three_possible_means(balanced, mixed):
    draws = bootstrap_means([0, 1, 1, 1], list("abbb"), n_resamples=8000, seed=0, balanced=balanced)
    found, counts = np.unique(draws, return_counts=True)
    np.testing.assert_allclose(found, [0, mixed, 1])
    np.testing.assert_allclose(counts / 8000, [1 / 4, 1 / 2, 1 / 4], atol=0.02)


def test_one_class_is_resampled_over_its_queries_only():
    draws = bootstrap_means([0, 1], ["a", "a"], n_resamples=8000, seed=0)
    np.testing.assert_allclose(
        np.unique(draws, return_counts=True)[1] / 8000, [1 / 4, 1 / 2, 1 / 4], atol=0.02
    )


def test_same_seed_gives_the_same_draws_and_another_seed_others():
    first, again, other = (bootstrap_means(VALUES, LABELS, n_resamples=50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("balanced", [False, True])
def test_rows_together_get_the_draws_they_get_alone(balanced):
    rows = np.stack([VALUES, VALUES**2])
    together = bootstrap_means(rows, LABELS, n_resamples=60, seed=3, balanced=balanced)
    alone = [bootstrap_means(row, LABELS, n_resamples=60, seed=3, balanced=balanced) for row in rows]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("balanced", [False, True])
def test_draws_of_two_methods_are_paired(balanced):
    draws = bootstrap_means([VALUES + 0.1, VALUES], LABELS, n_resamples=60, seed=0, balanced=balanced)
    np.testing.assert_allclose(draws[0] - draws[1], 0.1)


@pytest.mark.parametrize("balanced", [False, True])
def test_queries_without_value_are_left_out(balanced):
    missing = RNG.random(LABELS.size) < 0.3
    with_gaps = np.where(missing, np.nan, VALUES)
    options = {"n_resamples": 60, "seed": 0, "balanced": balanced}
    np.testing.assert_array_equal(
        bootstrap_means(with_gaps, LABELS, **options),
        bootstrap_means(VALUES[~missing], LABELS[~missing], **options),
    )


@pytest.mark.parametrize("balanced", [False, True])
def test_a_row_with_fewer_values_than_another_averages_those_it_has(balanced):
    half = np.where(np.arange(LABELS.size) % 2, np.nan, 0.25)
    draws = bootstrap_means([VALUES, half], LABELS, n_resamples=60, seed=0, balanced=balanced)
    np.testing.assert_allclose(draws[1], 0.25)


def test_data_larger_than_a_chunk_is_resampled_piece_by_piece(monkeypatch):
    monkeypatch.setattr("metrics.intervals._CHUNK", 7 * LABELS.size)
    draws = bootstrap_means(VALUES, LABELS, n_resamples=50, seed=0)
    assert draws.shape == (50,)
    assert np.unique(draws).size > 40


def test_percentile_interval_is_the_middle_of_the_draws():
    assert percentile_interval(np.arange(1001), level=0.9) == pytest.approx((50, 950))


def test_fold_mean_gives_every_fold_the_same_weight():
    small = bootstrap_means([0.2, 0.2], ["a", "b"], n_resamples=30, seed=0)
    large = bootstrap_means([0.6] * 20, list("abcde") * 4, n_resamples=30, seed=1)
    np.testing.assert_allclose(fold_mean_draws([small, large]), [0.4] * 30)


def test_interval_of_a_mean_over_folds_is_narrower_than_that_of_one_fold():
    folds = [bootstrap_means(VALUES, LABELS, n_resamples=4000, seed=seed) for seed in range(4)]
    assert fold_mean_draws(folds).std() == pytest.approx(folds[0].std() / 2, rel=0.1)


@pytest.mark.parametrize("folds", [[], [np.zeros(3), np.zeros(4)]])
def test_folds_of_different_shapes_are_refused(folds):
    with pytest.raises(ValueError, match="Folds must bring equally many draws"):
        fold_mean_draws(folds)


@pytest.mark.parametrize(
    ("values", "labels", "options", "message"),
    [
        ([0.1, 0.2], ["a"], {}, r"labels must have shape \(2,\)"),
        ([[[0.1]]], ["a"], {}, r"per_query must have shape \(Q,\) or \(M, Q\), got \(1, 1, 1\)"),
        ([np.nan], ["a"], {}, "per_query holds no finite value"),
        ([0.1], ["a"], {"n_resamples": 0}, "n_resamples must be a whole number from 1, got 0"),
    ],
)
def test_input_that_cannot_be_resampled_is_refused(values, labels, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_means(values, labels, seed=0, **options)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_level_must_be_a_share(level):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        percentile_interval([1, 2], level=level)
