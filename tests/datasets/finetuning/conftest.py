"""Pictures of three classes that a small network can tell apart, and trainings of them."""

import dataclasses
import sys

import numpy as np
import pytest
from PIL import Image

import datasets.finetuning.train as training
from datasets.backbones import make_backbone
from datasets.finetuning.finetuned import FineTuning
from datasets.finetuning.items import TrainingItems
from datasets.finetuning.recipe import Recipe
from datasets.pictures import file_sha256
from datasets.preprocessing import DEFAULT

N_CLASSES, N_OF_CLASS = 3, 13
QUICK = Recipe(max_epochs=3, patience=3, batch=8, lr=3e-3, head_lr=1e-2)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Files of noise around a colour of each class, class by class."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    files = []
    for label in range(N_CLASSES):
        colour = np.eye(3)[label] * 60 + 90
        for i in range(N_OF_CLASS):
            path = folder / f"{label}-{i}.png"
            pixels = colour + rng.normal(0, 60, (20, 20, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
            files.append(path)
    return files


@pytest.fixture(scope="session")
def items(pictures):
    labels = np.repeat(np.arange(N_CLASSES), N_OF_CLASS)
    return TrainingItems(pictures, [file_sha256(path) for path in pictures], labels, N_CLASSES)


@pytest.fixture
def first():
    """Return the first n items of each class."""

    def take(items, n):
        rows = [
            row
            for label in range(items.n_classes)
            for row in np.flatnonzero(items.labels == label)[:n].tolist()
        ]
        return TrainingItems(
            [items.files[row] for row in rows],
            [items.digests[row] for row in rows],
            items.labels[rows],
            items.n_classes,
        )

    return take


@pytest.fixture
def tuning(small_net, items, tmp_path):
    """Return a fine-tuning of `small_net`; changes: of its fields, or of its recipe."""

    def make(**changes):
        fields = {field.name for field in dataclasses.fields(FineTuning)}
        own = {name: changes.pop(name) for name in fields & set(changes)}
        return FineTuning(
            **{
                "backbone": make_backbone("small_net"),
                "items": items,
                "recipe": QUICK.model_copy(update=changes),
                "modality": "photo",
                "preprocessing": DEFAULT,
                "cache_dir": tmp_path / "cache",
                **own,
            }
        )

    return make


@pytest.fixture
def logged(small_net, tmp_path):
    """A preprocessing that writes down what it reads, and a function that returns (process, edge, file)."""
    kind = next(
        vars(module)["Logged"]
        for name, module in sys.modules.items()
        if name.startswith("zs_sbir_plugin_small_net")
    )
    log = tmp_path / "read.txt"

    def lines():
        found = (line.split(" ", 2) for line in log.read_text(encoding="utf-8").splitlines())
        return [(int(process), int(edge), path) for process, edge, path in found]

    return kind("logged", "nobody", log=log), lines


@pytest.fixture
def scripted(monkeypatch):
    """Let the accuracy of each pass be what a test says."""

    def script(*accuracies):
        told = iter(accuracies)
        monkeypatch.setattr(training, "held_out_accuracy", lambda *args, **kwargs: next(told))

    return script


@pytest.fixture
def passes(monkeypatch):
    """Return the states of the network after every pass, as they were when the pass ended."""
    seen, save = [], training.save

    def keeping(path, state, parts):
        seen.append({name: tensor.clone() for name, tensor in parts["network"].state_dict().items()})
        save(path, state, parts)

    monkeypatch.setattr(training, "save", keeping)
    return seen
