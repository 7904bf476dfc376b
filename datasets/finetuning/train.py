"""The training loop: a classifier of the seen classes, on one device or several, resumed after a kill.

Lightning Fabric places the network, starts a process a device and chooses the precision; everything drawn
comes from seed, epoch and row, so that a resumed training is the one that was interrupted.
"""

from __future__ import annotations

import functools
import gc
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmark.errors import BenchmarkError
from datasets.backbones.network import NetworkBackbone
from datasets.devices import is_cuda
from datasets.finetuning.checkpoint import Kept, State, restore, save
from datasets.finetuning.items import TrainingItems, held_out
from datasets.finetuning.pictures import Share, TrainingPictures
from datasets.finetuning.processes import Parcel, errors_of_users, polled, processes_ended
from datasets.finetuning.recipe import Recipe
from datasets.preprocessing import Preprocessing
from datasets.progress import Progress
from datasets.settings import PLURALS, Modality

MOST_WORKERS = 16
WARM_UP_EPOCHS = 0.1

# Here and not in a function: it greets in every process, before anything of ours is called there.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Job:
    """One training. checkpoint: file of its state between passes. A copy goes to every device's process."""

    backbone: NetworkBackbone
    items: TrainingItems
    recipe: Recipe
    modality: Modality
    preprocessing: Preprocessing
    checkpoint: Path
    n_threads: int


class Classifier(nn.Module):
    """A backbone up to its layer, and a new linear layer over the seen classes."""

    def __init__(self, trunk: nn.Module, dim: int, n_classes: int) -> None:
        super().__init__()
        self.trunk, self.head = trunk, nn.Linear(dim, n_classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised (B, 3, S, S) -> (B, n_classes)."""
        return self.head(self.trunk(pictures))  # type: ignore[no-any-return]


def train(job: Job, devices: tuple[str, ...], progress: Progress | None = None) -> tuple[State, str]:
    """Train until held-out items say stop; return the state with the best weights, and the precision.

    devices: not more than `useful_devices` says. progress: called with (pictures trained on, pictures of all
    passes), on one device by every step, on several now and then. Raises BenchmarkError for a picture that
    cannot be read and for a loss that is not finite, and what else a training step raises.
    """
    on_gpu, n = is_cuda(devices[0]), len(devices)
    precision = _precision(on_gpu)
    numbers = [int(device.partition(":")[2] or 0) for device in devices]
    # A static graph may have parameters that no feature depends on, such as the head of a timm network.
    strategy: Any = DDPStrategy(start_method="spawn", static_graph=True) if n > 1 else "auto"
    fabric = Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        devices=numbers if on_gpu else n,
        strategy=strategy,
        precision=precision,
    )
    with errors_of_users():
        if n == 1:
            _train(fabric, job, progress)
        else:
            parcel = Parcel.of(job, with_backbone=job.backbone)
            with polled(job.checkpoint.with_suffix(".progress"), progress) as told, processes_ended():
                # As arguments of `launch`, Fabric would look for tensors in them, and refuses frozen classes.
                fabric.launch(functools.partial(_train_elsewhere, parcel=parcel, progress=told))
    return restore(job.checkpoint), precision


def useful_devices(
    devices: tuple[str, ...], *, n_trained: int, n_held_out: int, batch: int
) -> tuple[str, ...]:
    """Return as many devices as there is work for.

    Each needs two pictures a step, for batch normalisation, and a held-out one: the first of these makes the
    devices agree on the statistics of batch normalisation.
    """
    return devices[: max(1, min(n_trained // 2, batch // 2, n_held_out))]


def _precision(on_gpu: bool) -> Any:
    if not on_gpu:
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def _train_elsewhere(fabric: Fabric, parcel: Parcel, progress: Progress | None) -> None:
    job: Job = parcel.unpacked()
    torch.set_num_threads(max(1, job.n_threads // fabric.world_size))
    _train(fabric, job, progress)
    # Fabric destroys groups of NCCL only. The threads of another, alive while the interpreter ends and takes
    # down what they use, now and then abort the process after its work is done (SIGABRT). They live as long
    # as the wrapped network, which is part of a cycle: it goes first.
    gc.collect()
    torch.distributed.destroy_process_group()


def _train(fabric: Fabric, job: Job, progress: Progress | None) -> None:
    """What the process of every device does."""
    recipe, backbone = job.recipe, job.backbone
    torch.manual_seed(recipe.seed)
    model = Classifier(backbone.trainable(), backbone.card.dim, job.items.n_classes)
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(_groups(model, recipe))
    network, stepped = fabric.setup(model, optimizer)
    parts: dict[str, Kept] = {
        "network": model,
        "optimizer": optimizer,
        "precision": fabric.strategy.precision,
    }
    state = restore(job.checkpoint, parts)
    is_held_out = held_out(job.items, recipe.held_out_frac, recipe.seed)
    training, share = _loader(fabric, job, ~is_held_out, recipe.crop_frac)
    testing, _ = _loader(fabric, job, is_held_out, None)
    channels = job.backbone.normalisation(job.preprocessing)
    mean, std = torch.tensor([channels.mean, channels.std], device=fabric.device).view(2, 1, 3, 1, 1)

    def normalised(pixels: Tensor) -> Tensor:
        scaled: Tensor = (pixels.permute(0, 3, 1, 2).float() - mean) / std
        return scaled.contiguous(memory_format=torch.channels_last)

    n_steps, n_rows = len(training), int((~is_held_out).sum())
    while state.epoch < recipe.max_epochs and state.epoch - state.best_epoch < recipe.patience:
        start, share.epoch = time.perf_counter(), state.epoch
        torch.manual_seed(_dropout_seed(recipe.seed, state.epoch, fabric.global_rank))
        network.train()
        sums = torch.zeros(2, device=fabric.device)
        for step, (pixels, labels) in enumerate(training):
            at = state.epoch + step / n_steps
            for group in optimizer.param_groups:
                group["lr"] = group["top_lr"] * _schedule(at, recipe.max_epochs)
            loss = nn.functional.cross_entropy(network(normalised(pixels)), labels)
            fabric.backward(loss)
            stepped.step()
            stepped.zero_grad()
            sums += torch.stack([loss.detach(), torch.ones_like(loss)]) * len(labels)
            if progress is not None and fabric.is_global_zero:
                progress(round(at * n_rows), recipe.max_epochs * n_rows)
        loss_sum, n_trained = _summed(fabric, sums)
        state.epoch += 1
        if not math.isfinite(loss_sum):
            raise BenchmarkError(
                f"fine-tuning on {PLURALS[job.modality]} diverged in pass {state.epoch}: the loss is not a "
                "finite number. Give smaller `lr` and `head_lr` under [finetuning] in the suite."
            )
        accuracy = held_out_accuracy(fabric, network, testing, normalised, n=int(is_held_out.sum()))
        state.history.append(
            {
                "loss": loss_sum / n_trained,
                "held_out_accuracy": accuracy,
                "seconds": time.perf_counter() - start,
            }
        )
        if accuracy > state.best_accuracy:
            trunk = {name: tensor.detach().cpu().clone() for name, tensor in model.trunk.state_dict().items()}
            state.best_epoch, state.best_accuracy, state.best = state.epoch, accuracy, trunk
        if fabric.is_global_zero:
            save(job.checkpoint, state, parts)
    fabric.barrier()


def _dropout_seed(seed: int, epoch: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1)[0])


def _groups(model: Classifier, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters with their learning rates; biases and scales are not decayed."""
    groups = []
    for part, lr in ((model.trunk, recipe.lr), (model.head, recipe.head_lr)):
        parameters = [p for p in part.parameters() if p.requires_grad]
        for decay, own in (
            (recipe.weight_decay, [p for p in parameters if p.ndim > 1]),
            (0.0, [p for p in parameters if p.ndim <= 1]),
        ):
            groups.append({"params": own, "weight_decay": decay, "lr": lr, "top_lr": lr})
    return groups


def _schedule(epoch: float, max_epochs: int) -> float:
    """Linear start, then a cosine to 0."""
    return min(1.0, (epoch + 1e-3) / WARM_UP_EPOCHS) * 0.5 * (1 + math.cos(math.pi * epoch / max_epochs))


def _loader(fabric: Fabric, job: Job, rows: NDArray[np.bool_], crop_frac: float | None) -> tuple[Any, Share]:
    chosen = np.flatnonzero(rows)
    pictures = TrainingPictures(
        files=[job.items.files[i] for i in chosen.tolist()],
        labels=job.items.labels[chosen],
        size=job.backbone.card.image_size,
        preprocessing=job.preprocessing,
        modality=job.modality,
        crop_frac=crop_frac,
        seed=job.recipe.seed,
    )
    on_gpu, is_training = fabric.device.type == "cuda", crop_frac is not None
    share = Share(
        len(pictures),
        rank=fabric.global_rank,
        n_devices=fabric.world_size,
        seed=job.recipe.seed,
        shuffled=is_training,
    )
    # On a CPU reading is a small part, and a second process would take its cores from the arithmetic.
    n_workers = max(1, min(job.n_threads, MOST_WORKERS) // fabric.world_size) if on_gpu else 0
    batch = max(1, min(job.recipe.batch // fabric.world_size, len(share)))
    loader: Any = DataLoader(
        pictures,
        batch_size=batch,
        sampler=share,
        # One picture alone, the last of a pass, is what batch normalisation cannot take.
        drop_last=is_training and len(share) % batch == 1,
        num_workers=n_workers,
        pin_memory=on_gpu,
        persistent_workers=n_workers > 0,
    )
    return fabric.setup_dataloaders(loader, use_distributed_sampler=False), share


def held_out_accuracy(
    fabric: Fabric, network: nn.Module, testing: Any, normalised: Callable[[Tensor], Tensor], *, n: int
) -> float:
    """Share of the n held-out items that are classified rightly, over all devices."""
    network.eval()
    n_right = torch.zeros(1, device=fabric.device)
    with torch.inference_mode():
        for pixels, labels in testing:
            n_right += (network(normalised(pixels)).argmax(1) == labels).sum()
    return _summed(fabric, n_right)[0] / n


def _summed(fabric: Fabric, values: Tensor) -> list[float]:
    """Sums over all devices."""
    summed: Any = fabric.all_reduce(values, reduce_op="sum")
    return list(map(float, summed.tolist()))
