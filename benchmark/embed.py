"""Fit a method on the seen data, then let it embed the test items: the part in which it sees anything."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.codes.encoder import make_encoder
from benchmark.codes.term import REAL, CodeKind, Codes
from benchmark.errors import NotRunnable
from benchmark.training_curves import require_bounded
from datasets.class_vectors import CLASS_VECTORS, TEACHER
from datasets.class_vectors.base import listed
from datasets.devices import float32_convolutions
from datasets.seen import Inputs, Pictures, SeenData
from datasets.task import Answers, ZeroShotTask
from methods.base import FitProgress, RetrievalMethod

FEATURE_BATCH = 512
PICTURE_BATCH = 32
N_ALONE = 3
_EMBED = {"sketch": "embed_sketches", "photo": "embed_photos"}


@dataclass(frozen=True)
class Embedded:
    """What a fitted method made of the test items, in file order, with everything needed to grade it.

    codes: what the method's embeddings were turned into; `real` for a method that learns codes itself.
    query_emb: (Q, width), gallery_emb: (N, width), both float32, codes uint8 of 0 and 1.
    """

    method: RetrievalMethod
    codes: Codes
    query_emb: NDArray[Any]
    gallery_emb: NDArray[Any]
    answers: Answers
    n_train_classes: int
    n_train_sketches: int
    n_train_photos: int
    n_copies_left_out: int
    phases_s: dict[str, float]

    @property
    def distance_name(self) -> str:
        """How embeddings are compared: by the method's distance, codes by Hamming distance."""
        return self.method.distance if self.codes.kind is CodeKind.REAL else "hamming"

    @property
    def distance(self) -> str | Callable[[Any, Any], Any]:
        """The distance as `metrics.evaluate` takes it."""
        if self.distance_name != "own":
            return self.distance_name
        similarity = getattr(self.method, "similarity", None)
        if similarity is None:
            raise ValueError(
                f"the card of '{self.method.card.id}' says distance=\"own\", but it has no `similarity`"
            )

        def scores(queries: Any, gallery: Any) -> NDArray[np.float32]:
            with float32_convolutions(), torch.inference_mode():
                pair = (torch.as_tensor(part, device=self.method.device) for part in (queries, gallery))
                return np.asarray(similarity(*pair).cpu().numpy())

        return scores


@float32_convolutions()
def fit_and_embed(
    method_class: type[RetrievalMethod],
    config: Any,
    task: ZeroShotTask,
    *,
    seed: int,
    device: str,
    progress: FitProgress,
    codes: Codes = REAL,
) -> Embedded:
    """Fit on the seen data, then open the test items and embed them in their shuffled order.

    codes: the suite's. What they learn from seen items is learnt before the test items are opened.
    Raises NotRunnable when side information is missing and for codes that the method cannot have, ValueError
    for embeddings of a wrong shape or type, FloatingPointError for a training that diverged, and whatever the
    method raises.
    """
    phases_s: dict[str, float] = {}
    with _timed(phases_s, "read_seen"):
        seen = task.seen().to(device)
    _require_vectors(method_class.card.side_information, seen, task)
    n_sketches, n_photos = len(seen.sketches), len(seen.photos)
    with _seeded(seed), _timed(phases_s, "fit"):
        method = method_class(config, device=device)
        codes = codes.for_method(method.distance, learns_codes=method.card.codes == "own")
        if method.fit(seen, seed=seed, progress=progress) is not method:
            raise ValueError("fit must return self")
        require_bounded(progress.curves)
    n_train_classes = seen.n_train_classes
    del seen
    encode = None
    if codes.kind is not CodeKind.REAL:
        with _seeded(seed), _timed(phases_s, "fit_codes"):
            encode = make_encoder(
                codes, lambda: _embed_seen(method, task, device), seed=seed, modalities=task.terms.modalities
            )
    with _seeded(seed), _timed(phases_s, "embed"):
        items = task.test_items()
        query_modality, gallery_modality = task.terms.modalities
        query_emb = _embed(getattr(method, _EMBED[query_modality]), items.queries, device)
        gallery_emb = _embed(getattr(method, _EMBED[gallery_modality]), items.gallery, device)
    if query_emb.shape[1] != gallery_emb.shape[1] and method.distance != "own":
        raise ValueError(
            f"{_EMBED[query_modality]} gives width {query_emb.shape[1]}, "
            f"{_EMBED[gallery_modality]} {gallery_emb.shape[1]}: a distance needs one width"
        )
    answers = task.answers()
    in_file_order: tuple[NDArray[Any], NDArray[Any]] = (
        _in_file_order(query_emb, answers.query_order),
        _in_file_order(gallery_emb, answers.gallery_order),
    )
    if encode is not None:
        with _timed(phases_s, "encode"):
            in_file_order = encode(*in_file_order)
    return Embedded(
        method=method,
        codes=codes,
        query_emb=in_file_order[0],
        gallery_emb=in_file_order[1],
        answers=answers,
        n_train_classes=n_train_classes,
        n_train_sketches=n_sketches,
        n_train_photos=n_photos,
        n_copies_left_out=task.arrangement.n_copies_left_out,
        phases_s=phases_s,
    )


def _require_vectors(side_information: Sequence[str], seen: SeenData, task: ZeroShotTask) -> None:
    vectors = task.class_vectors
    if vectors is None or CLASS_VECTORS not in side_information:
        return
    if seen.class_vectors is None:
        what, missing = "class vectors", vectors.missing(task.train_classes)
    elif TEACHER in side_information and seen.teacher_vectors is None:
        what, missing = "vectors of the ILSVRC-1k labels", vectors.missing_ilsvrc1k_labels()
    else:
        return
    reason = f"needs {what}, and {vectors.kind} has none for: {listed(missing)}. {vectors.advice}"
    raise NotRunnable(reason.removesuffix("."))  # as other reasons end, which stand within sentences


def _embed_seen(
    method: RetrievalMethod, task: ZeroShotTask, device: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    seen = task.seen()  # read anew: `fit` may have written into its own
    return (
        _embed(method.embed_sketches, seen.sketches, device),
        _embed(method.embed_photos, seen.photos, device),
    )


def _embed(embed: Callable[[torch.Tensor], torch.Tensor], items: Inputs, device: str) -> NDArray[np.float32]:
    size = PICTURE_BATCH if isinstance(items, Pictures) else FEATURE_BATCH
    parts = []
    with torch.inference_mode():
        for start in range(0, len(items), size):
            batch = items[start : start + size].to(device).clone()  # a slice would lead to all items
            part = embed(batch)
            if not isinstance(part, torch.Tensor):
                raise ValueError(f"{embed.__name__} must give a torch tensor, got {type(part).__name__}")
            if part.ndim != 2 or len(part) != len(batch) or part.dtype != torch.float32:
                raise ValueError(
                    f"{embed.__name__} must give ({len(batch)}, width) float32, "
                    f"got {tuple(part.shape)} {part.dtype}"
                )
            n_bad = int((~torch.isfinite(part)).any(dim=1).sum())
            if n_bad:
                raise ValueError(f"{embed.__name__}: {n_bad} of {len(part)} rows are not finite")
            parts.append(part.cpu().numpy())
        emb = np.concatenate(parts)
        alone = embed(items[: min(N_ALONE, len(items))].to(device).clone()).cpu().numpy()
    if not np.allclose(alone, emb[: len(alone)], rtol=1e-3, atol=1e-4 * float(np.abs(emb).max())):
        raise ValueError(
            f"{embed.__name__} gives the first {len(alone)} items other embeddings when they come alone: an "
            "item's embedding may not depend on the others in its batch, which are test items"
        )
    return emb


def _in_file_order(emb: NDArray[np.float32], order: NDArray[np.int64]) -> NDArray[np.float32]:
    restored = np.empty_like(emb)
    restored[order] = emb
    return restored


@contextlib.contextmanager
def _timed(phases_s: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    phases_s[name] = time.perf_counter() - start


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed what a careless method draws from, and put the generators back afterwards."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was_deterministic)
            random.setstate(python_state)
            np.random.set_state(numpy_state)
