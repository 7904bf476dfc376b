"""Names of devices: one, or several GPUs of this machine."""

from __future__ import annotations


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
