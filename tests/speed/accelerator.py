"""Extraction, fine-tuning, training and evaluation on a device, each against its floor. Not for pytest.

    python tests/speed/accelerator.py --data-root DIR --device cuda       # sketch/<class>/*, photo/<class>/*
    python tests/speed/accelerator.py --data-root DIR --device cpu --threads 1 --parts extraction

A floor is what no program of this kind can beat on the machine: of extraction the slower of reading and of
the network alone (on a CPU, which does both, one after the other); of fine-tuning the slower of reading and
of the steps alone; of training the time that kernels run; of evaluation the matrix product. Weights are
random but for EfficientNet-Lite0: speed does not depend on them. Takes two to four minutes on a GPU.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark.registry import DATASETS
from datasets.backbones import Backbone, BackboneCard, FeatureFunction, make_backbone
from datasets.backbones.network import NetworkBackbone
from datasets.backbones.weights import RANDOM, Weights, WeightsFile
from datasets.base import DatasetIndex
from datasets.devices import is_cuda
from datasets.extraction import CPU_BATCH, CUDA_BATCH, Reader, extraction
from datasets.preprocessing import DEFAULT, NORMALISATIONS, Normalisation
from datasets.threads import limit_threads, n_threads

BACKBONES = ("efficientnet_lite0", "resnet50", "vgg16", "vit_b_16")
PARTS = ("memory", "extraction", "finetuning", "training", "evaluation")
SKETCHY = (15_229, 17_101, 25, 512)  # queries, gallery, classes, width
N_FITTED = (20_000, 20_000)  # training sketches and photos


def row(what: str, measured: str, floor: str, ratio: float) -> None:
    print(f"| {what} | {measured} | {floor} | {ratio:.0%} |", flush=True)


def synchronised(device: str) -> None:
    if is_cuda(device):
        torch.cuda.synchronize(device)


def seconds(call: Callable[[], object], device: str, *, n: int) -> float:
    """Median of three timings of n calls, a call."""
    call()
    timings = []
    for _ in range(3):
        synchronised(device)
        start = time.perf_counter()
        for _ in range(n):
            call()
        synchronised(device)
        timings.append((time.perf_counter() - start) / n)
    return statistics.median(timings)


def machine(device: str) -> None:
    name = torch.cuda.get_device_name(device) if is_cuda(device) else "CPU"
    print(f"{name}, {n_threads()} of {os.cpu_count()} cores, torch {torch.__version__}")
    if is_cuda(device):
        a = torch.randn(8192, 8192, device=device)
        b = a.bfloat16()
        flop = 2 * 8192**3
        print(
            f"matrix product: float32 {flop / seconds(lambda: a @ a, device, n=5) / 1e12:.0f} TFLOP/s, ",
            end="",
        )
        print(f"bfloat16 {flop / seconds(lambda: b @ b, device, n=20) / 1e12:.0f} TFLOP/s")


def measure_extraction(files: Sequence[Path], backbone: Backbone, device: str) -> None:
    on_gpu, rows = is_cuda(device), np.arange(len(files))
    alone = reading_alone(Reader(DEFAULT, "photo", backbone.card.image_size), files, device)
    with extraction(backbone, DEFAULT, "photo", (device,)) as features_of:
        for _ in features_of(files, rows[:512]):
            pass
        start = time.perf_counter()
        n_done = sum(map(len, features_of(files, rows)))
        whole = n_done / (time.perf_counter() - start)
        forward = forward_only(backbone, device)
    floor = min(alone, forward) if on_gpu else 1 / (1 / alone + 1 / forward)
    row(
        f"extraction, {backbone.card.id}",
        f"{whole:,.0f} pictures/s",
        f"{floor:,.0f} pictures/s (reading alone {alone:,.0f}, network alone {forward:,.0f})",
        whole / floor,
    )


def reading_alone(reader: Reader, files: Sequence[Path], device: str) -> float:
    """Pictures a second of decoding and resizing, with the processes or threads that extraction has."""
    rows = np.arange(len(files))
    start = time.perf_counter()
    if is_cuda(device):
        n = sum(len(pixels) for pixels, _ in reader.in_processes(files, rows, pin=True))
    else:
        parts = [files[i : i + CPU_BATCH] for i in range(0, len(files), CPU_BATCH)]
        with ThreadPoolExecutor(n_threads()) as pool:
            n = sum(map(len, pool.map(reader.read, parts)))
    return n / (time.perf_counter() - start)


def forward_only(backbone: Backbone, device: str) -> float:
    """Pictures a second of the network on pictures that lie on the device, in as many threads."""
    embed = backbone.load(device, backbone.card.normalisation)
    size, batch = backbone.card.image_size, CUDA_BATCH if is_cuda(device) else CPU_BATCH
    rows = torch.randint(0, 256, (batch, size, size, 3), dtype=torch.uint8, device=device)
    pictures = rows.permute(0, 3, 1, 2)
    if is_cuda(device):
        return batch / seconds(lambda: embed(pictures), device, n=30)
    n = 4 * n_threads()
    with ThreadPoolExecutor(n_threads()) as pool:
        return n * batch / seconds(lambda: list(pool.map(lambda _: embed(pictures), range(n))), device, n=1)


def measure_finetuning(index: DatasetIndex, backbone: NetworkBackbone, device: str, n: int) -> None:
    from datasets.finetuning.items import TrainingItems
    from datasets.finetuning.recipe import Recipe
    from datasets.finetuning.train import Job, train

    rows = np.arange(n) % len(index.photos)  # a pass as long as one over a real data set
    files, names = [index.photos.files[i] for i in rows], [f"{i:064d}" for i in range(n)]
    items = TrainingItems(files, names, index.photos.labels[rows], len(index.class_names))
    recipe = Recipe(max_epochs=3, patience=3)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(backbone, items, recipe, "photo", DEFAULT, Path(folder) / "state.pt", n_threads())
        state, precision = train(job, (device,))
    # Whole passes with their test on held-out pictures, the first left out: it starts the reading processes.
    whole = len(items) / statistics.median(own["seconds"] for own in state.history[1:])
    reading = reading_for_training(items, backbone)
    steps = steps_only(backbone, device, recipe.batch, items.n_classes)
    floor = min(reading, steps)
    row(
        f"fine-tuning, {backbone.card.id}, {precision}",
        f"{whole:,.0f} pictures/s",
        f"{floor:,.0f} pictures/s (reading alone {reading:,.0f}, steps alone {steps:,.0f})",
        whole / floor,
    )


def reading_for_training(items: object, backbone: Backbone) -> float:
    from torch.utils.data import DataLoader

    from datasets.finetuning.pictures import Share, TrainingPictures

    pictures = TrainingPictures(
        items.files, items.labels, backbone.card.image_size, DEFAULT, "photo", crop_frac=0.875
    )
    share = Share(len(pictures), rank=0, n_devices=1, seed=0, shuffled=True)
    loader = DataLoader(
        pictures, batch_size=64, sampler=share, num_workers=n_threads(), persistent_workers=True
    )
    for _ in loader:
        pass
    start = time.perf_counter()
    n = sum(len(labels) for _, labels in loader)
    return n / (time.perf_counter() - start)


def steps_only(backbone: NetworkBackbone, device: str, batch: int, n_classes: int) -> float:
    from datasets.finetuning.train import Classifier

    model: nn.Module = Classifier(backbone.trainable(), backbone.card.dim, n_classes).to(device)
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    size = backbone.card.image_size
    pictures = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.int64, device=device)

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16, enabled=is_cuda(device)):
            loss = nn.functional.cross_entropy(model(pictures), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return batch / seconds(step, device, n=20 if is_cuda(device) else 2)


def measure_training(device: str) -> None:
    """ZSCMR on as many features as Sketchy's order of magnitude, a fit with its defaults but few passes."""
    from torch.profiler import ProfilerActivity, profile

    from datasets.seen import SeenData
    from methods.base import FitProgress, make_config
    from methods.zscmr import ZSCMR

    rng = torch.Generator().manual_seed(0)
    n_sketches, n_photos = N_FITTED

    def features(n: int) -> Tensor:
        return nn.functional.normalize(torch.randn(n, 1280, generator=rng))

    seen = SeenData(
        class_names=tuple(f"class {i}" for i in range(100)),
        sketches=features(n_sketches),
        photos=features(n_photos),
        sketch_labels=torch.arange(n_sketches) % 100,
        photo_labels=torch.arange(n_photos) % 100,
        sketch_instances=None,
        photo_instances=None,
        class_vectors=nn.functional.normalize(torch.randn(100, 384, generator=rng)),
        pairs="class",
    ).to(device)
    config = make_config(ZSCMR, {"epochs": 2})
    ZSCMR(config, device=device).fit(seen, seed=0, progress=FitProgress())
    synchronised(device)
    start = time.perf_counter()
    ZSCMR(config, device=device).fit(seen, seed=0, progress=FitProgress())
    synchronised(device)
    whole = time.perf_counter() - start
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        ZSCMR(config, device=device).fit(seen, seed=0, progress=FitProgress())
        synchronised(device)
    kernels = sum(event.self_device_time_total for event in profiled.key_averages()) / 1e6
    row("training, zscmr, 2 passes", f"{whole:.2f} s", f"{kernels:.2f} s (kernels alone)", kernels / whole)


def measure_evaluation(device: str) -> None:
    import metrics

    n_queries, n_gallery, n_classes, width = SKETCHY
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n_classes, width))
    labels = [np.arange(n) % n_classes for n in (n_queries, n_gallery)]
    queries, gallery = (
        (centres[own] + 2 * rng.standard_normal((len(own), width))).astype(np.float32) for own in labels
    )

    def evaluate() -> object:
        return metrics.evaluate(queries, labels[0], gallery, labels[1], distance="cosine", device=device)

    evaluate()
    start = time.perf_counter()
    evaluate()
    whole = time.perf_counter() - start
    left, right = (torch.from_numpy(part).double().to(device) for part in (queries, gallery))
    product = seconds(lambda: [part @ right.T for part in left.split(256)], device, n=1)
    row(
        f"evaluation, {n_queries:,} x {n_gallery:,}, d = {width}",
        f"{whole:.2f} s",
        f"{product:.2f} s (float64 product alone)",
        product / whole,
    )


class MeanColour(Backbone):
    """Three numbers a picture: what is left of extraction is reading."""

    family, layers = "mean_colour", ("mean",)
    card = BackboneCard(
        "mean_colour@mean", "Mean colour", 3, 224, NORMALISATIONS["unit"], "mean", "nothing", "none", ()
    )

    def weights_file(self) -> WeightsFile:
        return WeightsFile(None, "0" * 64, "none", is_published=True)

    def load(self, device: str, normalisation: Normalisation) -> FeatureFunction:
        return lambda pictures: pictures.float().mean((2, 3))


def measure_memory(files: Sequence[Path], device: str) -> None:
    """Largest size of this process while it extracts few pictures, then sixteen times as many."""
    peaks = []
    for n in (len(files) // 16, len(files)):
        with extraction(MeanColour(), DEFAULT, "photo", (device,)) as features_of:
            for _ in features_of(files, np.arange(n)):
                pass
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(
        f"largest process: {peaks[0]:,.0f} MiB after {len(files) // 16:,} pictures, "
        f"{peaks[1]:,.0f} MiB after {len(files):,}"
    )


def exactness(files: Sequence[Path], device: str) -> None:
    """How far features of the device are from the CPU's."""
    backbone = make_backbone("efficientnet_lite0")
    found = []
    for own in ("cpu", device):
        with extraction(backbone, DEFAULT, "photo", (own,)) as features_of:
            found.append(np.concatenate(list(features_of(files, np.arange(64)))))
    difference = np.abs(found[0] - found[1]).max() / np.abs(found[0]).max()
    print(f"features of {device} and cpu differ by at most {difference:.1e} of the largest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--backbones", default=",".join(BACKBONES))
    parser.add_argument("--pictures", type=int, default=16_384)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
        limit_threads(arguments.threads)
    parts, device = arguments.parts.split(","), arguments.device
    with tempfile.TemporaryDirectory() as folder:
        index = DATASETS.get("folder")(root=arguments.data_root, cache_dir=Path(folder)).index()
    machine(device)
    if device != "cpu":
        exactness(index.photos.files, device)
    files = [index.photos.files[i % len(index.photos)] for i in range(arguments.pictures)]
    if "memory" in parts:
        measure_memory(files, device)
    print("| what | measured | floor | share |\n| --- | ---: | ---: | ---: |")
    backbones = [
        make_backbone(name, Weights("published" if name == BACKBONES[0] else RANDOM))
        for name in arguments.backbones.split(",")
    ]
    for backbone in backbones if "extraction" in parts else ():
        measure_extraction(files, backbone, device)
    for backbone in backbones[:2] if "finetuning" in parts else ():
        measure_finetuning(index, backbone, device, arguments.pictures)
    if "training" in parts and is_cuda(device):  # a CPU has no kernels to hold it against
        measure_training(device)
    if "evaluation" in parts:
        measure_evaluation(device)


if __name__ == "__main__":
    main()
