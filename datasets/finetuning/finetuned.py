"""The paper's first stage: one backbone a modality, fine-tuned as a classifier of the seen classes alone.

Weights are kept in the cache under a key of everything they depend on: the pretrained weights, the contents
and labels of the training items, what is done to the pictures, and the recipe.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.backbones import Backbone, FeatureFunction
from datasets.backbones.network import NetworkBackbone, feature_function
from datasets.backbones.weights import WeightsFile
from datasets.features import folder_name
from datasets.files import write_whole
from datasets.finetuning.items import TrainingItems, held_out
from datasets.finetuning.recipe import VERSION, Recipe
from datasets.pictures import file_sha256
from datasets.preprocessing import Normalisation, Preprocessing
from datasets.progress import Progress
from datasets.settings import PLURALS, Modality
from datasets.threads import n_threads

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class FineTuning:
    """What is to be fine-tuned, and where the result is kept. Nothing is read or trained by making one."""

    backbone: NetworkBackbone
    items: TrainingItems
    recipe: Recipe
    modality: Modality
    preprocessing: Preprocessing
    cache_dir: Path

    @functools.cached_property
    def key(self) -> str:
        """Hex sha256 of everything that the weights depend on but machine and rounding.

        Not the order of the items: they train in that of their contents.
        """
        rows = sorted(zip(self.items.digests, self.items.labels.tolist(), strict=True))
        content = {
            "version": VERSION,
            "backbone": self.backbone.card.id,
            "weights": self.backbone.weights_sha256(),
            "pictures": self.preprocessing.of_pictures(self.modality),
            "steps": self.backbone.steps(self.preprocessing),
            "items": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
            "n_classes": self.items.n_classes,
            "recipe": self.recipe.model_dump(),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @functools.cached_property
    def is_held_out(self) -> NDArray[np.bool_]:
        """(n,), True for the items that say when to stop."""
        return held_out(self.items, self.recipe.held_out_frac, self.recipe.seed)

    @property
    def n_trained(self) -> int:
        """Pictures of a pass."""
        return int((~self.is_held_out).sum())

    @property
    def folder(self) -> Path:
        """Of checkpoint, weights and report."""
        return self.cache_dir / "finetuned" / folder_name(self.backbone.card.id) / self.key[:32]

    @property
    def is_done(self) -> bool:
        """Whether the weights are there."""
        return read_report(self.folder) is not None and (self.folder / "weights.safetensors").is_file()

    def report(self) -> dict[str, Any]:
        """Return what was done and measured, after `run`."""
        report = read_report(self.folder)
        assert report is not None  # `run` writes it, and makes a damaged one anew
        return report

    def run(self, devices: Sequence[str], progress: Progress | None = None) -> FinetunedBackbone:
        """Return the fine-tuned backbone, training it, or going on with it, if need be.

        A second process that wants the same one waits for the first. Raises BenchmarkError where a package is
        missing or the items are too few.
        """
        if not self.is_done:
            require_packages()
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint = self.folder / "checkpoint.pt"
        with FileLock(self.folder.with_suffix(".lock")):
            if not self.is_done:
                self._train(checkpoint, tuple(devices), progress)
            checkpoint.unlink(missing_ok=True)
        return self.result()

    def result(self) -> FinetunedBackbone:
        """Return the fine-tuned backbone, after `run`."""
        return FinetunedBackbone(self.backbone, self.folder)

    def _train(self, checkpoint: Path, devices: tuple[str, ...], progress: Progress | None) -> None:
        import torch
        from safetensors.torch import save_file

        from datasets.finetuning.train import Job, train, useful_devices

        n_trained, n_held_out = self.n_trained, int(self.is_held_out.sum())
        if not n_held_out or n_trained < 2:
            raise BenchmarkError(
                f"fine-tuning on {len(self.items)} {PLURALS[self.modality]} of {self.items.n_classes} seen "
                f"classes: {n_held_out} can be held out to say when to stop, and {n_trained} are left to "
                "train on. It needs classes of more than one picture."
            )
        used = useful_devices(devices, n_trained=n_trained, n_held_out=n_held_out, batch=self.recipe.batch)
        job = Job(
            self.backbone,
            self.items.in_order(),
            self.recipe,
            self.modality,
            self.preprocessing,
            checkpoint,
            n_threads(),
        )
        state, precision = train(job, used, progress)
        weights = self.folder / "weights.safetensors"
        temporary = weights.with_suffix(".writing")
        save_file({name: tensor.contiguous() for name, tensor in state.best.items()}, temporary)
        temporary.replace(weights)
        report = {
            "key": self.key,
            "backbone": self.backbone.card.id,
            "modality": self.modality,
            "recipe": self.recipe.model_dump(),
            "n_classes": self.items.n_classes,
            "n_trained": n_trained,
            "n_held_out": n_held_out,
            "n_epochs": state.epoch,
            "best_epoch": state.best_epoch,
            "held_out_accuracy": state.best_accuracy,
            "seconds": sum(own["seconds"] for own in state.history),
            "history": state.history,
            "devices": list(used),
            "precision": precision,
            "torch": str(torch.__version__),
            "weights_sha256": file_sha256(weights),
        }
        # Last: with it the training counts as done.
        write_whole(self.folder / "report.json", json.dumps(report, indent=2, allow_nan=False))


def read_report(folder: Path) -> dict[str, Any] | None:
    """Return what a training wrote of itself; None where it did not end, or the file is damaged."""
    try:
        content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "weights_sha256" in content else None


def require_packages() -> None:
    """Raise BenchmarkError, with what to install, where a package is missing that fine-tuning needs."""
    if find_spec("lightning_fabric") is None:
        raise BenchmarkError(
            "fine-tuning needs the Python package lightning-fabric, which is not installed. Run: "
            'pip install -e ".[finetune]"'
        )


class FinetunedBackbone(Backbone):
    """A backbone with weights that fine-tuning left in a folder. report: what was done and measured."""

    family = ""  # made by `FineTuning`, not by an id

    def __init__(self, base: NetworkBackbone, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.layers, self.model, self.layer, self.weights = base.layers, base.model, base.layer, base.weights
        self.report = read_report(folder) or {}
        self.card = replace(base.card, readout=f"{base.card.readout}, fine-tuned on seen classes")

    def weights_file(self) -> WeightsFile:
        """Return the file that fine-tuning wrote. Raises BenchmarkError for one that changed since."""
        path = self.folder / "weights.safetensors"
        sha256 = self.weights.sha256(path)
        if sha256 != self.report.get("weights_sha256"):
            raise BenchmarkError(
                f"fine-tuned weights {path} are not those that were written. Remove {self.folder}: the next "
                "run makes them anew."
            )
        return WeightsFile(path, sha256, "fine-tuned on seen classes", is_published=False)

    def part(self) -> nn.Module:
        """Return the network up to the layer with the fine-tuned weights, on the CPU."""
        from safetensors.torch import load_file

        path = self.weights_file().path
        assert path is not None  # fine-tuned weights lie in a file
        part = self.base.empty()
        part.load_state_dict(load_file(path))
        return part.eval()

    def load(self, device: str, normalisation: Normalisation) -> FeatureFunction:
        """Return the feature function on a device; see `Backbone`."""
        part = self.base.optimised(self.part())
        return feature_function(part, device, normalisation, cpu_batch=self.base.cpu_batch)
