"""How much memory a run took, of the process and of a GPU."""

from __future__ import annotations

import sys
from pathlib import Path

_MIB = 1024**2


class PeakMemory:
    """The largest memory from its making on, in MiB.

    Only Linux forgets an earlier peak of a process; elsewhere it is the peak since the process began, which
    is an upper bound.
    """

    def __init__(self, device: str) -> None:
        self._is_cuda, self._device = device.startswith("cuda"), device
        self._is_reset = _forget_peak()
        if self._is_cuda:
            import torch

            torch.cuda.reset_peak_memory_stats(device)

    def process_mib(self) -> float | None:
        """Largest resident size of the process, libraries and features included; None where none tells."""
        return _high_water_mib() if self._is_reset else _since_start_mib()

    def device_mib(self) -> float | None:
        """Largest memory of tensors on the GPU; None without one."""
        if not self._is_cuda:
            return None
        import torch

        return float(torch.cuda.max_memory_allocated(self._device) / _MIB)


def _forget_peak() -> bool:
    """Ask the kernel to start the peak anew; man 5 proc_pid_clear_refs."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _high_water_mib() -> float | None:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(fields["VmHWM"].split()[0]) / 1024 if "VmHWM" in fields else None


def _since_start_mib() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return peak / (_MIB if sys.platform == "darwin" else 1024)
