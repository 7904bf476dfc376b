"""What is shown while runs go on: one remaining time, and run ids that no terminal breaks."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from benchmark.display import Clock, SuiteDisplay

LONG = "doodle2search_features (topology: graph convolution)"


def planned(number):
    return SimpleNamespace(
        identity=str(number),
        run_id=f"seed0-{number:08x}",
        label=f"{LONG}, fold{number}, seed 0",
        method=SimpleNamespace(card=SimpleNamespace(id=f"method{number}")),
        variant="",
    )


def stored(value=0.25):
    return SimpleNamespace(record=SimpleNamespace(scores={"map@all": SimpleNamespace(value=value)}))


@pytest.fixture
def now(monkeypatch):
    clock = SimpleNamespace(s=0.0)
    monkeypatch.setattr("benchmark.display.time", SimpleNamespace(monotonic=lambda: clock.s))
    return clock


@pytest.fixture
def shown(now):
    """Show three runs of guessed 10, 20 and 30 s on a terminal or in a file."""

    def show(*, is_terminal):
        out = io.StringIO()
        runs = [planned(number) for number in (1, 2, 3)]
        display = SuiteDisplay(Console(file=out, force_terminal=is_terminal, width=80))
        clock = Clock(lambda run: 10.0 * int(run.identity))
        return out, runs, display.runs(runs, clock)

    return show


def test_in_a_file_each_line_says_the_time_left(shown, now):
    out, runs, context = shown(is_terminal=False)
    with context as view:
        for run in runs:
            view.start(run)
            now.s += 15.0
            view.end(run, stored())
    lines = out.getvalue().splitlines()
    assert [line.rpartition("(")[2] for line in lines] == [
        "15.0 s, 50 s left)",
        "15.0 s, 30 s left)",
        "15.0 s)",
    ]


def test_on_a_terminal_the_bar_alone_says_the_time_left(shown, now):
    out, runs, context = shown(is_terminal=True)
    with context as view:
        view.start(runs[0])
        now.s += 15.0
        view.end(runs[0], stored())
        view.start(runs[1])
        now.s += 5.0
        view._poll()
        (task, _) = view.live.tasks
        assert task.fields["status"] == "1/3 runs  45 s left"
        # A run that takes longer than it was to take leaves the others their time.
        now.s += 500.0
        view._poll()
        assert task.fields["status"] == "1/3 runs  30 s left"
    assert "left)" not in out.getvalue()


def test_the_id_of_a_run_stands_within_80_columns(shown, now):
    out, runs, context = shown(is_terminal=False)
    with context as view:
        view.start(runs[0])
        view.end(runs[0], stored())
    line = out.getvalue().splitlines()[0]
    assert line.index(runs[0].run_id) + len(runs[0].run_id) < 80
    assert len(line) > 80


def test_a_run_of_another_process_teaches_no_time(shown, now):
    out, runs, context = shown(is_terminal=False)
    with context as view:
        view.start(runs[0])
        view.end(runs[0], stored(), is_ours=False)
        assert view._clock.expected_s(runs[0]) == 10.0
    assert "(another process, 50 s left)" in out.getvalue()
