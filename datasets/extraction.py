"""Pictures through a backbone, as fast as the machine reads and computes, exact in float32.

CPU: every thread reads a few pictures and computes their features itself, with one thread of arithmetic; the
threads of one convolution would wait for each other. GPU: threads read into pinned memory; at most two
batches a device are on it at once, so that copies and kernels overlap and memory stays bounded.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.backbones import Backbone, FeatureFunction
from datasets.devices import is_cuda
from datasets.preprocessing import Preprocessing
from datasets.settings import Modality
from datasets.threads import n_threads

CPU_BATCH = 8
CUDA_BATCH = 64
AT_ONCE_ON_A_GPU = 2
AHEAD = 3
"""Batches a thread that are read or waited for: memory holds so many, however long the list of files is."""


class Extraction:
    """Features of files, batch by batch, in order. Made by `extraction`."""

    def __init__(self, pool: ThreadPoolExecutor, n_pool: int, batch: int, compute: _Compute) -> None:
        self.batch = batch
        self._pool, self._ahead, self._compute = pool, AHEAD * n_pool, compute

    def features(self, files: Iterable[Path]) -> Iterator[NDArray[np.float32]]:
        """Yield (n, dim) float32 of `batch` files after `batch` files. BenchmarkError for a bad one."""
        waiting: deque[Future[NDArray[np.float32]]] = deque()
        left = iter(files)
        while part := list(itertools.islice(left, self.batch)):
            waiting.append(self._pool.submit(self._compute, part))
            if len(waiting) >= self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_Compute = Callable[[Sequence[Path]], NDArray[np.float32]]


@contextmanager
def extraction(
    backbone: Backbone, preprocessing: Preprocessing, modality: Modality, devices: Sequence[str]
) -> Iterator[Extraction]:
    """Load a backbone on every device and yield what computes features with it."""
    import torch

    normalisation, size = backbone.normalisation(preprocessing), backbone.card.image_size
    embed = {device: backbone.load(device, normalisation) for device in devices}

    def read(path: Path) -> NDArray[np.uint8]:
        return preprocessing.picture(path, size, modality)

    on_gpu = is_cuda(devices[0])
    compute = _on_gpus(embed, read, size) if on_gpu else _on_cpu(embed[devices[0]], read)
    n_pool = n_threads() + AT_ONCE_ON_A_GPU * len(devices) if on_gpu else torch.get_num_threads()
    # glibc hands freed memory back to the system above a threshold that grows with the largest block freed,
    # 32 MiB at most. Freeing one such block first spares a quarter of the time, spent in page faults.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    pool = ThreadPoolExecutor(max_workers=n_pool)
    try:
        with _exact_arithmetic():
            yield Extraction(pool, n_pool, CUDA_BATCH if on_gpu else CPU_BATCH, compute)
    finally:
        pool.shutdown(cancel_futures=True)


def seconds_a_picture(
    files: Sequence[Path],
    backbone: Backbone,
    *,
    modality: Modality,
    preprocessing: Preprocessing,
    devices: Sequence[str],
) -> float:
    """Return what a picture costs here, tried on a few evenly spaced ones; nothing is kept."""
    with extraction(backbone, preprocessing, modality, devices) as through:
        n_tried = through.batch * n_threads() * len(devices)
        tried = files[:: max(1, len(files) // n_tried)][:n_tried]
        for _ in through.features(tried[: through.batch]):
            pass  # the first call of a network also sets it up
        start = time.perf_counter()
        for _ in through.features(tried):
            pass
        return (time.perf_counter() - start) / len(tried)


def _on_cpu(embed: FeatureFunction, read: Callable[[Path], NDArray[np.uint8]]) -> _Compute:
    import torch

    def compute(files: Sequence[Path]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(np.stack([read(path) for path in files]))
        features: NDArray[np.float32] = embed(pixels.permute(0, 3, 1, 2)).float().numpy()
        return features

    return compute


def _on_gpus(
    embed: dict[str, FeatureFunction], read: Callable[[Path], NDArray[np.uint8]], size: int
) -> _Compute:
    import torch

    turns = {device: threading.Semaphore(AT_ONCE_ON_A_GPU) for device in embed}
    devices = itertools.cycle(embed)
    own = threading.local()

    def compute(files: Sequence[Path]) -> NDArray[np.float32]:
        if not hasattr(own, "device"):
            own.device = next(devices)
            own.stream = torch.cuda.Stream(own.device)  # type: ignore[no-untyped-call]
            own.pixels = torch.empty(CUDA_BATCH, size, size, 3, dtype=torch.uint8, pin_memory=True)
        rows = own.pixels.numpy()
        for i, path in enumerate(files):
            rows[i] = read(path)
        with turns[own.device], torch.cuda.stream(own.stream):
            pixels = own.pixels[: len(files)].to(own.device, non_blocking=True).permute(0, 3, 1, 2)
            features: NDArray[np.float32] = embed[own.device](pixels).float().cpu().numpy()
        return features

    return compute


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """Make features the same on every device and number of threads, up to rounding.

    TF32 would move them by about 1e-3.
    """
    import torch

    n_before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(n_before)
