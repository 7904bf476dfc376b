"""A training that was killed goes on where it was, and comes to the same weights."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import datasets.finetuning.checkpoint as checkpoint
import datasets.finetuning.train as training
from benchmark.errors import BenchmarkError

SCRIPT = Path(__file__).with_name("train_until_killed.py")
LIMIT_S = 120


def weights(made):
    return load_file(made.folder / "weights.safetensors")


def are_equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def whole(tuning, tmp_path):
    """A training that nothing interrupted."""
    made = tuning(max_epochs=5, patience=5, cache_dir=tmp_path / "whole")
    made.run(("cpu",))
    return made


@pytest.fixture
def interrupted(tuning, monkeypatch):
    """A training that ended after some passes, by an exception in the middle of the next one's end."""

    def make(n_passes):
        made, save, n_saved = tuning(max_epochs=5, patience=5), training.save, 0

        def failing(*arguments):
            nonlocal n_saved
            if n_saved == n_passes:
                raise KeyboardInterrupt
            save(*arguments)
            n_saved += 1

        with monkeypatch.context() as patch:
            patch.setattr(training, "save", failing)
            with pytest.raises(KeyboardInterrupt):
                made.run(("cpu",))
        return made

    return make


def test_a_killed_process_is_gone_on_from_its_last_pass_to_the_same_weights(tuning, whole, tmp_path):
    made, content = tuning(max_epochs=5, patience=5), tmp_path / "pictures.json"
    content.write_text(
        json.dumps(
            {
                "files": [str(path) for path in made.items.files],
                "digests": made.items.digests,
                "labels": made.items.labels.tolist(),
                "n_classes": made.items.n_classes,
            }
        )
    )
    recipe = made.recipe.model_dump_json()
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(content), str(made.cache_dir), recipe])
    path, end = made.folder / "checkpoint.pt", time.monotonic() + LIMIT_S
    while not path.is_file() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert process.poll() is None
    process.kill()
    process.wait()
    first = checkpoint.restore(path)
    assert first.epoch == 1
    assert not made.is_done

    made.run(("cpu",))
    history = made.report()["history"]
    assert (len(history), history[0]) == (5, first.history[0])
    assert are_equal(weights(made), weights(whole))


@pytest.mark.parametrize("n_passes", [0, 1, 3])
def test_an_interrupted_training_comes_to_the_weights_of_a_whole_one(n_passes, interrupted, whole, passes):
    made = interrupted(n_passes)
    made.run(("cpu",))
    assert len(passes) == 5  # those before and those after: none twice
    assert are_equal(weights(made), weights(whole))
    assert [own["loss"] for own in made.report()["history"]] == [
        own["loss"] for own in whole.report()["history"]
    ]


def test_patience_is_counted_over_an_interruption(tuning, monkeypatch, scripted, passes):
    made, save = tuning(max_epochs=9, patience=2), training.save

    def interrupting(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "save", interrupting)
        for accuracy in (0.5, 0.4):
            scripted(accuracy)
            with pytest.raises(KeyboardInterrupt):
                made.run(("cpu",))
    scripted(0.3)
    made.run(("cpu",))
    assert (made.report()["n_epochs"], made.report()["best_epoch"]) == (3, 1)


@pytest.mark.parametrize("damage", ["cut", "emptied", "of another kind"])
def test_a_damaged_checkpoint_starts_again(damage, interrupted, whole, passes):
    made = interrupted(2)
    path = made.folder / "checkpoint.pt"
    if damage == "of another kind":
        torch.save({"state": {}}, path)
    else:
        path.write_bytes(path.read_bytes()[: 1000 if damage == "cut" else 0])
    passes.clear()
    made.run(("cpu",))
    assert len(passes) == 5
    assert are_equal(weights(made), weights(whole))


def test_a_checkpoint_that_was_being_written_does_not_count(interrupted, whole):
    made = interrupted(2)
    (made.folder / "checkpoint.writing").write_bytes(b"half of")
    made.run(("cpu",))
    assert are_equal(weights(made), weights(whole))
    assert {path.name for path in made.folder.iterdir()} == {"weights.safetensors", "report.json"}


def test_without_its_report_a_training_does_not_count_as_done(whole):
    before = weights(whole)
    (whole.folder / "report.json").unlink()
    assert not whole.is_done
    whole.run(("cpu",))
    assert are_equal(weights(whole), before)


def test_a_checkpoint_of_another_network_is_said(tuning):
    made = tuning()
    made.folder.mkdir(parents=True)
    content = {"state": vars(checkpoint.State()), "parts": {"network": {}, "optimizer": {}, "precision": {}}}
    torch.save(content, made.folder / "checkpoint.pt")
    with pytest.raises(BenchmarkError, match=r"checkpoint\.pt, is of another version .* Remove the file"):
        made.run(("cpu",))
