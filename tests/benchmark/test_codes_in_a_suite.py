"""Codes as a term of a suite: from the TOML file and the flags to the record and the footnotes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from benchmark import cli
from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.plan import grid
from benchmark.prepare import Where
from benchmark.records import StoredRun
from benchmark.registry import load_plugin
from benchmark.reporting.comparison import compare
from benchmark.reporting.tables import render
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite, load_suite
from datasets.splits import committed_split

pytestmark = pytest.mark.usefixtures("open_registries")

Run = Callable[..., list[StoredRun]]
WritePlugin = Callable[..., Path]
Captured = pytest.CaptureFixture[str]
N_COLOURS = 3  # the width of the plugin's embedding


@pytest.fixture
def run(picture_root: Path, tmp_path: Path, write_plugin: WritePlugin) -> Run:
    """Run a method on the small data set under the given terms; ranker has a similarity of its own."""
    ranker = write_plugin("ranker")
    ranker.write_text(ranker.read_text().replace('distance="euclidean"', 'distance="own"'))
    for path in (write_plugin("mean_colour"), ranker):
        load_plugin(path)

    def call(method: str = "mean_colour", **terms: object) -> list[StoredRun]:
        suite = Suite(name="t", title="t", dataset="folder", methods=(method,), **terms)  # type: ignore[arg-type]
        where = Where(tmp_path / "cache", tmp_path / "results", picture_root)
        display = SuiteDisplay(Console(file=open(os.devnull, "w")))  # noqa: SIM115, PTH123
        return list(run_suite(prepare_suite(suite, where, display), display).runs)

    return call


@pytest.fixture
def call(
    picture_root: Path, tmp_path: Path, write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Call `run` with mean_colour in process and return the exit code."""

    def main(*flags: object) -> int:
        grid = ("--dataset", "folder", "--data-root", picture_root, "--methods", "mean_colour")
        places = ("--cache-dir", tmp_path / "cache", "--results-dir", tmp_path / "results")
        plugin = ("--plugin", write_plugin("mean_colour"))
        arguments = map(str, ("run", *grid, *places, *plugin, *flags))
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *arguments])
        return cli.main()

    return main


def suite_of(tmp_path: Path, *lines: str) -> Suite:
    path = tmp_path / "mine.toml"
    path.write_text("\n".join(('title = "x"', 'methods = ["frozen"]', *lines)))
    return load_suite(str(path))[0]


def test_a_suite_has_real_embeddings_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert suite_of(tmp_path).codes == "real"


@pytest.mark.parametrize("codes", ["itq", "itq/queries", "itq/gallery"])
def test_a_suite_names_its_codes_and_their_bits(tmp_path: Path, codes: str) -> None:
    suite = suite_of(tmp_path, "bits = 32", f'codes = "{codes}"')
    assert (suite.codes, suite.bits) == (codes, 32)
    assert suite_of(tmp_path, f'codes = "{codes}"').bits == 64


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['codes = "hash"'], r"field 'codes': .* 'real', 'sign', 'itq', 'itq/queries' or 'itq/gallery'"),
        (['codes = "sign"', "bits = 32"], "field 'bits': .*only ITQ has a number of bits"),
        (["bits = 32"], "field 'bits': .*only ITQ has a number of bits, and codes = \"real\""),
        (['codes = "itq"', "bits = 0"], "field 'bits': .* greater than or equal to 1"),
    ],
)
def test_codes_that_make_no_sense_are_refused_by_their_field(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(BenchmarkError, match=message):
        suite_of(tmp_path, *lines)


def test_a_record_says_what_was_compared(run: Run) -> None:
    record = run(codes="itq", bits=2)[0].record
    assert (record.status, record.protocol.codes) == ("complete", "itq, 2 bits")
    assert (record.embedding_width, record.distance) == (2, "hamming")


def test_codes_and_their_bits_are_part_of_the_fingerprint(run: Run) -> None:
    terms = ({}, {"codes": "sign"}, *({"codes": "itq", "bits": n} for n in (1, 2)))
    assert len({run(**term)[0].record.fingerprint for term in terms}) == 4


def test_codes_that_a_method_learns_are_as_long_as_the_suite_says() -> None:
    def width(method: str, **terms: object) -> int:
        suite = Suite(name="t", title="t", methods=(method,), width=48, **terms)  # type: ignore[arg-type]
        (cell,) = grid(suite, [committed_split("emoji54", "fold0")])
        return int(cell.config.values["width"])

    assert width("dsh", codes="itq", bits=16) == 16
    assert width("dsh", codes="sign") == width("dsh") == 48
    assert width("siamese", codes="itq", bits=16) == 48  # of which ITQ makes 16 bits


def test_too_many_bits_are_a_failed_run_with_the_reason(run: Run) -> None:
    record = run(codes="itq", bits=N_COLOURS + 1)[0].record
    assert record.status == "failed"
    assert "4 bits needs embeddings of width 4 or more, these have 3" in (record.reason or "")


def test_a_similarity_of_the_methods_own_is_skipped_with_the_reason(run: Run) -> None:
    record = run("ranker", codes="sign")[0].record
    assert record.status == "skipped"
    assert "`similarity` of its own" in (record.reason or "")


def test_a_method_without_randomness_runs_every_seed_under_itq_alone(run: Run) -> None:
    assert [stored.record.seed for stored in run(seeds=(0, 1), codes="itq", bits=2)] == [0, 1]
    assert [stored.record.seed for stored in run(seeds=(0, 1), codes="sign")] == [0]


def test_the_table_of_transductive_codes_says_so_and_how_small_they_are(run: Run) -> None:
    comparison = compare(run(codes="itq/queries", bits=2))
    note = "to 2 bits, compared by Hamming distance: each modality's mean over test items removed, then PCA "
    note += "and a rotation fitted on the test queries (transductive), 50 iterations"
    assert note in " ".join(render(comparison, "plain", per_fold=True).split())
    assert [row.bytes_per_photo for row in comparison.rows] == [1]


def test_a_table_without_a_complete_run_counts_what_there_is(
    call: Callable[..., int], capsys: Captured
) -> None:
    call("--codes", "itq", "--bits", N_COLOURS + 1)
    assert "No table: no run is complete; 1 failed." in " ".join(capsys.readouterr().err.split())


def test_flags_choose_codes_and_bits(call: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Suite] = []

    def stop(suite: Suite, *_: object, **__: object) -> None:
        asked.append(suite)
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmark.runner.prepare_suite", stop)
    assert call("--codes", "itq/gallery", "--bits", 16) == 130
    assert (asked[0].codes, asked[0].bits) == ("itq/gallery", 16)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--bits", 2), "--bits 2: only ITQ has a number of bits, and codes are 'real'"),
        (("--codes", "sign", "--bits", 2), "and codes are 'sign'. Add --codes itq"),
        (("--codes", "hash"), "'real', 'sign', 'itq', 'itq/queries', 'itq/gallery'"),
    ],
)
def test_flags_that_make_no_sense_are_one_message_and_exit_code_1(
    flags: tuple[object, ...], message: str, call: Callable[..., int], capsys: Captured
) -> None:
    assert call(*flags) == 1
    assert message in capsys.readouterr().err
