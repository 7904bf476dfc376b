from __future__ import annotations

import math

import pytest

from benchmark.errors import BenchmarkError
from benchmark.training_curves import FILE, curves_text, read_curves, require_bounded


def test_curves_are_read_back_with_epochs_from_1(tmp_path):
    (tmp_path / FILE).write_text(curves_text({"loss": [2.5, 1.25], "triplet": [0.5, 0.125]}))
    found = read_curves(tmp_path)
    assert found.index.tolist() == [1, 2]
    assert found.to_dict("list") == {"loss": [2.5, 1.25], "triplet": [0.5, 0.125]}


def test_curves_of_two_trainings_of_which_one_was_cut_short_are_kept(tmp_path):
    (tmp_path / FILE).write_text(curves_text({"sketch loss": [3.0, 2.0], "photo loss": [math.nan]}))
    found = read_curves(tmp_path)
    assert found["sketch loss"].tolist() == [3.0, 2.0]
    assert found["photo loss"].isna().all()


@pytest.mark.parametrize("last", [1.1e9, -2e9, math.inf, math.nan])
def test_a_loss_that_ends_out_of_bounds_is_no_training(last):
    with pytest.raises(FloatingPointError, match=r"the loss 'triplet' ended at .*; a smaller learning rate"):
        require_bounded({"loss": [1.0, 2.0], "triplet": [1.0, last]})


def test_a_loss_may_pass_the_bound_on_its_way_and_need_not_be_there():
    require_bounded({"loss": [1e12, -1e9], "unused": []})
    require_bounded({})


def test_a_run_without_curves_says_why(tmp_path):
    with pytest.raises(BenchmarkError, match="closed-form methods log no losses"):
        read_curves(tmp_path)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "epoch,loss\n1,low\n"])
def test_a_damaged_file_is_refused_by_name(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(BenchmarkError, match="training.csv cannot be read"):
        read_curves(tmp_path)
