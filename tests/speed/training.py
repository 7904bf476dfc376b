"""Seconds of fitting each method on features of Sketchy's shape: is a comparison of many systems affordable?

    python tests/speed/training.py [--methods siamese,sae] [--epochs 10] [--threads 2] [--scale 1.0]

58,401 photos and 55,252 sketches of 100 seen classes, 2048 numbers each, made up: Gaussians around class
centres. A trained method is given 10 epochs, its other parameters are the defaults; closed-form methods are
solved once. Beside the seconds stands the floor of the arithmetic: what the matrix products of two encoders
alone take on this machine. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark.errors import NotRunnable
from benchmark.memory import PeakMemory
from benchmark.registry import METHODS
from datasets.seen import N_TEACHER_CLASSES, SeenData
from methods.base import FitProgress

N_PHOTOS, N_SKETCHES, N_CLASSES, N_FEATURES, N_SEMANTIC = 58_401, 55_252, 100, 2048, 384
EPOCHS, LIMIT_S = 10, 60
HIDDEN, WIDTH, BATCH = 512, 64, 256


def made_up(scale: float) -> SeenData:
    """Features as a suite gives them: centred, of length 1."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(N_CLASSES, N_FEATURES, generator=generator)

    def items(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(N_CLASSES, (int(n * scale),), generator=generator)
        features = torch.randn(len(labels), N_FEATURES, generator=generator).add_(centres[labels])
        return normalize(features - features.mean(dim=0), dim=1), labels

    (sketches, sketch_labels), (photos, photo_labels) = items(N_SKETCHES), items(N_PHOTOS)
    return SeenData(
        class_names=tuple(f"class{c}" for c in range(N_CLASSES)),
        sketches=sketches,
        photos=photos,
        sketch_labels=sketch_labels,
        photo_labels=photo_labels,
        sketch_instances=None,
        photo_instances=None,
        class_vectors=normalize(torch.randn(N_CLASSES, N_SEMANTIC, generator=generator), dim=1),
        pairs="class",
        teacher_logits=torch.randn(len(photos), N_TEACHER_CLASSES, generator=generator),
        teacher_vectors=normalize(torch.randn(N_TEACHER_CLASSES, N_SEMANTIC, generator=generator), dim=1),
    )


def floor_s(n_batches: int) -> float:
    """Seconds of the matrix products of two encoders, forwards and backwards, in as many batches."""
    x, weights = torch.randn(BATCH, N_FEATURES), torch.randn(HIDDEN, N_FEATURES)
    inner, last = torch.randn(BATCH, HIDDEN), torch.randn(WIDTH, HIDDEN)
    out = torch.randn(BATCH, WIDTH)

    def products() -> None:
        for _ in range(2):  # encoders
            x @ weights.T, inner @ last.T  # forwards
            out.T @ inner, out @ last, inner.T @ x  # backwards: the features themselves need no gradient

    times = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(40):
            products()
        times.append((time.perf_counter() - start) / 40)
    return min(times) * n_batches


def fit_s(method_id: str, seen: SeenData, epochs: int) -> tuple[float, str, str]:
    """Seconds of one fit, what it had to do, and the peak of the memory meanwhile."""
    method = METHODS.get(method_id)
    names = method.Config.__dataclass_fields__
    changes: dict[str, Any] = {"epochs": epochs} if "epochs" in names else {}
    peak, start = PeakMemory("cpu"), time.perf_counter()
    method(method.Config(**changes)).fit(seen, seed=0, progress=FitProgress())
    seconds = time.perf_counter() - start
    return seconds, f"{epochs} epochs" if changes else "no epochs", f"{peak.process_mib() or 0:,.0f} MiB"


def main() -> None:
    """Time the methods asked for, one after the other, on the same features."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", help="ids with commas between; default: all that take features")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="share of Sketchy's items, for a quick look")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    ids = args.methods.split(",") if args.methods else METHODS.ids()
    ids = [name for name in ids if METHODS.get(name).card.input == "features"]
    seen = made_up(args.scale)
    floor = floor_s(args.epochs * -(-len(seen.sketches) // BATCH))
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, {args.threads} threads")
    print(f"{len(seen.photos):,} photos, {len(seen.sketches):,} sketches of {N_FEATURES} numbers")
    print(f"matrix products of two encoders alone, {args.epochs} epochs of batches of {BATCH}: {floor:.1f} s")
    width = max(len(name) for name in [*ids, "method"])
    print(f"{'method':<{width}} {'fit s':>8}  {'':<12} {'peak':>10}  limit {LIMIT_S} s")
    for method_id in ids:
        try:
            seconds, what, memory = fit_s(method_id, seen, args.epochs)
        except NotRunnable as reason:
            print(f"{method_id:<{width}} {'–':>8}  {reason}")
            continue
        verdict = "within" if seconds <= LIMIT_S else f"{seconds / LIMIT_S:.1f} times the limit"
        print(f"{method_id:<{width}} {seconds:>8.1f}  {what:<12} {memory:>10}  {verdict}", flush=True)


if __name__ == "__main__":
    main()
