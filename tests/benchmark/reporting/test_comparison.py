"""What `compare` computes, what it leaves out and what it refuses. Expected numbers are worked by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmark.errors import BenchmarkError
from benchmark.records import PerQuery, read_run
from benchmark.reporting.comparison import compare
from benchmark.reporting.joining import by_dataset, by_family

OLD_RECORD = Path(__file__).parents[2] / "data" / "record_schema_1.json"


def _row(comparison, name):
    return next(row for row in comparison.rows if row.name == name)


def test_folds_count_alike_however_many_queries_they_have(make_run):
    runs = [
        make_run(split="fold0", scores={"map@all": [0.2, 0.4]}, labels=(0, 1)),
        make_run(
            split="fold1", scores={"map@all": [0.8, 0.8, 0.8, 1.0, 1.0, 1.0]}, labels=(0, 0, 0, 1, 1, 1)
        ),
    ]
    assert _row(compare(runs), "centred").mean["map@all"].value == pytest.approx((0.3 + 0.9) / 2)


def test_each_fold_keeps_its_own_value(make_run):
    runs = [make_run(split=f"fold{i}", scores={"map@all": [i / 10] * 4}) for i in range(3)]
    folds = _row(compare(runs), "centred").folds
    assert [folds[f"fold{i}"]["map@all"].value for i in range(3)] == pytest.approx([0.0, 0.1, 0.2])


def test_folds_are_resampled_independently(make_run):
    # Two classes of one query, values 0 and 1, here drawn together to 0.4 and 0.6: a fold's mean moves by
    # -1/2, 0, 1/2 (of the distance) with probability 1/4, 1/2, 1/4, and its squared error is then 1/8, 1/4,
    # 1/8. Of four independent folds, P(sum of moves = 2) = 1/256 and P(sum >= 3/2) = 9/256: the 97.5 %
    # quantile of (sum of moves / root of the sum of squared errors) is that of three folds up and one
    # unmoved. Leaving out a class moves a fold's mean by 1/2: the error of a fold is 1/2, that of the mean
    # over folds 1/4, with 4 degrees of freedom.
    runs = [make_run(split=f"fold{i}", scores={"map@all": [0.4, 0.6]}, labels=(0, 1)) for i in range(4)]
    cell = _row(compare(runs), "centred").mean["map@all"]
    quantile = 1.5 / np.sqrt(3 / 8 + 1 / 4)
    half = 0.2 * quantile * 1 / 4 * stats.t.ppf(0.975, 4) / stats.norm.ppf(0.975)
    assert (cell.value, cell.ci_low, cell.ci_high) == pytest.approx((0.5, 0.5 - half, 0.5 + half))


def test_intervals_of_metrics_end_at_0_and_1_and_those_of_differences_do_not(make_run):
    runs = [
        make_run("centred", scores={"map@all": [0, 1]}, labels=(0, 1)),
        make_run("zscmr", scores={"map@all": [1, 0]}, labels=(0, 1)),
    ]
    cell = _row(compare(runs), "zscmr").mean["map@all"]
    assert (cell.ci_low, cell.ci_high) == (0, 1)
    assert cell.difference.ci_low < -1 < 1 < cell.difference.ci_high


def test_difference_to_the_reference_is_paired(make_run):
    reference = np.array([0.1, 0.9, 0.8, 0.7])
    runs = [
        make_run("centred", scores={"map@all": reference}),
        make_run("zscmr", scores={"map@all": reference + 0.05}),
    ]
    cell = _row(compare(runs), "zscmr").mean["map@all"]
    found = cell.difference
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((0.05, 0.05, 0.05), abs=1e-6)
    assert cell.ci_high - cell.ci_low > 0.1


def test_a_metric_that_the_reference_lacks_has_no_difference(make_run):
    both = {"map@all": [0.5] * 4, "acc@1": [1, 0, 1, 0]}
    comparison = compare([make_run("centred"), make_run("zscmr", scores=both)])
    cells = _row(comparison, "zscmr").mean
    assert cells["map@all"].difference is not None
    assert cells["acc@1"].difference is None


def test_the_reference_has_no_difference_to_itself(make_run):
    assert _row(compare([make_run("centred")]), "centred").mean["map@all"].difference is None


def test_without_a_run_of_the_reference_there_are_no_differences(make_run):
    assert _row(compare([make_run("zscmr")]), "zscmr").mean["map@all"].difference is None


def test_seeds_are_averaged_before_resampling(make_run):
    runs = [
        make_run(seed=0, scores={"map@all": [0.0, 1.0, 0.0, 1.0]}),
        make_run(seed=1, scores={"map@all": [1.0, 0.0, 1.0, 0.0]}),
    ]
    cell = _row(compare(runs), "centred").mean["map@all"]
    assert (cell.value, cell.ci_low, cell.ci_high) == (0.5, 0.5, 0.5)


def test_spread_over_seeds_is_that_of_the_fold_mean(make_run):
    levels = {("fold0", 0): 0.2, ("fold0", 1): 0.4, ("fold1", 0): 0.6, ("fold1", 1): 0.6}
    runs = [make_run(split=f, seed=s, scores={"map@all": [v] * 4}) for (f, s), v in levels.items()]
    cell = _row(compare(runs), "centred").mean["map@all"]
    assert cell.by_seed == pytest.approx({0: 0.4, 1: 0.5})
    assert cell.seed_std == pytest.approx(0.1 / np.sqrt(2))


def test_one_seed_has_no_spread(make_run):
    assert _row(compare([make_run()]), "centred").mean["map@all"].seed_std is None


def test_spread_uses_the_seeds_that_every_fold_has(make_run):
    runs = [make_run(split="fold0", seed=0), make_run(split="fold0", seed=1), make_run(split="fold1", seed=1)]
    assert list(_row(compare(runs), "centred").mean["map@all"].by_seed) == [1]


def test_queries_without_a_value_are_left_out(make_run):
    runs = [make_run(m, scores={"acc@1": [1.0, np.nan, 0.0, np.nan]}) for m in ("centred", "zscmr")]
    cell = _row(compare(runs), "zscmr").mean["acc@1"]
    assert cell.value == 0.5
    assert cell.difference.value == 0.0


def test_a_method_that_failed_in_one_fold_has_no_mean(make_run):
    runs = [make_run("centred", f"fold{i}") for i in range(2)]
    runs += [make_run("cca", "fold0"), make_run("cca", "fold1", status="failed", reason="singular matrix")]
    row = _row(compare(runs), "cca")
    assert row.mean == {}
    assert row.folds["fold0"]["map@all"].value == 0.5
    assert row.absent == {"fold1": "failed: singular matrix"}
    assert row.pr_curve is None


def test_one_failed_seed_leaves_the_fold_without_a_value(make_run):
    runs = [make_run("centred"), make_run("zscmr", seed=0)]
    runs += [make_run("zscmr", seed=1, status="failed", reason="loss is nan")]
    row = _row(compare(runs), "zscmr")
    assert row.folds == {}
    assert row.absent == {"fold0": "failed (seed 1 of 2): loss is nan"}


def test_a_fold_that_was_never_run_counts_as_missing(make_run):
    runs = [make_run("centred", "fold0"), make_run("centred", "fold1"), make_run("zscmr", "fold0")]
    assert _row(compare(runs), "zscmr").absent == {"fold1": "no run"}


def test_partial_runs_stay_out_and_are_counted(make_run):
    comparison = compare([make_run("centred"), make_run("zscmr", status="partial")])
    assert [row.name for row in comparison.rows] == ["centred"]
    assert comparison.n_partial == 1


def test_of_two_records_of_one_run_the_newest_counts(make_run):
    runs = [make_run(scores={"map@all": [level] * 4}) for level in (0.3, 0.6)]
    comparison = compare(runs[::-1])
    assert _row(comparison, "centred").mean["map@all"].value == pytest.approx(0.6)
    assert comparison.n_superseded == 1


def test_a_later_success_replaces_a_failure(make_run):
    comparison = compare([make_run(status="failed", reason="out of memory"), make_run()])
    assert _row(comparison, "centred").absent == {}


def test_a_later_failure_replaces_a_success(make_run):
    runs = [make_run("zscmr"), make_run("centred"), make_run("centred", status="failed", reason="broken")]
    assert _row(compare(runs), "centred").absent == {"fold0": "failed: broken"}


def test_seeds_of_another_configuration_are_superseded(make_run):
    runs = [make_run(seed=s, config={"lr": 0.1}, scores={"map@all": [0.2] * 4}) for s in range(2)]
    runs += [make_run(seed=0, config={"lr": 0.01}, scores={"map@all": [0.6] * 4})]
    comparison = compare(runs)
    assert _row(comparison, "centred").mean["map@all"].by_seed == pytest.approx({0: 0.6})
    assert comparison.n_superseded == 2


def test_variants_of_a_method_are_rows_of_their_own(make_run):
    comparison = compare([make_run("zscmr"), make_run("zscmr", variant="smoke")])
    assert sorted(row.name for row in comparison.rows) == ["zscmr", "zscmr (smoke)"]


def test_rows_stand_best_first_and_rows_without_a_mean_last(make_run):
    runs = [make_run(m, scores={"map@all": [v] * 4}) for m, v in (("low", 0.1), ("high", 0.9))]
    comparison = compare([make_run("a_skipped", status="skipped", reason="no weights"), *runs])
    assert [row.name for row in comparison.rows] == ["high", "low", "a_skipped"]


def test_splits_stand_in_natural_order(make_run):
    runs = [make_run(split=split) for split in ("fold10", "fold2", "fold1")]
    assert compare(runs).splits == ("fold1", "fold2", "fold10")


def test_metrics_stand_in_the_default_order_with_others_behind(make_run):
    scores = {metric: [0.5] * 4 for metric in ("r_precision", "mrr", "p@10", "map@all")}
    assert compare([make_run(scores=scores)]).metric_ids == ("map@all", "p@10", "mrr", "r_precision")


def test_metrics_can_be_chosen(make_run):
    scores = {metric: [0.5] * 4 for metric in ("mrr", "p@10", "map@all")}
    assert compare([make_run(scores=scores)], metric_ids=["mrr", "p@10"]).metric_ids == ("mrr", "p@10")


def test_a_metric_that_one_fold_lacks_has_no_mean(make_run):
    runs = [
        make_run(split="fold0", scores={"map@all": [0.5] * 4, "p@100": [0.5] * 4}),
        make_run(split="fold1", dropped_metrics={"p@100": "the gallery holds 12 photos"}),
    ]
    comparison = compare(runs)
    assert list(_row(comparison, "centred").mean) == ["map@all"]
    assert list(comparison.chance) == ["map@all"]
    assert comparison.dropped_metrics == {"p@100": "the gallery holds 12 photos"}


def test_chance_is_averaged_over_folds(make_run):
    runs = [make_run(split="fold0", chance=0.1), make_run(split="fold1", chance=0.2)]
    assert compare(runs).chance["map@all"] == pytest.approx(0.15)


def test_curves_are_averaged_over_seeds_then_folds(make_run):
    curves = {("fold0", 0): 0.1, ("fold0", 1): 0.3, ("fold1", 0): 0.6}
    runs = [make_run(split=f, seed=s, pr_curve=[v] * 11) for (f, s), v in curves.items()]
    assert _row(compare(runs), "centred").pr_curve == pytest.approx((0.4,) * 11)


@pytest.mark.parametrize(("distance", "n_bytes"), [("euclidean", 256), ("hamming", 8)])
def test_bytes_per_photo_follow_from_width_and_kind_of_code(make_run, distance, n_bytes):
    assert _row(compare([make_run(distance=distance)]), "centred").bytes_per_photo == n_bytes


def test_fit_time_is_the_mean_of_one_fit(make_run):
    seconds = {("fold0", 0): 1.0, ("fold0", 1): 3.0, ("fold1", 0): 6.0}
    runs = [make_run(split=f, seed=s, phases_s={"fit": v}) for (f, s), v in seconds.items()]
    assert _row(compare(runs), "centred").fit_s == 4.0


def test_a_row_whose_seeds_ran_on_two_machines_names_both(make_run):
    machines = [
        {"device": "cpu", "processor": "AMD EPYC", "threads": 1},
        {"device": "NVIDIA H100", "processor": "Intel Xeon", "threads": 1},
    ]
    runs = [make_run(seed=seed, environment=machine) for seed, machine in enumerate(machines)]
    assert _row(compare(runs), "centred").device == {"fold0": "AMD EPYC (1 thread) and NVIDIA H100"}


def test_runs_are_parted_by_data_set(make_run):
    runs = [make_run(protocol={"dataset": name}) for name in ("toy", "emoji54", "toy")]
    assert {name: len(of_set) for name, of_set in by_dataset(runs).items()} == {"emoji54": 1, "toy": 2}


def test_runs_are_parted_by_family_and_a_split_without_one_is_alone(make_run):
    runs = [make_run(split=split) for split in ("fold0", "sake25", "fold1", "sake30")]
    parted = {name: [run.record.protocol.split for run in own] for name, own in by_family(runs).items()}
    assert parted == {"fold": ["fold0", "fold1"], "sake25": ["sake25"], "sake30": ["sake30"]}


@pytest.mark.parametrize(
    ("field", "other", "flag"),
    [
        ("feature_norm", "raw", "results/runs"),
        ("dataset", "sketchy", "--dataset"),
        ("protocol", "loo", "--protocol"),
    ],
)
def test_runs_of_another_protocol_are_refused_with_the_way_out(make_run, field, other, flag):
    runs = [make_run("centred"), make_run("zscmr", protocol={field: other})]
    with pytest.raises(BenchmarkError, match=rf"{field} is .*'{other}' in 1 \(zscmr\).*{flag}"):
        compare(runs)


def test_a_refusal_names_both_values_and_their_rows(make_run):
    runs = [make_run("centred"), make_run("frozen"), make_run("zscmr", backbone="vit")]
    expected = (
        r"3 runs .* backbone is 'tiny_net' in 2 \(centred, frozen\) and 'vit' in 1 \(zscmr\)\. .*--backbone"
    )
    with pytest.raises(BenchmarkError, match=expected):
        compare(runs)


def test_other_weights_under_one_backbone_name_are_refused(make_run):
    with pytest.raises(BenchmarkError, match="weights_sha256 is"):
        compare([make_run("centred"), make_run("zscmr", weights_sha256="c" * 64)])


def test_two_class_lists_under_one_split_name_are_refused(make_run):
    runs = [make_run("centred"), make_run("zscmr", protocol={"split_sha256": "other"})]
    with pytest.raises(BenchmarkError, match="split_sha256 of split 'fold0' is"):
        compare(runs)


def test_unequal_chance_under_one_fingerprint_is_refused(make_run):
    with pytest.raises(BenchmarkError, match=r"chance of map@all is 0\.2 in 'zscmr' and 0\.1 in 'centred'"):
        compare([make_run("centred"), make_run("zscmr", chance=0.2)])


def test_other_queries_under_one_fingerprint_are_refused(make_run):
    runs = [make_run("centred"), make_run("zscmr", names=["w", "x", "y", "z"])]
    with pytest.raises(BenchmarkError, match="queries of 'zscmr' are not those of 'centred'"):
        compare(runs)


def test_a_lost_array_file_is_named(make_run):
    run = make_run()
    (run.folder / "per_query.npz").unlink()
    with pytest.raises(BenchmarkError, match=r"per_query\.npz cannot be read .*--rerun"):
        compare([run])


@pytest.mark.parametrize("status", ["failed", "skipped", "partial"])
def test_without_a_complete_run_there_is_nothing_to_compare(make_run, status):
    with pytest.raises(BenchmarkError, match=rf"no complete run .* 1 records \(status: {status}\)"):
        compare([make_run(status=status, reason="because")])


def test_no_runs_at_all_are_refused():
    with pytest.raises(BenchmarkError, match="no complete run to compare among 0 records"):
        compare([])


def test_an_ambiguous_metric_is_refused_with_its_variants(make_run):
    with pytest.raises(BenchmarkError, match="map@200/r"):
        compare([make_run()], metric_ids=["map@200"])


def test_a_metric_that_no_run_holds_is_refused(make_run):
    with pytest.raises(BenchmarkError, match=r"no run holds metric 'p@7'\. The runs hold: map@all"):
        compare([make_run()], metric_ids=["p@7"])


def test_a_record_of_schema_1_still_loads_and_tabulates(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "record.json").write_text(OLD_RECORD.read_text(encoding="utf-8"), encoding="utf-8")
    values = PerQuery(
        metric_ids=np.array(["map@all", "p@10"]),
        values=np.array([[0.25, 0.75, 0.5], [0.1, 0.4, 0.4]], dtype=np.float32),
        labels=np.array([0, 0, 1]),
        names=np.array(["a", "b", "c"]),
    )
    present = {name: array for name, array in vars(values).items() if array is not None}
    np.savez(folder / "per_query.npz", **present)
    cells = _row(compare([read_run(folder)]), "centred").mean
    assert {metric: cell.value for metric, cell in cells.items()} == {"map@all": 0.5, "p@10": 0.3}


def test_the_stored_record_is_of_schema_1():
    assert json.loads(OLD_RECORD.read_text(encoding="utf-8"))["schema_version"] == 1


def test_a_row_whose_only_split_lacks_a_seed_is_refused_in_words(make_run):
    runs = [make_run(seed=0), make_run(seed=1, status="failed")]
    with pytest.raises(BenchmarkError, match="no row has all its seeds in any split"):
        compare(runs)


def test_an_older_failure_under_another_configuration_is_superseded(make_run):
    old, new = {"config": {"lr": 1.0}}, {"config": {"lr": 2.0}}
    runs = [make_run(seed=0, **old), make_run(seed=1, status="failed", **old), make_run(seed=0, **new)]
    assert _row(compare(runs), "centred").absent == {}


@pytest.mark.parametrize("field", ["source_sha256", "class_vectors_sha256"])
def test_seeds_are_averaged_only_where_they_were_made_alike(make_run, field):
    runs = [make_run(seed=0, **{field: "old"}), make_run(seed=1, **{field: "new"})]
    assert _row(compare(runs), "centred").seeds == {"fold0": (1,)}


def test_another_preprocessing_of_the_backbone_is_refused(make_run):
    runs = [make_run("centred"), make_run("zscmr", backbone_preprocessing="cropped")]
    with pytest.raises(BenchmarkError, match="backbone_preprocessing is"):
        compare(runs)


def test_every_width_of_a_row_is_kept(make_run):
    runs = [make_run(split="fold0", embedding_width=39), make_run(split="fold1", embedding_width=40)]
    row = _row(compare(runs), "centred")
    assert (row.widths, row.embedding_width) == ({"fold0": 39, "fold1": 40}, 40)


def test_the_interval_of_a_split_does_not_depend_on_the_others(make_run):
    runs = [make_run(split=split) for split in ("fold0", "fold1")]
    alone, beside = compare(runs[1:]), compare(runs)
    cells = [_row(comparison, "centred").folds["fold1"]["map@all"] for comparison in (alone, beside)]
    assert (cells[0].ci_low, cells[0].ci_high) == (cells[1].ci_low, cells[1].ci_high)
