"""Weights that fine-tuning leaves behind: under which key, made once, used as a backbone."""

import dataclasses
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import datasets.finetuning.finetuned as finetuned
import datasets.finetuning.train as training
from benchmark.errors import BenchmarkError
from datasets.backbones import make_backbone
from datasets.backbones.weights import Weights
from datasets.features import extract
from datasets.finetuning.items import TrainingItems
from datasets.preprocessing import NORMALISATIONS, PRESETS


@pytest.fixture
def n_trainings(monkeypatch):
    """Return the list of trainings begun."""
    begun, train = [], training.train

    def counting(job, devices, progress=None):
        begun.append(job.checkpoint)
        return train(job, devices, progress)

    monkeypatch.setattr(training, "train", counting)
    return begun


def test_a_finished_one_is_not_trained_again(tuning, n_trainings):
    first = tuning().run(("cpu",))
    assert tuning().run(("cpu",)).weights_sha256() == first.weights_sha256()
    assert len(n_trainings) == 1


def test_a_finished_one_leaves_weights_and_report_alone(tuning):
    made = tuning()
    made.run(("cpu",))
    assert {path.name for path in made.folder.iterdir()} == {"weights.safetensors", "report.json"}


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_one_whose_report_is_damaged_is_trained_again(text, tuning, n_trainings):
    made = tuning()
    sha256 = made.run(("cpu",)).weights_sha256()
    (made.folder / "report.json").write_text(text)
    assert not made.is_done
    assert made.run(("cpu",)).weights_sha256() == sha256
    assert len(n_trainings) == 2


def test_what_a_kill_left_between_report_and_end_is_removed(tuning, n_trainings):
    made = tuning()
    made.run(("cpu",))
    (made.folder / "checkpoint.pt").write_bytes(b"of the last pass")
    made.run(("cpu",))
    assert not (made.folder / "checkpoint.pt").exists()
    assert len(n_trainings) == 1


def test_two_that_want_the_same_one_train_once(tuning, n_trainings):
    found, both = [], (tuning(), tuning())
    # Before the threads: the network's first weights are drawn from torch's one generator.
    assert both[0].key == both[1].key
    threads = [
        threading.Thread(target=lambda made=made: found.append(made.run(("cpu",)).weights_sha256()))
        for made in both
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(n_trainings) == 1
    assert len(set(found)) == 1
    assert len(found) == 2


def changed_label(items):
    return dataclasses.replace(items, labels=np.array([1, *items.labels[1:]]))


def changed_content(items):
    return dataclasses.replace(items, digests=["0" * 64, *items.digests[1:]])


def one_less(items):
    return TrainingItems(items.files[1:], items.digests[1:], items.labels[1:], 3)


def weights_of_a_file(tmp_path):
    network = make_backbone("small_net").build()
    save_file(network.state_dict(), tmp_path / "own.safetensors")
    return make_backbone("small_net", Weights(str(tmp_path / "own.safetensors")))


@pytest.mark.parametrize("change", [changed_label, changed_content, one_less])
def test_other_items_are_another_key(change, tuning, items):
    assert tuning(items=change(items)).key != tuning().key


@pytest.mark.parametrize(
    "change",
    [
        {"max_epochs": 4},
        {"patience": 2},
        {"held_out_frac": 0.2},
        {"batch": 4},
        {"lr": 1e-5},
        {"head_lr": 1e-5},
        {"weight_decay": 0.5},
        {"crop_frac": 1.0},
        {"seed": 1},
    ],
)
def test_another_recipe_is_another_key(change, tuning):
    assert tuning(**change).key != tuning().key


def test_other_weights_steps_or_pictures_are_another_key(tuning, tmp_path):
    others = [
        tuning(backbone=weights_of_a_file(tmp_path)),
        tuning(preprocessing=PRESETS["sake"]),
        tuning(preprocessing=dataclasses.replace(PRESETS["stretch"], normalisation="half")),
        tuning(modality="sketch", preprocessing=PRESETS["zse"]),
    ]
    assert len({made.key for made in (tuning(), *others)}) == 5


def test_neither_place_nor_order_of_the_files_is_in_the_key(tuning, items, tmp_path):
    order = np.random.default_rng(0).permutation(len(items))
    moved = TrainingItems(
        [tmp_path / "elsewhere" / items.files[i].name for i in order],
        [items.digests[i] for i in order],
        items.labels[order],
        3,
    )
    assert tuning(items=moved, cache_dir=tmp_path / "other").key == tuning().key


def test_features_are_those_of_the_weights_kept(tuning, items, tmp_path):
    made = tuning()
    backbone = made.run(("cpu",))
    features = extract(
        items.files[:3], items.digests[:3], backbone, modality="photo", cache_dir=tmp_path / "features"
    ).rows(np.arange(3))
    part, how = backbone.part(), NORMALISATIONS["imagenet"]
    for path, found in zip(items.files[:3], features, strict=True):
        pixels = made.preprocessing.picture(path, 16, "photo")
        normal = torch.tensor(((pixels - how.mean) / how.std).transpose(2, 0, 1), dtype=torch.float32)
        np.testing.assert_allclose(found, part(normal[None])[0].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_features_before_and_after_are_kept_apart(tuning, items, tmp_path):
    def of(backbone):
        places = {"modality": "photo", "cache_dir": tmp_path / "features"}
        return extract(items.files, items.digests, backbone, **places)

    made = tuning()
    before, after = of(made.backbone), of(made.run(("cpu",)))
    assert before.key != after.key
    assert not np.allclose(before.rows(np.arange(3)), after.rows(np.arange(3)))


def test_a_fine_tuned_backbone_speaks_of_itself(tuning):
    made = tuning()
    backbone = made.run(("cpu",))
    assert backbone.card.readout == "mean, fine-tuned on seen classes"
    assert backbone.weights_file().origin == "fine-tuned on seen classes"
    assert backbone.head() is None
    assert backbone.supervised_on == "unknown"


def test_weights_that_changed_since_are_refused(tuning):
    made = tuning()
    backbone = made.run(("cpu",))
    save_file({"body.0.bias": torch.zeros(8)}, made.folder / "weights.safetensors")
    with pytest.raises(BenchmarkError, match=r"not those that were written. Remove .*: the next run makes"):
        backbone.weights_file()


@pytest.mark.parametrize(("n", "n_classes", "told"), [(1, 3, "0 can be held out"), (2, 1, "1 are left")])
def test_too_few_items_are_said(n, n_classes, told, tuning, items, first):
    few = first(dataclasses.replace(items, n_classes=n_classes), n)
    with pytest.raises(BenchmarkError, match=rf"{n * n_classes} photos of {n_classes} seen .*{told}"):
        tuning(items=few).run(("cpu",))


def test_without_fabric_the_command_that_installs_it_is_named(tuning, monkeypatch):
    monkeypatch.setattr(finetuned, "find_spec", lambda name: None)
    with pytest.raises(BenchmarkError, match=r'lightning-fabric, .* pip install -e "\.\[finetune\]"'):
        tuning().run(("cpu",))


def test_making_one_reads_and_writes_nothing(tuning, items, tmp_path):
    missing = TrainingItems([tmp_path / "gone.png"] * len(items), items.digests, items.labels, 3)
    made = tuning(items=missing)
    assert (len(made.key), made.is_done, made.n_trained) == (64, False, 33)
    assert not (tmp_path / "cache").exists()
