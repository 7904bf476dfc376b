"""The first stage in a suite: the wall, rows, records, and what is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from benchmark import configs
from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.plan import grid, plan
from benchmark.prepare import PreparedData, Where
from benchmark.records import StoredRun
from benchmark.reporting.comparison import compare
from benchmark.runner import SuiteResult, prepare_suite, run_suite
from benchmark.suite import Suite
from benchmark.tuning import tune_method
from datasets.finetuning.recipe import Recipe
from datasets.pictures import file_sha256
from datasets.preprocessing import Preprocessing
from datasets.task import Phase

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]
QUICK = Recipe(max_epochs=2, batch=4)
PHASES: tuple[Phase, ...] = ("run", "tune")
SEEN, UNSEEN = {"cross", "square", "star"}, {"circle", "wave"}
BEFORE = "before fine-tuning"


def suite_of(*methods: str, **fields: Any) -> Suite:
    given = {"name": "t", "title": "t", "dataset": "folder", "methods": methods, "backbone": "small_net"}
    return Suite(**{**given, "finetune": "seen", "finetuning": QUICK, **fields})


def prepared(suite: Suite, where: Where) -> PreparedData:
    return prepare_suite(suite, where, silent())


def silent() -> SuiteDisplay:
    return SuiteDisplay(Console(file=open(os.devnull, "w")))  # noqa: PTH123


def run(suite: Suite, where: Where, **options: Any) -> SuiteResult:
    return run_suite(prepared(suite, where), silent(), **options)


def by_row(runs: tuple[StoredRun, ...]) -> dict[tuple[str, str], StoredRun]:
    return {(run.record.method, run.record.variant): run for run in runs}


def networks(where: Where) -> dict[str, str]:
    """Folder of every fine-tuned network -> sha256 of its weights."""
    found = sorted(where.cache_dir.glob("finetuned/*/*/weights.safetensors"))
    return {path.parent.name: file_sha256(path) for path in found}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int]]:
    """Files of pictures that are read for a network, with the edge asked for."""
    read: list[tuple[Path, int]] = []
    original = Preprocessing.picture

    def picture(self: Preprocessing, path: Path, size: int, modality: Any) -> Any:
        read.append((path, size))
        return original(self, path, size, modality)

    monkeypatch.setattr(Preprocessing, "picture", picture)
    return read


def tuned_on(data: PreparedData, opened: list[tuple[Path, int]], phase: Phase = "run") -> set[Path]:
    """Fine-tune for the first split of a suite and return the files that it opened."""
    tunings = data.features.fine_tunings(data.splits()[0], phase)
    opened.clear()
    for tuning in tunings.values():
        tuning.run(data.where.devices)
    return {path for path, _ in opened}


# The wall.


def test_fine_tuning_opens_pictures_of_seen_classes_alone(
    where: Where, opened: list[tuple[Path, int]]
) -> None:
    files = tuned_on(prepared(suite_of("frozen"), where), opened)
    assert {path.parent.name for path in files} == SEEN
    assert {path.parent.parent.name for path in files} == {"sketch", "photo"}
    assert len(files) == 2 * 3 * 6


def test_while_tuning_it_opens_no_picture_of_a_validation_class(
    where: Where, opened: list[tuple[Path, int]]
) -> None:
    files = tuned_on(prepared(suite_of("frozen"), where), opened, "tune")
    assert {path.parent.name for path in files} == {"cross", "square"}


def test_items_that_a_generalised_setting_holds_out_are_not_opened(
    where: Where, opened: list[tuple[Path, int]]
) -> None:
    data = prepared(suite_of("frozen", setting="gzs/heldout"), where)
    arrangement = data.arrangement(data.splits()[0])
    tested = {data.index.sketches.files[i] for i in arrangement.queries}
    tested |= {data.index.photos.files[i] for i in arrangement.gallery}
    files = tuned_on(data, opened)
    assert {path.parent.name for path in tested} == SEEN | UNSEEN
    assert not files & tested
    assert len(files) + len(tested) == 60


def test_other_unseen_pictures_change_no_byte_of_the_weights(where: Where, root: Path) -> None:
    run(suite_of("frozen"), where)
    other = root.parent / "other"
    shutil.copytree(root, other)
    rng = np.random.default_rng(1)
    for path in [path for name in UNSEEN for path in other.glob(f"*/{name}/*.png")]:
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(path)
    there = replace(where, data_root=other, cache_dir=where.cache_dir.parent / "cache of the other")
    run(suite_of("frozen"), there)
    assert len(networks(where)) == 2
    assert networks(there) == networks(where)


def test_other_seen_pictures_are_other_networks(where: Where, root: Path) -> None:
    first = set(prepared_keys(where))
    Image.new("RGB", (12, 12), "black").save(root / "photo" / "cross" / "0.png")
    assert len(first ^ set(prepared_keys(where))) == 2  # those of photos, before and after
    assert len(first) == 2


def prepared_keys(where: Where) -> list[str]:
    data = prepared(suite_of("frozen"), where)
    return [tuning.key for tuning in data.features.fine_tunings(data.splits()[0]).values()]


# Rows and records.


@pytest.mark.parametrize("methods", [("frozen", "centred"), ("centred",)])
def test_frozen_stands_before_and_after_whatever_methods_are_named(
    methods: tuple[str, ...], where: Where
) -> None:
    cells = grid(suite_of(*methods), prepared(suite_of(*methods), where).splits())
    rows = sorted((cell.method.card.id, cell.variant, cell.is_finetuned) for cell in cells)
    assert rows == [("centred", "", True), ("frozen", "", True), ("frozen", BEFORE, False)]


def test_records_say_what_was_fine_tuned_and_how_well(where: Where) -> None:
    found = by_row(run(suite_of("frozen", "centred"), where).runs)
    assert {own.record.status for own in found.values()} == {"complete"}
    assert {own.record.finetune for own in found.values()} == {"seen"}
    assert found["frozen", BEFORE].record.finetuning == {}
    facts = found["frozen", ""].record.finetuning
    assert facts == found["centred", ""].record.finetuning
    assert set(facts) == {"sketch", "photo"}
    for own in facts.values():
        # Six of each of three classes, a tenth rounded up held out.
        assert (own.n_trained, own.n_held_out, own.n_epochs) == (15, 3, 2)
        assert networks(where)[own.key[:32]] == own.weights_sha256
        assert own.held_out_accuracy in [pytest.approx(n / 3) for n in range(4)]
        assert own.recipe == QUICK.model_dump()
        assert (own.devices, own.precision) == (["cpu"], "32-true")


def test_rows_before_and_after_read_different_features(where: Where) -> None:
    tuned = by_row(run(suite_of("frozen", finetuning=Recipe(max_epochs=4, batch=4, lr=0.01)), where).runs)
    plain = by_row(run(suite_of("frozen", finetune="none"), where).runs)
    before, after = (tuned["frozen", variant].per_query().values for variant in (BEFORE, ""))
    np.testing.assert_array_equal(before, plain["frozen", ""].per_query().values)
    assert not np.array_equal(before, after)


def test_identities_differ_from_runs_without_fine_tuning_and_by_recipe(where: Where) -> None:
    found = [
        by_identity(suite_of("centred", **fields), where)
        for fields in ({"finetune": "none"}, {}, {"finetuning": Recipe(max_epochs=3)})
    ]
    assert len({own["centred"] for own in found}) == 3


def by_identity(suite: Suite, where: Where) -> dict[str, str]:
    data = prepared(suite, where)
    planned = plan(grid(suite, data.splits()), data)
    return {own.method.card.id: own.identity for own in planned if not own.variant}


def test_a_recipe_changes_nothing_without_fine_tuning(where: Where) -> None:
    plain = suite_of("centred", finetune="none", finetuning=Recipe())
    other = suite_of("centred", finetune="none", finetuning=Recipe(seed=7))
    assert by_identity(plain, where) == by_identity(other, where)


def test_a_second_run_executes_and_trains_nothing(
    where: Where, opened: list[tuple[Path, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(suite_of("frozen", "centred"), where).n_executed == 3
    opened.clear()
    again = run(suite_of("frozen", "centred"), where)
    assert (again.n_executed, opened) == (0, [])
    assert run(suite_of("frozen", "centred"), where, rerun="all").n_executed == 3
    assert opened == []


def test_a_method_on_pictures_is_the_same_run_with_and_without(where: Where) -> None:
    tuned = run(suite_of("frozen", "mean_colour"), where)
    plain = run(suite_of("frozen", "mean_colour", finetune="none"), where)
    assert plain.n_executed == 1  # frozen
    record = by_row(tuned.runs)["mean_colour", ""].record
    assert (record.finetune, record.finetuning) == ("none", {})
    assert record == by_row(plain.runs)["mean_colour", ""].record
    for result in (tuned, plain):  # which no table refuses
        assert "mean_colour" in [row.name for row in compare(result.runs).rows]


def test_a_limit_fine_tunes_on_what_is_left_and_stays_out_of_tables(
    where: Where, opened: list[tuple[Path, int]]
) -> None:
    result = run(suite_of("frozen"), replace(where, limit=3))
    assert {own.record.status for own in result.runs} == {"partial"}
    facts = by_row(result.runs)["frozen", ""].record.finetuning
    assert [(own.n_trained, own.n_held_out) for own in facts.values()] == [(6, 3), (6, 3)]
    assert {path.name for path, _ in opened} == {"0.png", "1.png", "2.png"}


def test_unreadable_pictures_are_left_out_of_fine_tuning(where: Where, root: Path) -> None:
    (root / "photo" / "cross" / "3.png").write_bytes(b"no picture")
    result = run(suite_of("frozen"), replace(where, skip_corrupt=True))
    record = by_row(result.runs)["frozen", ""].record
    assert record.skipped_files == ["photo/cross/3.png"]
    assert (record.finetuning["photo"].n_trained, record.finetuning["sketch"].n_trained) == (14, 15)


# What cannot be fine-tuned.


def test_a_backbone_that_is_no_network_is_refused_before_pictures_are_looked_for(
    where: Where, pixels: None
) -> None:
    with pytest.raises(BenchmarkError, match=r"'pixels@flat' cannot be fine-tuned: .* Leave --finetune out"):
        prepared(suite_of("frozen", backbone="pixels"), replace(where, data_root=Path("nowhere")))


def test_features_that_came_with_the_data_are_refused(where: Where, tmp_path: Path) -> None:
    brought = tmp_path / "brought"
    brought.mkdir()
    for modality in ("sketch", "photo"):
        np.savez(brought / f"{modality}.npz", features=np.eye(4), labels=np.arange(4))
    (brought / "split.toml").write_text('unseen = ["0", "1"]\nvalidation = ["2"]\n')
    suite = suite_of("frozen", dataset="precomputed", backbone="efficientnet_lite0")
    with pytest.raises(BenchmarkError, match=r"asks for finetune 'seen'.*Leave finetune out"):
        prepared(suite, replace(where, data_root=brought))


def test_without_fabric_it_is_said_before_pictures_are_looked_for(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.finetuning.finetuned.find_spec", lambda name: None)
    with pytest.raises(BenchmarkError, match=r'pip install -e "\.\[finetune\]"'):
        prepared(suite_of("frozen"), replace(where, data_root=Path("nowhere")))
    prepared(suite_of("frozen", finetune="none"), where)


# The search for hyper-parameters.


def test_a_search_reads_networks_of_its_own_phase(
    where: Where, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(configs, "CONFIGS_DIR", tmp_path / "configs")
    split = tmp_path / "shapes" / "split.toml"
    split.write_text('unseen = ["circle"]\nvalidation = ["star", "wave"]\n')
    suite = suite_of("cca")
    data = prepared(suite, where)
    (of_run, of_tune) = (
        {own.key[:32] for own in data.features.fine_tunings(data.splits()[0], phase).values()}
        for phase in PHASES
    )
    tune_method("cca", suite, where, silent(), n_trials=1)
    assert set(networks(where)) == of_tune
    assert not of_tune & of_run
