"""The verb `reference` from outside."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from benchmark import cli
from benchmark.reference import publish

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the verb in process; returns the exit code."""

    def call(*flags: str) -> int:
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", "reference", *flags])
        return cli.main()

    return call


def test_the_repository_passes_its_own_check(reference: Call, capsys: Captured) -> None:
    assert reference("--check") == 0
    assert "are what the reference results give" in capsys.readouterr().out


def test_what_differs_is_named_and_the_exit_code_is_1(
    reference: Call, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "differences", lambda: ("README.md, line 3: has 'a'",))
    assert reference("--check") == 1
    assert "README.md, line 3: has 'a'" in capsys.readouterr().out


def test_checking_and_taking_over_are_not_done_together(reference: Call, capsys: Captured) -> None:
    assert reference("--check", "--from-runs") == 1
    assert "--check writes nothing" in capsys.readouterr().err
