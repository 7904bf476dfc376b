"""Which record stands for each planned run of a row."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.prepare import Where
from benchmark.reference import choice
from benchmark.reference.choice import choose, rows_of

WHERE = Where(Path("cache"), Path("results"), None)


def planned(seed: int, method: str = "a", variant: str = "") -> Any:
    """A planned run whose identity is its method, seed and source: `a0-now` by the present code."""
    return SimpleNamespace(
        method=SimpleNamespace(card=SimpleNamespace(id=method)),
        variant=variant,
        identity=f"{method}{seed}-now",
        identity_with=lambda source_sha256: f"{method}{seed}-{source_sha256}",
    )


def stored(identity: str, place: str, *, status: str = "complete", started: str = "1") -> Any:
    source = identity.partition("-")[2]
    record = SimpleNamespace(identity=identity, status=status, started=started, source_sha256=source)
    return SimpleNamespace(record=record, place=place)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function from (records on disk, records that stand) to what a row of two seeds is made of."""

    def places(on_disk: list[Any], standing: list[Any]) -> tuple[list[str], bool, list[str]]:
        now = {one.record.identity: one for one in on_disk if one.record.identity.endswith("-now")}
        monkeypatch.setattr(choice, "recorded_runs", lambda row, where: dict(now))
        beside = {
            f"a{seed}-now": [one for one in on_disk if one.record.identity.startswith(f"a{seed}-")]
            for seed in (0, 1)
        }
        monkeypatch.setattr(choice, "_beside", lambda run, where: iter(beside[run.identity]))
        found = choose([planned(0), planned(1)], {one.record.identity: one for one in standing}, WHERE)
        runs = [f"{run.place} {run.record.identity}" for run in found.runs]  # type: ignore[attr-defined]
        return runs, found.is_older, [run.identity for run in found.lacking]

    return places


def row(source: str, place: str, **named: Any) -> list[Any]:
    return [stored(f"a{seed}-{source}", place, **named) for seed in (0, 1)]


def test_rows_are_told_apart_by_method_and_variant() -> None:
    runs = (planned(0), planned(0, "b"), planned(0, "a", "without"), planned(1))
    assert rows_of(runs) == ((runs[0], runs[3]), (runs[1],), (runs[2],))


def test_a_row_that_is_on_disk_as_a_whole_is_taken_from_there(chosen: Any) -> None:
    assert chosen(row("now", "disk"), row("now", "file"))[0] == ["disk a0-now", "disk a1-now"]


def test_a_row_that_is_on_disk_in_part_stays_as_it_stands(chosen: Any) -> None:
    assert chosen(row("now", "disk")[:1], row("now", "file"))[0] == ["file a0-now", "file a1-now"]


def test_a_row_that_neither_has_as_a_whole_is_of_both(chosen: Any) -> None:
    assert chosen(row("now", "disk")[:1], row("now", "file")[1:]) == (
        ["disk a0-now", "file a1-now"],
        False,
        [],
    )


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_a_run_that_did_not_finish_takes_no_place_of_one_that_did(chosen: Any, status: str) -> None:
    assert chosen(row("now", "disk", status=status), row("now", "file"))[0] == ["file a0-now", "file a1-now"]
    assert chosen(row("now", "disk", status=status), [])[0] == ["disk a0-now", "disk a1-now"]


def test_seeds_of_two_versions_are_not_one_row(chosen: Any) -> None:
    mixed = [*row("now", "disk")[:1], *row("old", "disk")[1:]]
    assert chosen(mixed, []) == ([], False, ["a1-now"])
    assert chosen(mixed, row("old", "file")) == (["file a0-old", "file a1-old"], True, [])


def test_the_newest_older_version_that_has_all_runs_is_taken(chosen: Any) -> None:
    newest = stored("a0-newer", "disk", started="9")
    files = [*row("older", "file", started="1"), *row("old", "file", started="2")]
    assert chosen([newest], files) == (["file a0-old", "file a1-old"], True, [])


def test_an_older_run_that_did_not_finish_is_none(chosen: Any) -> None:
    assert chosen(row("old", "disk", status="failed"), []) == ([], False, ["a0-now", "a1-now"])


def test_a_partial_run_lacks(chosen: Any) -> None:
    assert chosen(row("now", "disk", status="partial"), []) == ([], False, ["a0-now", "a1-now"])
