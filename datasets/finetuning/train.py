"""The training loop: a classifier of the seen classes, on one device or several, resumed after a kill.

Lightning Fabric places the network, starts a process a device and chooses the precision; everything drawn
comes from seed, epoch and row, so that a resumed training is the one that was interrupted.
"""

from __future__ import annotations

import functools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from datasets.backbones.network import NetworkBackbone
from datasets.devices import is_cuda
from datasets.files import write_whole
from datasets.finetuning.checkpoint import State, restore, save
from datasets.finetuning.items import TrainingItems, held_out
from datasets.finetuning.pictures import Share, TrainingPictures
from datasets.finetuning.recipe import Recipe
from datasets.preprocessing import Preprocessing
from datasets.progress import Progress
from datasets.settings import Modality

MOST_WORKERS = 16
WARM_UP_EPOCHS = 0.1
_POLL_S = 1.0


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

    progress: called with (pictures trained on, pictures of all passes), on one device by every step, on
    several now and then. Raises what a training step raises.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets every process
    on_gpu, n = is_cuda(devices[0]), len(devices)
    precision = _precision(on_gpu)
    numbers = [int(device.partition(":")[2] or 0) for device in devices]
    fabric = Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        devices=numbers if on_gpu else n,
        strategy="ddp_spawn" if n > 1 else "auto",
        precision=precision,
    )
    if n == 1:
        _train(fabric, job, progress)
    else:
        with _polled(job.checkpoint.with_suffix(".progress"), progress) as told:
            # As arguments of `launch`, Fabric would look for tensors in them, and refuses frozen classes.
            fabric.launch(functools.partial(_train, job=job, progress=told))
    return restore(job.checkpoint), precision


def _precision(on_gpu: bool) -> Any:
    if not on_gpu:
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def _train(fabric: Fabric, job: Job, progress: Progress | None) -> None:
    """What the process of every device does."""
    recipe, backbone = job.recipe, job.backbone
    torch.manual_seed(recipe.seed)
    model = Classifier(backbone.trainable(), backbone.card.dim, job.items.n_classes)
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(_groups(model, recipe))
    network, stepped = fabric.setup(model, optimizer)
    state = restore(job.checkpoint, model, optimizer)
    is_held_out = held_out(job.items, recipe.held_out_frac, recipe.seed)
    training, share = _loader(fabric, job, ~is_held_out, recipe.crop_frac)
    testing, _ = _loader(fabric, job, is_held_out, None)
    channels = job.backbone.normalisation(job.preprocessing)
    mean, std = torch.tensor([channels.mean, channels.std], device=fabric.device).view(2, 1, 3, 1, 1)

    def normalised(pixels: Tensor) -> Tensor:
        scaled: Tensor = (pixels.float() - mean) / std
        return scaled.contiguous(memory_format=torch.channels_last)

    n_steps, n_rows = len(training), int((~is_held_out).sum())
    while state.epoch < recipe.max_epochs and state.epoch - state.best_epoch < recipe.patience:
        start, share.epoch = time.perf_counter(), state.epoch
        torch.manual_seed(_dropout_seed(recipe.seed, state.epoch, fabric.global_rank))
        network.train()
        loss_sum = torch.zeros(1, device=fabric.device)
        for step, (pixels, labels) in enumerate(training):
            at = state.epoch + step / n_steps
            for group in optimizer.param_groups:
                group["lr"] = group["top_lr"] * _schedule(at, recipe.max_epochs)
            loss = nn.functional.cross_entropy(network(normalised(pixels)), labels)
            fabric.backward(loss)
            stepped.step()
            stepped.zero_grad()
            loss_sum += loss.detach() * len(labels)
            if progress is not None and fabric.is_global_zero:
                progress(round(at * n_rows), recipe.max_epochs * n_rows)
        accuracy = _accuracy(fabric, network, testing, normalised)
        state.epoch += 1
        state.history.append(
            {
                "loss": _summed(fabric, loss_sum)[0] / n_rows,
                "held_out_accuracy": accuracy,
                "seconds": time.perf_counter() - start,
            }
        )
        if accuracy > state.best_accuracy:
            trunk = {name: tensor.detach().cpu().clone() for name, tensor in model.trunk.state_dict().items()}
            state.best_epoch, state.best_accuracy, state.best = state.epoch, accuracy, trunk
        if fabric.is_global_zero:
            save(job.checkpoint, state, model, optimizer)
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
    share = Share(
        len(pictures),
        rank=fabric.global_rank,
        n_devices=fabric.world_size,
        seed=job.recipe.seed,
        shuffled=crop_frac is not None,
    )
    on_gpu = fabric.device.type == "cuda"
    # On a CPU reading is a small part, and a second process would take its cores from the arithmetic.
    n_workers = max(1, min(job.n_threads, MOST_WORKERS) // fabric.world_size) if on_gpu else 0
    batch = max(1, min(job.recipe.batch // fabric.world_size, len(share)))
    loader: Any = DataLoader(
        pictures,
        batch_size=batch,
        sampler=share,
        # The last batch of a pass may be one picture, which batch normalisation cannot take.
        drop_last=crop_frac is not None,
        num_workers=n_workers,
        pin_memory=on_gpu,
        persistent_workers=n_workers > 0,
    )
    return fabric.setup_dataloaders(loader, use_distributed_sampler=False), share


def _accuracy(
    fabric: Fabric, network: nn.Module, testing: Any, normalised: Callable[[Tensor], Tensor]
) -> float:
    """Share of held-out items that are classified rightly, over all devices."""
    network.eval()
    counts = torch.zeros(2, device=fabric.device)
    with torch.inference_mode():
        for pixels, labels in testing:
            right = network(normalised(pixels)).argmax(1) == labels
            counts += torch.stack([right.sum(), torch.tensor(len(labels), device=fabric.device)])
    n_right, n = _summed(fabric, counts)
    return n_right / max(1.0, n)


def _summed(fabric: Fabric, values: Tensor) -> list[float]:
    """Sums over all devices."""
    summed: Any = fabric.all_reduce(values, reduce_op="sum")
    return list(map(float, summed.tolist()))


@dataclass(frozen=True)
class _Told:
    """Progress written to a file: what another process can call."""

    path: Path

    def __call__(self, done: int, total: int) -> None:
        write_whole(self.path, f"{done} {total}")


@contextmanager
def _polled(path: Path, progress: Progress | None) -> Iterator[_Told | None]:
    """Yield a progress for other processes, and call ours with what they wrote."""
    if progress is None:
        yield None
        return
    is_over = threading.Event()

    def poll() -> None:
        while not is_over.wait(_POLL_S):
            if path.is_file():
                done, total = path.read_text(encoding="utf-8").split()
                progress(int(done), int(total))

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield _Told(path)
    finally:
        is_over.set()
        thread.join()
        path.unlink(missing_ok=True)
