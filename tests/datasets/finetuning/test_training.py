"""The training loop on one device: what it reads, when it stops, what it keeps."""

from collections import Counter

import numpy as np
import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.backbones import make_backbone
from datasets.finetuning.items import TrainingItems, held_out
from datasets.finetuning.train import Classifier, Job, train, useful_devices
from datasets.preprocessing import DEFAULT

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def accuracy_by_hand(state, items, recipe):
    """Accuracy of a state of the network on held-out items, one picture at a time."""
    network = Classifier(make_backbone("small_net").empty(), 16, items.n_classes)
    network.load_state_dict(state)
    network.eval()
    right = []
    for row in np.flatnonzero(held_out(items, recipe.held_out_frac, recipe.seed)).tolist():
        picture = DEFAULT.picture(items.files[row], 16, "photo") / 255
        pixels = torch.tensor(((picture - MEAN) / STD).transpose(2, 0, 1), dtype=torch.float32)
        right.append(int(network(pixels[None]).argmax()) == items.labels[row])
    return float(np.mean(right))


def test_the_accuracy_of_every_pass_is_that_of_its_weights(tuning, passes):
    made = tuning(max_epochs=4, patience=4)
    made.run(("cpu",))
    expected = [accuracy_by_hand(state, made.items, made.recipe) for state in passes]
    assert [own["held_out_accuracy"] for own in made.report()["history"]] == pytest.approx(expected)
    assert made.report()["held_out_accuracy"] == max(expected)
    assert len(set(expected)) > 1


def test_it_learns(tuning):
    made = tuning(max_epochs=8, patience=8)
    made.run(("cpu",))
    losses = [own["loss"] for own in made.report()["history"]]
    assert made.report()["held_out_accuracy"] > 0.6
    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.parametrize(
    ("accuracies", "patience", "n_epochs", "best"),
    [
        ((0.2, 0.5, 0.4, 0.3), 2, 4, 2),  # two passes without a better one
        ((0.2, 0.5, 0.5, 0.5), 2, 4, 2),  # an equal one is no better one
        ((0.2, 0.1, 0.5, 0.4, 0.3), 2, 5, 3),  # counted anew after a better one
        ((0.0, 0.0), 1, 2, 1),  # none right is an accuracy too
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 2, 6, 6),  # at most six
    ],
)
def test_it_stops_after_passes_without_a_better_accuracy_and_keeps_the_best(
    accuracies, patience, n_epochs, best, tuning, scripted, passes
):
    scripted(*accuracies)
    made = tuning(max_epochs=6, patience=patience)
    backbone = made.run(("cpu",))
    report = made.report()
    assert (report["n_epochs"], report["best_epoch"]) == (n_epochs, best)
    assert report["held_out_accuracy"] == accuracies[best - 1]
    of_best = {name: t for name, t in passes[best - 1].items() if name.startswith("trunk.")}
    kept = backbone.part().state_dict()
    assert {f"trunk.{name}" for name in kept} == set(of_best)
    assert all(torch.equal(tensor, of_best[f"trunk.{name}"]) for name, tensor in kept.items())
    statistics = "body.1.running_mean"  # of batch normalisation, which no gradient moves
    others = [state for number, state in enumerate(passes) if number != best - 1]
    assert not any(torch.equal(kept[statistics], state[f"trunk.{statistics}"]) for state in others)


def test_parameters_and_statistics_start_from_the_backbone_s(tuning, passes):
    made = tuning(max_epochs=1, lr=1e-30, head_lr=1e-30)
    made.run(("cpu",))
    before = made.backbone.trainable().state_dict()
    after = {name.removeprefix("trunk."): t for name, t in passes[0].items() if name.startswith("trunk.")}
    moved = {name for name in before if not torch.allclose(before[name].float(), after[name].float())}
    assert moved == {
        f"body.{layer}.{name}"
        for layer in (1, 5)
        for name in ("running_mean", "running_var", "num_batches_tracked")
    }


def test_every_training_item_is_read_once_a_pass_and_every_held_out_one(tuning, logged):
    preprocessing, lines = logged
    made = tuning(preprocessing=preprocessing, max_epochs=2)
    made.run(("cpu",))
    is_held_out = held_out(made.items, 0.1, 0)
    by_edge = {size: Counter(path for _, edge, path in lines() if edge == size) for size in (19, 16)}
    trained = {str(path) for path, own in zip(made.items.files, is_held_out, strict=True) if not own}
    tested = {str(path) for path in made.items.files} - trained
    # 33 pictures in batches of eight leave one over: 32 a pass. 19 pixels are the edge that 16 are cut from.
    assert len(trained) == 33
    assert (sum(by_edge[19].values()), max(by_edge[19].values())) == (64, 2)
    assert set(by_edge[19]) <= trained
    assert by_edge[16] == dict.fromkeys(tested, 2)


def test_a_last_batch_of_two_is_trained_on(tuning, items, first, logged):
    preprocessing, lines = logged
    made = tuning(items=first(items, 12), preprocessing=preprocessing, max_epochs=1, batch=14)
    made.run(("cpu",))
    # 12 of each class less 2 held out: 30 = 14 + 14 + 2.
    assert len({path for _, edge, path in lines() if edge == 19}) == 30


def test_fewer_pictures_than_a_batch_are_one_batch(tuning, items, first, passes):
    made = tuning(items=first(items, 3), batch=64, max_epochs=2)
    made.run(("cpu",))
    assert made.report()["n_trained"] == 6
    assert int(passes[-1]["trunk.body.1.num_batches_tracked"]) == 2


def test_the_loss_of_a_pass_is_a_mean_over_the_pictures_trained_on(tuning, monkeypatch):
    # As if the loss of a picture were its label: batches of 14, 14 and 5 with eleven each of 0, 1 and 2.
    monkeypatch.setattr(
        torch.nn.functional, "cross_entropy", lambda logits, labels: 0 * logits.sum() + labels.float().mean()
    )
    made = tuning(max_epochs=3, batch=14)
    made.run(("cpu",))
    assert [own["loss"] for own in made.report()["history"]] == pytest.approx([1.0, 1.0, 1.0])


def test_a_picture_that_a_pass_leaves_out_is_not_counted_in_its_loss(tuning, monkeypatch):
    monkeypatch.setattr(torch.nn.functional, "cross_entropy", lambda logits, labels: 0 * logits.sum() + 1)
    made = tuning(max_epochs=1, batch=16)  # 32 of 33
    made.run(("cpu",))
    assert made.report()["history"][0]["loss"] == 1.0


def test_on_a_cpu_it_computes_in_single_precision(tuning):
    made = tuning(max_epochs=1)
    backbone = made.run(("cpu",))
    assert made.report()["precision"] == "32-true"
    floats = {t.dtype for t in backbone.part().state_dict().values() if t.is_floating_point()}
    assert floats == {torch.float32}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_computes_in_mixed_precision_and_keeps_single(tuning):
    made = tuning(max_epochs=8, patience=8)
    backbone = made.run(("cuda:0",))
    assert made.report()["precision"] in ("bf16-mixed", "16-mixed")
    assert made.report()["held_out_accuracy"] > 0.6
    floats = {t.dtype for t in backbone.part().state_dict().values() if t.is_floating_point()}
    assert floats == {torch.float32}


def test_a_loss_that_is_not_finite_is_said(tuning):
    with pytest.raises(BenchmarkError, match=r"photos diverged in pass 1: .* smaller `lr` and `head_lr`"):
        tuning(lr=1e30, head_lr=1e30).run(("cpu",))


def test_a_picture_that_cannot_be_read_is_the_user_s_error(tuning, items, tmp_path):
    missing = TrainingItems([tmp_path / "gone.png", *items.files[1:]], items.digests, items.labels, 3)
    with pytest.raises(BenchmarkError, match=r"gone\.png"):
        tuning(items=missing).run(("cpu",))


def test_progress_counts_pictures_of_all_passes(tuning):
    told = []
    tuning(max_epochs=2).run(("cpu",), lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {66}
    done = [done for done, _ in told]
    assert done == sorted(done)
    assert (done[0], 33 <= done[-1] <= 66) == (0, True)


@pytest.mark.parametrize(
    ("n_trained", "n_held_out", "batch", "expected"),
    [(100, 10, 64, 4), (7, 10, 64, 3), (100, 2, 64, 2), (100, 10, 5, 2), (2, 1, 2, 1), (3, 10, 64, 1)],
)
def test_no_more_devices_are_used_than_have_two_pictures_a_step_and_a_held_out_one(
    n_trained, n_held_out, batch, expected
):
    devices = ("cuda:0", "cuda:1", "cuda:2", "cuda:3")
    used = useful_devices(devices, n_trained=n_trained, n_held_out=n_held_out, batch=batch)
    assert used == devices[:expected]


def test_the_state_after_a_training_is_the_one_returned(tuning, tmp_path):
    made = tuning(max_epochs=2)
    job = Job(made.backbone, made.items, made.recipe, "photo", DEFAULT, tmp_path / "state.pt", 1)
    state, _ = train(job, ("cpu",))
    assert (state.epoch, len(state.history)) == (2, 2)
    assert set(state.best) == set(made.backbone.trainable().state_dict())
