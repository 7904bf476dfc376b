"""The configurations in the repository: each was tuned on its own split's validation classes, with a log."""

import csv
import tomllib
from pathlib import Path

import pytest

from benchmark.configs import CONFIGS_DIR, read_config, resolve_config
from benchmark.errors import BenchmarkError
from benchmark.registry import METHODS
from datasets.splits import committed_split, committed_split_ids

DATASETS = ("emoji54", "doodle101")
TUNED = sorted(path for dataset in DATASETS for path in CONFIGS_DIR.glob(f"*/{dataset}/*.toml"))
NAMED = sorted(CONFIGS_DIR.glob("*/*.toml"))


def label(path: Path) -> str:
    return str(path.relative_to(CONFIGS_DIR))


def test_every_method_with_a_search_space_is_tuned_on_every_split_at_hand() -> None:
    wanted = {
        f"{method}/{dataset}/{split}.toml"
        for method in METHODS.ids()
        if METHODS.get(method).search_space
        for dataset in DATASETS
        for split in committed_split_ids(dataset)
    }
    assert {label(path) for path in TUNED} == wanted


@pytest.mark.parametrize("path", TUNED, ids=label)
def test_a_tuned_configuration_is_used_on_its_fold_and_refused_on_the_others(path: Path) -> None:
    dataset = path.parent.name
    for split_id in committed_split_ids(dataset):
        split = committed_split(dataset, split_id)
        if split_id == path.stem:
            assert read_config(path, split)[0]
        else:
            with pytest.raises(BenchmarkError, match="seen classes contain"):
                read_config(path, split)


@pytest.mark.parametrize("path", TUNED, ids=label)
def test_the_classes_looked_at_are_validation_classes_of_the_fold(path: Path) -> None:
    tuned_on = tomllib.loads(path.read_text())["tuned_on"]
    split = committed_split(path.parent.name, path.stem)
    assert tuple(tuned_on["validation_classes"]) == split.validation
    assert not set(split.unseen) & set(tuned_on["seen_classes"])


@pytest.mark.parametrize("path", TUNED, ids=label)
def test_the_log_holds_the_trials_and_the_winner_is_among_its_best_three(path: Path) -> None:
    content = tomllib.loads(path.read_text())
    with path.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    trials = rows[: content["search"]["trials"]]
    assert [int(row["trial"]) for row in trials] == list(range(30))
    scores = {int(row["trial"]): float(row["map@all"]) for row in trials if row["state"] == "complete"}
    assert scores[content["search"]["best_trial"]] >= sorted(set(scores.values()))[-3]
    assert float(trials[-1]["best_so_far"]) == max(scores.values())


@pytest.mark.parametrize("path", NAMED, ids=label)
def test_a_named_configuration_fits_its_method_and_was_tuned_on_nothing(path: Path) -> None:
    assert "tuned_on" not in tomllib.loads(path.read_text())
    method = METHODS.get(path.parent.name)
    split = committed_split("emoji54", "fold0")
    assert resolve_config(method, path.stem, split, width=64).source == path.stem
