"""Which stored runs a table is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.codes.term import CodeKind
from benchmark.errors import BenchmarkError
from benchmark.records import Protocol, Record, StoredRun
from benchmark.selection import Selection
from benchmark.suite import load_suite
from metrics import ENGINE_VERSION

Stored = Callable[..., StoredRun]


@pytest.fixture
def stored() -> Stored:
    """A stored run of the default suite's terms; keyword arguments change record or protocol."""

    def make(**changes: object) -> StoredRun:
        text = dict.fromkeys(Protocol.model_fields, "-")
        protocol = {**text, "dataset": "emoji54", "protocol": "cross-artist", "split": "fold0", "width": 64}
        protocol |= {"codes": "real", "metric_engine": ENGINE_VERSION, "setting": "zs", "queries": "all"}
        protocol |= {
            "direction": "sketch2photo",
            "relevance": "category",
            "preprocessing": "stretch: plainly",
        }
        protocol |= {name: changes.pop(name) for name in list(changes) if name in Protocol.model_fields}
        record = {
            **dict.fromkeys(("run_id", "identity", "started", "weights_sha256", "source_sha256"), "-"),
            **dict.fromkeys(("config_source", "fingerprint", "backbone_preprocessing"), "-"),
            **{"status": "complete", "method": "zscmr", "seed": 0, "backbone": "efficientnet_lite0"},
            **{"config": {}, "card": {}, "environment": {}, "protocol": Protocol(**protocol)},
        }
        return StoredRun(Path("nowhere"), Record(**{**record, **changes}))

    return make


def held(suite: str, *runs: StoredRun) -> list[bool]:
    selection = Selection.of_suite(load_suite(suite)[0], runs)
    return [selection.holds(run.record) for run in runs]


def test_the_default_suite_holds_its_rows_and_no_variant(stored: Stored) -> None:
    assert held("default", stored(), stored(variant="smoke"), stored(method="mine")) == [True, False, False]


def test_the_default_suite_holds_its_protocol_and_seed_only(stored: Stored) -> None:
    assert held("default", stored(protocol="same-artist"), stored(seed=1)) == [False, False]


def test_a_suite_holds_runs_of_the_present_metric_engine_only(stored: Stored) -> None:
    assert held("default", stored(metric_engine="1"), stored()) == [False, True]


def test_a_suite_holds_runs_of_its_codes_only(stored: Stored) -> None:
    assert held("default", stored(codes="sign"), stored(codes="itq, 64 bits")) == [False, False]
    suite = load_suite("default")[0].model_copy(update={"codes": CodeKind.ITQ, "bits": 32})
    runs = [stored(codes=text) for text in ("itq, 32 bits", "itq, 64 bits", "real")]
    assert [Selection.of_suite(suite, runs).holds(run.record) for run in runs] == [True, False, False]


def test_the_smoke_suite_holds_smoke_rows_and_the_ordinary_rows_of_methods_without_one(
    stored: Stored,
) -> None:
    runs = (stored(variant="smoke"), stored(), stored(method="frozen"))
    assert held("smoke", *runs) == [True, False, True]


def test_the_full_suite_holds_every_method_there_is(stored: Stored) -> None:
    assert held("full", stored(method="mine", seed=2), stored(variant="smoke")) == [True, False]


def test_the_ablation_holds_its_variants(stored: Stored) -> None:
    runs = (stored(variant="without triplets"), stored(variant="smoke"))
    assert held("zscmr-ablation", *runs) == [True, False]


def test_folder_stands_for_every_folder_data_set(stored: Stored) -> None:
    selection = Selection(dataset="folder")
    runs = (stored(dataset="folder_mine"), stored())
    assert [selection.holds(run.record) for run in runs] == [True, False]


def test_an_empty_choice_says_what_there_is(stored: Stored) -> None:
    with pytest.raises(
        BenchmarkError, match=r"fits: looked for sketchy\. There are runs of: emoji54 \(zscmr\)"
    ):
        Selection(dataset="sketchy").of([stored()])
    with pytest.raises(
        BenchmarkError, match=r"looked for emoji54 with .*centred, .*zscmr\. There .* nothing yet"
    ):
        Selection.of_suite(load_suite("default")[0], ()).of([])


def test_runs_of_another_metric_engine_are_named_as_such(stored: Stored) -> None:
    selection = Selection.of_suite(load_suite("default")[0], ())
    with pytest.raises(BenchmarkError, match=rf"1 stored runs .* engine 1, not by {ENGINE_VERSION}\..*again"):
        selection.of([stored(metric_engine="1")])


def test_itq_codes_ask_for_every_seed_of_a_method_without_randomness(stored: Stored) -> None:
    for codes, gaps in {"real": [], "itq, 64 bits": ["frozen on fold0 seed 1"]}.items():
        run = stored(method="frozen", codes=codes, card={"is_random": False})
        selection = Selection(rows=frozenset({("frozen", "")}), seeds=(0, 1), splits=("fold0",))
        assert selection.missing([run]) == gaps


def test_what_a_suite_lacks_is_named(stored: Stored) -> None:
    runs = [stored(seed=seed, variant="without triplets", card={"is_random": True}) for seed in (0, 2)]
    selection = Selection.of_suite(load_suite("zscmr-ablation")[0], runs)
    missing = Selection(rows=selection.rows, seeds=selection.seeds, splits=("fold0",)).missing(runs)
    assert "zscmr (without triplets) on fold0 seed 1" in missing
    assert {"centred", "zscmr", "zscmr (without decoders)"} <= set(missing)


def test_fine_tuning_chooses_among_runs_on_features_alone(stored: Stored) -> None:
    plain, tuned = stored(), stored(finetune="seen")
    pictures = stored(method="siamese", card={"input": "images"})
    assert Selection(finetune="seen").of([plain, tuned, pictures]) == (tuned, pictures)
    assert Selection(finetune="none").of([plain, tuned, pictures]) == (plain, pictures)


def test_a_fine_tuned_suite_asks_for_frozen_before_and_after(stored: Stored) -> None:
    suite = load_suite("default")[0].model_copy(update={"methods": ("zscmr",), "finetune": "seen"})
    selection = Selection.of_suite(suite, [])
    assert selection.rows == {("zscmr", ""), ("frozen", ""), ("frozen", "before fine-tuning")}
    assert not selection.holds(stored().record)
