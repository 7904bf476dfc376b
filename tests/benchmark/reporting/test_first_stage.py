"""Tables of runs on fine-tuned features: what the footnote says, and what may not stand side by side."""

import pytest

from benchmark.errors import BenchmarkError
from benchmark.reporting.comparison import compare
from benchmark.reporting.first_stage import first_stage, first_stage_text
from benchmark.reporting.footnotes import footnotes


def tuned(key="k", accuracy=0.9, best=3, precision="32-true", n_trained=900, n_held_out=100):
    return {
        "key": key * 64,
        "weights_sha256": key * 64,
        "recipe": {"max_epochs": 20},
        "n_trained": n_trained,
        "n_held_out": n_held_out,
        "n_epochs": best + 3,
        "best_epoch": best,
        "held_out_accuracy": accuracy,
        "seconds": 60.0,
        "devices": ["cuda:0"],
        "precision": precision,
    }


def both(**facts):
    return {"finetune": "seen", "finetuning": {"sketch": tuned(**facts), "photo": tuned(**facts)}}


def test_the_footnote_gives_means_over_splits_and_counts_of_all(make_run):
    of_splits = {
        "fold0": {"sketch": tuned(accuracy=0.8, best=2), "photo": tuned(accuracy=0.97, best=5)},
        "fold1": {
            "sketch": tuned(accuracy=0.7, best=9, n_trained=1100, n_held_out=120),
            "photo": tuned(accuracy=0.99, best=5, precision="bf16-mixed"),
        },
    }
    runs = [make_run(split=split, finetune="seen", finetuning=own) for split, own in of_splits.items()]
    text = first_stage_text(first_stage(run.record for run in runs))
    assert (
        "sketches 75.0% of 220 held out, after 2 to 9 of 5 or 12 passes over 2,000 (32-true, 120 s); "
        "photos 98.0% of 200 held out, after 5 of 8 passes over 1,800 (32-true, bf16-mixed, 120 s)."
    ) in text


def test_without_fine_tuning_there_is_no_footnote(make_run):
    comparison = compare([make_run()])
    assert "First stage" not in [note.label for note in footnotes(comparison, ["map@all"])]


def test_with_fine_tuning_there_is_one(make_run):
    comparison = compare([make_run(**both())])
    labels = [note.label for note in footnotes(comparison, ["map@all"])]
    assert labels.count("First stage") == 1


def test_the_row_before_fine_tuning_stands_beside_the_others(make_run):
    before = make_run("frozen", variant="before fine-tuning", finetune="seen")
    rows = compare([make_run("frozen", **both()), before]).rows
    assert {row.name for row in rows} == {"frozen", "frozen (before fine-tuning)"}


def test_runs_with_and_without_fine_tuning_are_refused_and_the_flag_named(make_run):
    with pytest.raises(BenchmarkError, match=r"finetune is 'none' in 1 \(cca\) and 'seen' in 1 .*--finetune"):
        compare([make_run("cca"), make_run(**both())])


def test_a_method_on_pictures_stands_beside_either(make_run):
    pictures = make_run("siamese", card={"input": "images"})
    for other in (make_run("cca"), make_run(**both())):
        assert len(compare([pictures, other]).rows) == 2


def test_a_method_on_pictures_is_not_named_in_the_refusal(make_run):
    pictures = make_run("siamese", card={"input": "images"})
    with pytest.raises(BenchmarkError) as caught:
        compare([pictures, make_run("cca"), make_run(**both())])
    assert "siamese" not in str(caught.value)


def test_rows_on_networks_of_different_recipes_are_refused(make_run):
    runs = [make_run("cca", **both(key="a")), make_run("centred", **both(key="b"))]
    told = r"networks fine-tuned for 'fold0' is 'a+, a+' in 1 \(cca\) and 'b+, b+' in 1 \(centred\)"
    with pytest.raises(BenchmarkError, match=told):
        compare(runs)


def test_rows_on_networks_trained_twice_by_one_recipe_are_refused(make_run):
    facts = {name: both(key="a") for name in ("cca", "centred")}
    for own in facts["centred"]["finetuning"].values():
        own["weights_sha256"] = "f" * 64
    with pytest.raises(BenchmarkError, match=r"'fold0' is .*cca.*centred.*--rerun all"):
        compare([make_run(name, **own) for name, own in facts.items()])


def test_a_row_on_newer_networks_supersedes_the_older_one(make_run):
    older = [make_run(name, **both(key="a")) for name in ("cca", "centred")]
    newer = [make_run(name, **both(key="b", accuracy=0.5)) for name in ("cca", "centred")]
    comparison = compare([*older, *newer])
    assert comparison.n_superseded == 2
    assert comparison.first_stage["fold0"]["sketch"].held_out_accuracy == 0.5


def test_seeds_on_different_networks_are_not_averaged(make_run):
    make = {"scores": {"map@all": [0.2] * 4}, "card": {"is_random": True}}
    runs = [
        make_run("zscmr", seed=0, **both(key="a"), **make),
        make_run("zscmr", seed=1, **both(key="b"), **make),
    ]
    (row,) = compare(runs).rows
    assert row.seeds == {"fold0": (1,)}
