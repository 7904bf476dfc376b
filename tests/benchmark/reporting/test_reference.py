"""Reference results: what is written and read again compares as the runs themselves do."""

import json

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.reference import store
from benchmark.reference.blocks import BLOCKS
from benchmark.reference.rulers import readings_of
from benchmark.reference.store import read_reference, write_reference
from benchmark.reporting.comparison import compare
from benchmark.reporting.joining import row_name
from benchmark.reporting.pairwise import pairwise
from benchmark.rescore import rescore

HALF_A_UNIT = 0.5 / 60_000
# Means move by less than half a unit; ends of intervals are of resampled means of such values, studentised.
OF_INTERVALS = 1e-4


@pytest.fixture
def runs(make_run):
    """Three rows in two folds, one with two seeds, one that failed in a fold; queries of three classes."""
    labels = np.repeat([0, 1, 2], 6)
    found = []
    for fold in ("fold0", "fold1"):
        for method, seed in (("centred", 0), ("zscmr", 0), ("zscmr", 1), ("cca", 0)):
            draw = np.random.default_rng([len(method), seed, int(fold[-1])])
            values = draw.uniform(0, 1, labels.size)
            has_failed = method == "cca" and fold == "fold1"
            found.append(
                make_run(
                    method,
                    fold,
                    seed,
                    scores={"map@all": values, "p@10": np.where(values > 0.9, np.nan, values.round(1))},
                    labels=labels,
                    ranked=(12, 4),
                    status="failed" if has_failed else "complete",
                    **({"reason": "no memory"} if has_failed else {}),
                )
            )
    return found


@pytest.fixture
def reread(runs, tmp_path):
    """The same runs after they were written and read."""
    return read_reference(write_reference(tmp_path / "toy.json", {"full": runs})).runs


def _cells(comparison):
    """(row, split, metric) -> value, both ends, difference and its ends, spread over seeds."""
    found = {}
    for row in comparison.rows:
        for split, cells in {"mean": row.mean, **row.folds}.items():
            for metric, cell in cells.items():
                away = cell.difference
                numbers = [cell.value, cell.class_balanced, cell.seed_std or 0.0, cell.ci_low, cell.ci_high]
                numbers += [away.value, away.ci_low, away.ci_high] if away else []
                found[row.name, split, metric] = numbers
    return found


def test_reread_runs_compare_as_the_runs_themselves(runs, reread):
    before, after = _cells(compare(runs)), _cells(compare(reread))
    assert before.keys() == after.keys()
    assert len(before) == 2 * 2 * 3 + 2  # two rows with a mean and two folds, one with a fold alone
    for key, numbers in before.items():
        np.testing.assert_allclose(after[key][:3], numbers[:3], atol=2 * HALF_A_UNIT, err_msg=str(key))
        np.testing.assert_allclose(after[key], numbers, atol=OF_INTERVALS, err_msg=str(key))


def test_reread_runs_are_tested_as_the_runs_themselves(runs, reread):
    def tested(of):
        return [
            (pair.row.name, pair.p_holm, pair.n_better) for pair in pairwise(of, reference="centred").pairs
        ]

    assert tested(reread) == tested(runs)


def test_a_failed_run_keeps_its_reason(reread):
    (failed,) = (run for run in reread if run.record.status == "failed")
    assert failed.record.reason == "no memory"
    with pytest.raises(BenchmarkError, match="is failed and has no rankings"):
        failed.per_query()


def test_records_lose_nothing_but_digits(runs, reread):
    kept = {run.record.identity: run.record for run in reread}
    for run in runs:
        before, after = run.record, kept[run.record.identity]
        changed = {"scores", "per_class", "pr_curve"}
        assert after.model_dump(exclude=changed) == before.model_dump(exclude=changed)
        np.testing.assert_allclose(after.pr_curve or [], before.pr_curve or [], atol=1e-4)


def test_values_of_queries_move_by_less_than_half_a_unit_and_stay_missing(runs, reread):
    kept = {run.record.identity: run for run in reread}
    for run in runs:
        if run.record.status == "complete":
            before, after = run.per_query(), kept[run.record.identity].per_query()
            np.testing.assert_allclose(after.values, before.values, atol=HALF_A_UNIT + 1e-7)
            for name in ("labels", "names", "n_ranked", "n_relevant", "metric_ids"):
                np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_rankings_are_not_kept_and_that_is_said(reread):
    with pytest.raises(BenchmarkError, match="reference results keep no rankings"):
        reread[0].rankings()


def test_a_run_of_two_suites_is_kept_once(runs, tmp_path):
    path = write_reference(tmp_path / "toy.json", {"full": runs, "zscmr-ablation": runs[:3]})
    found = read_reference(path)
    assert len(json.loads(path.read_text())["runs"]) == len(runs)
    assert len(found.of_suite("zscmr-ablation")) == 3
    with pytest.raises(BenchmarkError, match="hold no run of suite 'codes', but of full, zscmr-ablation"):
        found.of_suite("codes")


def test_equal_runs_make_equal_files(runs, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    write_reference(first, {"full": runs})
    write_reference(second, {"full": runs[::-1]})
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda text: text[:-50], "JSONDecodeError"),
        (lambda text: text.replace('"status":"complete"', '"status":"done"', 1), "ValidationError"),
        (lambda text: text.replace('"per_query":"', '"per_query":"c', 1), "cannot be read"),
        (lambda text: text.replace('"facts":', '"fact":', 1), "KeyError: 'facts'"),
        (lambda text: "[]", "cannot be read as reference results"),
        (
            lambda text: text.replace('"schema":1', '"schema":9'),
            "has schema 9, and this version reads up to 1",
        ),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(runs, tmp_path, spoil, what):
    path = write_reference(tmp_path / "toy.json", {"full": runs})
    path.write_text(spoil(path.read_text()))
    with pytest.raises(BenchmarkError, match=what) as caught:
        read_reference(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_names_those_that_are():
    with pytest.raises(BenchmarkError, match=r"no reference results in .*sketchy.json.*emoji54, doodle101"):
        read_reference("sketchy")


def test_runs_of_two_data_sets_or_of_another_suite_are_refused(runs, make_run, tmp_path):
    other = make_run("centred", protocol={"dataset": "other"})
    with pytest.raises(BenchmarkError, match="of one data set, got other, toy"):
        write_reference(tmp_path / "x.json", {"full": [*runs, other]})
    with pytest.raises(BenchmarkError, match=f"no reference suite mine. Known: {', '.join(store.SUITES)}"):
        write_reference(tmp_path / "x.json", {"mine": runs})


def test_values_that_are_no_share_are_refused(make_run, tmp_path):
    with pytest.raises(BenchmarkError, match="hold metrics from 0 to 1"):
        write_reference(tmp_path / "x.json", {"full": [make_run(scores={"map@all": [0.5, 2.0, 0.1, 0.1]})]})


def test_classes_and_queries_of_different_runs_are_refused(make_run, tmp_path):
    run = make_run(labels=(0, 0, 1, 2), per_class={"map@all": {"ant": 0.5, "bee": 0.5}})
    with pytest.raises(BenchmarkError, match="names 2 classes and has queries of 3"):
        write_reference(tmp_path / "x.json", {"full": [run]})


def test_a_block_shows_data_sets_side_by_side_by_the_names_of_rows(make_run, tmp_path):
    references = {}
    for dataset, values in {"one": (0.2, 0.4), "two": (0.6, 0.3)}.items():
        runs = [
            make_run(
                method,
                scores={"map@all": [value] * 4},
                protocol={"dataset": dataset},
                card={"is_transductive": method == "icfrr"},
                status="complete" if value != 0.3 else "failed",
            )
            for method, value in zip(("centred", "icfrr"), values, strict=True)
        ]
        others = [
            make_run(method, scores={"map@all": [0.1] * 4}, protocol={"dataset": dataset})
            for method in (["gdh"] if dataset == "one" else ["gdh", "sae"])
        ]
        path = write_reference(tmp_path / f"{dataset}.json", {"codes": [*runs, *others]})
        references[dataset] = read_reference(path)
    header, _, *rows = BLOCKS["codes"](references).partition("\n\n")[0].splitlines()
    assert header == "| method | one, map@all | one, Δ centred | two, map@all | two, Δ centred |"
    cells = {row.split(" | ")[0]: row.split(" | ")[1:] for row in rows}
    assert list(cells) == ["| icfrr (transductive)", "| centred", "| gdh", "| sae", "| chance"]
    assert cells["| icfrr (transductive)"][2:] == ["–", "– |"]
    assert cells["| centred"][2].startswith("**0.600**")


def test_readings_are_those_of_the_stored_ranks_and_survive(runs, tmp_path):
    readings = readings_of(runs, {})
    assert set(readings) == {row_name(run.record) for run in runs if run.record.status == "complete"}
    wanted = {one.metric for one in readings["centred"]}
    assert wanted
    for one in readings["centred"]:
        scores = [
            rescore(run, [one.metric])[one.metric].score for run in runs if run.record.method == "centred"
        ]
        values = [score.value if one.averaging == "query" else score.class_balanced for score in scores]
        assert one.value == pytest.approx(sum(values) / len(values))
    reread = read_reference(write_reference(tmp_path / "toy.json", {"full": runs}, readings)).readings
    assert {row: len(own) for row, own in reread.items()} == {row: len(own) for row, own in readings.items()}
    for row, own in readings.items():
        for before, after in zip(own, reread[row], strict=True):
            assert (before.metric, before.averaging) == (after.metric, after.averaging)
            assert after.value == pytest.approx(before.value, abs=1e-6)
