"""Pictures through a backbone, as fast as the machine reads and computes, exact in float32.

CPU: every thread reads a few pictures and computes their features itself, with one thread of arithmetic; the
threads of one convolution would wait for each other. GPU: processes read, since threads of Python read no
faster than two of them, and one thread feeds the devices: copies from pinned memory, kernels and copies back
overlap. Either way memory holds a few batches, however long the list of files is.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.backbones import Backbone, FeatureFunction
from datasets.devices import float32_convolutions, is_cuda
from datasets.preprocessing import Preprocessing
from datasets.settings import Modality
from datasets.threads import n_threads

if TYPE_CHECKING:
    from torch import Tensor

CPU_BATCH = 8
CUDA_BATCH = 64
AHEAD = 3
"""Batches a thread or process that are read or waited for."""
ON_A_GPU = 2
"""Batches a device that are launched before the first one's features are waited for."""
MOST_READERS = 32

Rows = NDArray[np.int64]
ExtractRows = Callable[[Sequence[Path], Rows], Iterator[NDArray[np.float32]]]
"""Yields (n, dim) float32 of some of the files, batch by batch, in the order of the rows."""


@contextmanager
def extraction(
    backbone: Backbone, preprocessing: Preprocessing, modality: Modality, devices: Sequence[str]
) -> Iterator[ExtractRows]:
    """Load a backbone on every device and yield what computes features with it.

    That raises BenchmarkError for a picture that cannot be read.
    """
    normalisation, size = backbone.normalisation(preprocessing), backbone.card.image_size
    embed = {device: backbone.load(device, normalisation) for device in devices}
    reader = Reader(preprocessing, modality, size)
    with _exact_arithmetic():
        if is_cuda(devices[0]):
            yield lambda files, rows: _on_gpus(embed, reader, files, rows)
        else:
            with _pool() as pool:
                yield lambda files, rows: _on_cpu(embed[devices[0]], reader, pool, files, rows)


def seconds_a_picture(
    files: Sequence[Path],
    backbone: Backbone,
    *,
    modality: Modality,
    preprocessing: Preprocessing,
    devices: Sequence[str],
) -> float:
    """Return what a picture costs here, tried on a few evenly spaced ones; nothing is kept."""
    batch = CUDA_BATCH if is_cuda(devices[0]) else CPU_BATCH
    n_tried = batch * n_threads() * len(devices)
    rows = np.arange(len(files))[:: max(1, len(files) // n_tried)][:n_tried]
    with extraction(backbone, preprocessing, modality, devices) as features_of:
        for _ in features_of(files, rows[:batch]):
            pass  # the first call of a network also sets it up
        start = time.perf_counter()
        for _ in features_of(files, rows):
            pass
        return (time.perf_counter() - start) / len(rows)


@dataclass(frozen=True)
class Reader:
    """Reads batches of pictures, in this process or in others."""

    preprocessing: Preprocessing
    modality: Modality
    size: int

    def read(self, files: Sequence[Path]) -> NDArray[np.uint8]:
        """Return (n, size, size, 3) uint8."""
        pixels = np.empty((len(files), self.size, self.size, 3), np.uint8)
        for i, path in enumerate(files):
            pixels[i] = self.preprocessing.picture(path, self.size, self.modality)
        return pixels

    def in_processes(self, files: Sequence[Path], rows: Rows, *, pin: bool) -> Any:
        """Return torch's loader of (pixels, fault) batches, with a process for every core."""
        from torch.utils.data import DataLoader

        batches: Any = _Batches(self, files, rows)
        return DataLoader(
            batches,
            batch_size=None,
            num_workers=max(1, min(n_threads(), MOST_READERS, len(batches))),
            prefetch_factor=AHEAD,
            pin_memory=pin,
        )


class _Batches:
    """Batches of pictures by number, as torch's loader asks for them in its processes.

    What cannot be read comes as a text: an exception would arrive wrapped in the trace of its process.
    """

    def __init__(self, reader: Reader, files: Sequence[Path], rows: Rows) -> None:
        self._reader, self._files, self._rows = reader, files, rows

    def __len__(self) -> int:
        return -(-len(self._rows) // CUDA_BATCH)

    def __getitem__(self, number: int) -> tuple[Tensor, str]:
        import torch

        rows = self._rows[number * CUDA_BATCH : (number + 1) * CUDA_BATCH]
        try:
            return torch.from_numpy(self._reader.read([self._files[i] for i in rows.tolist()])), ""
        except BenchmarkError as error:
            return torch.empty(0, dtype=torch.uint8), str(error)


def _on_gpus(
    embed: dict[str, FeatureFunction], reader: Reader, files: Sequence[Path], rows: Rows
) -> Iterator[NDArray[np.float32]]:
    import torch

    launched: deque[tuple[Tensor, Any]] = deque()

    def landed() -> NDArray[np.float32]:
        features, event = launched.popleft()
        event.synchronize()
        return features.numpy()

    loader = reader.in_processes(files, rows, pin=True)
    for (pixels, fault), device in zip(loader, itertools.cycle(embed), strict=False):
        if fault:
            raise BenchmarkError(fault)
        with torch.cuda.device(device):
            on_device = pixels.to(device, non_blocking=True).permute(0, 3, 1, 2)
            features = embed[device](on_device).float()
            back = torch.empty(features.shape, dtype=torch.float32, pin_memory=True)
            back.copy_(features, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
        launched.append((back, event))
        if len(launched) > ON_A_GPU * len(embed):
            yield landed()
    while launched:
        yield landed()


def _on_cpu(
    embed: FeatureFunction, reader: Reader, pool: ThreadPoolExecutor, files: Sequence[Path], rows: Rows
) -> Iterator[NDArray[np.float32]]:
    import torch

    def compute(own: list[int]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(reader.read([files[i] for i in own]))
        features: NDArray[np.float32] = embed(pixels.permute(0, 3, 1, 2)).float().numpy()
        return features

    waiting: deque[Future[NDArray[np.float32]]] = deque()
    for start in range(0, len(rows), CPU_BATCH):
        waiting.append(pool.submit(compute, rows[start : start + CPU_BATCH].tolist()))
        if len(waiting) >= AHEAD * n_threads():
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    import torch

    # glibc hands freed memory back to the system above a threshold that grows with the largest block freed,
    # 32 MiB at most. Freeing one such block first spares a quarter of the time, spent in page faults.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    pool = ThreadPoolExecutor(max_workers=n_threads())
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """Make features the same on every device and number of threads, up to rounding."""
    import torch

    n_before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with float32_convolutions():
            yield
    finally:
        torch.set_num_threads(n_before)
