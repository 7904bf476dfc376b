"""Devices: their names, and how exactly they compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def devices_of(text: str) -> tuple[str, ...]:
    """Return the devices that a text names, as torch calls each.

    >>> devices_of("cuda:0,2"), devices_of("cuda"), devices_of("cpu")
    (('cuda:0', 'cuda:2'), ('cuda',), ('cpu',))
    """
    kind, _, numbers = text.partition(":")
    if not numbers:
        return (text,)
    return tuple(f"{kind}:{number}" for number in dict.fromkeys(numbers.split(",")))


def is_cuda(device: str) -> bool:
    """Whether a device is a GPU of NVIDIA's, or one that torch calls so."""
    return device.startswith("cuda")


@contextmanager
def float32_convolutions() -> Iterator[None]:
    """Let a GPU convolve in float32, as a CPU does. TF32, its default, moves features by about 1e-3.

    By how much depends on the size of a batch: an item's features would depend on what lies beside it.
    """
    import torch

    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
