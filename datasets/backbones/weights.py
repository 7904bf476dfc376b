"""Which weights a backbone is given, where they lie, and how they are read: never as code."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from datasets.ledger import FileLedger
from datasets.pictures import file_sha256

if TYPE_CHECKING:
    from torch import Tensor, nn

RANDOM = "random"
RANDOM_SEED = 0
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
_WRAPPERS = ("state_dict", "model_state_dict", "model", "encoder")
"""Keys under which training programs keep the weights, beside optimisers and counters."""
N_NAMED = 4


@dataclass(frozen=True)
class Weights:
    """A choice of weights. choice: "published", "random" (drawn with seed 0), or the path of a file.

    folder: where fetched files are kept, the torch hub's where it is None. ledger: remembers the hashes of
    large files. may_fetch: whether a file that is not here is fetched.
    """

    choice: str = "published"
    folder: Path | None = None
    ledger: FileLedger | None = None
    may_fetch: bool = True

    def given_file(self, backbone_id: str) -> Path | None:
        """Return the file that was passed, None for another choice. Raises BenchmarkError where it is not."""
        if self.choice in ("published", RANDOM):
            return None
        path = Path(self.choice).expanduser()
        if not path.is_file() or path.suffix not in SUFFIXES:
            fault = "is not a weights file" if path.is_file() else "is not there"
            raise BenchmarkError(
                f"weights of backbone '{backbone_id}': {path} {fault}. Give a file of tensors "
                f"({', '.join(SUFFIXES)}), or the word 'random' for a trial without any."
            )
        return path

    def sha256(self, path: Path) -> str:
        """Return the hex sha256 of a file."""
        return self.ledger.digests([path])[0] if self.ledger else _sha256(path, path.stat().st_mtime_ns)


PUBLISHED = Weights()


@dataclass(frozen=True)
class WeightsFile:
    """Weights in use. path: None for random ones. origin: for records. is_published: known to be those that
    the card speaks of.
    """

    path: Path | None
    sha256: str
    origin: str
    is_published: bool


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a state dict: name -> tensor on the CPU, wrappers such as "state_dict" and "module." taken off.

    safetensors, or torch files that hold nothing but tensors and plain containers. Raises BenchmarkError.
    """
    import torch
    from safetensors.torch import load_file

    try:
        content: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # a damaged file makes torch's reader stumble in ways of its own
        if holds_code(error):
            raise BenchmarkError(
                f"weights {path} hold more than tensors, and code in them is not run. Save the state dict "
                "alone: safetensors.torch.save_file(network.state_dict(), FILE)."
            ) from error
        raise BenchmarkError(
            f"weights {path} cannot be read: {first_sentence(error)}. Fetch the file again."
        ) from error
    for name in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not all(isinstance(t, torch.Tensor) for t in content.values()):
        found = (
            ", ".join(map(str, list(content)[:N_NAMED])) if isinstance(content, Mapping) else type(content)
        )
        raise BenchmarkError(
            f"weights {path} hold no state dict (found: {found}). Save one with "
            "safetensors.torch.save_file(network.state_dict(), FILE)."
        )
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], *, head: str, what: str) -> None:
    """Load tensors into a network; the classifier, whose names begin with `head`, may be missing or another.

    what: for the message, which network and file. Raises BenchmarkError naming tensors that do not fit.
    """
    own = network.state_dict()
    fitting = {name: t for name, t in tensors.items() if name in own and own[name].shape == t.shape}
    missing = [name for name in own if name not in fitting and not name.startswith(head)]
    # Counters of old batch normalisations are not in older files, and no feature depends on them.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    surplus = [name for name in tensors if name not in own and not name.startswith(head)]
    if missing or surplus:
        raise BenchmarkError(
            f"{what} do not fit: {_counted(missing, 'missing or of another shape')}, "
            f"{_counted(surplus, 'unknown')}. Give weights of this very network."
        )
    network.load_state_dict(fitting, strict=False)


def holds_code(error: Exception) -> bool:
    """Whether a file was refused for what it holds beside tensors, and not for being damaged."""
    is_pickled = isinstance(error, pickle.UnpicklingError) and "Unsupported operand" not in str(error)
    return is_pickled or "TorchScript archive" in str(error)


def first_sentence(error: Exception) -> str:
    """Say in one sentence, without its full stop, what a library says in many lines.

    >>> first_sentence(OSError("no such host. Try again later.\\nTrace: ...")), first_sentence(EOFError())
    ('no such host', 'EOFError')
    """
    line = str(error).strip().partition("\n")[0]
    return line.partition(". ")[0].rstrip(".") or type(error).__name__


def require_published(card_id: str, path: Path, sha256: str, found: str, advice: str) -> None:
    """Raise BenchmarkError unless a sha256 is the pinned one, or begins as it; `advice` says what to do."""
    if not found.startswith(sha256):
        raise BenchmarkError(
            f"backbone '{card_id}': {path} has sha256 {found[:16]}…, expected {sha256[:16]}…. {advice}"
        )


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return a sha256 over names, shapes and values: the name of random weights."""
    hashed = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        hashed.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        hashed.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()


@contextlib.contextmanager
def drawn_with_seed() -> Iterator[None]:
    """Let what is built inside have the weights of RANDOM_SEED, and leave the generators as they were."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        yield


@functools.cache
def _sha256(path: Path, _: int) -> str:
    return file_sha256(path)


def _counted(names: list[str], fault: str) -> str:
    if not names:
        return f"none {fault}"
    return f"{len(names)} {fault} ({', '.join(names[:N_NAMED])}{', …' if len(names) > N_NAMED else ''})"
