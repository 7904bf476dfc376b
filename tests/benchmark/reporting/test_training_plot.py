"""The losses of one run as a figure, from the run's own file."""

from __future__ import annotations

import sys

import pytest

from benchmark import cli
from benchmark.errors import BenchmarkError
from benchmark.reporting.training_plot import training
from benchmark.training_curves import FILE, curves_text


@pytest.fixture
def logged(make_run):
    """A run whose losses were logged for three epochs."""
    run = make_run()
    curves = {
        "loss": [4.0, 2.0, 1.0],
        "triplet": [3.0, 1.5, 0.5],
        "decoders": [1.0, 0.5, 0.5],
        "d": [1, 1, 2],
    }
    (run.folder / FILE).write_text(curves_text(curves))
    return run


def test_each_loss_has_a_panel_with_its_values_by_epoch(logged):
    figure = training(logged)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left").partition(":")[0] for axes in shown] == [
        "loss",
        "triplet",
        "decoders",
        "d",
    ]
    (line,) = shown[1].lines
    assert line.get_xydata().tolist() == [[1, 3.0], [2, 1.5], [3, 0.5]]


def test_the_title_names_the_run(logged):
    title = training(logged).get_suptitle()
    assert logged.record.method in title
    assert logged.record.run_id in title


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ([4.0, 2.0], "loss: 4 to 2"),
        ([1.0, 9.0, 2.0], "loss: 1 to 2, at most 9"),
        ([4.0, float("nan")], "loss: 4 to 4, not finite from epoch 2"),
        ([float("nan")], "loss: not finite from epoch 1"),
    ],
)
def test_a_panel_says_how_the_loss_went_and_where_it_diverged(make_run, values, title):
    run = make_run()
    (run.folder / FILE).write_text(curves_text({"loss": values}))
    assert training(run).axes[0].get_title(loc="left") == title


def test_a_run_without_curves_is_refused(make_run):
    with pytest.raises(BenchmarkError, match="log no losses"):
        training(make_run())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plot", "training"], "plot training needs a run"),
        (["plot", "training", ""], "plot training needs a run"),
        (["plot", "bars", "seed0"], "plot bars draws all chosen runs"),
        (["plot", "training", "seed0", "--suite", "default"], "leave out --suite"),
    ],
)
def test_a_run_is_named_for_training_curves_alone(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *arguments])
    assert cli.main() == 1
    assert message in capsys.readouterr().err
