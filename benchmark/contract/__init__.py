"""What every method must keep to, as checks that a plugin's own test can run.

Each check takes a method's class, runs it on a generated world (`benchmark.contract.tiny_world`) with its
"smoke" configuration or its defaults, and raises AssertionError saying what is broken. `CHECKS` holds
them all; they share two fits of the method.
"""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.configs import resolve_config
from benchmark.contract.tiny_world import WIDTH, make_tiny_world
from benchmark.embed import Embedded, fit_and_embed
from datasets.seen import Inputs
from methods.base import FitProgress, MethodCard, RetrievalMethod

Method = type[RetrievalMethod]
Embeddings = tuple[NDArray[np.float32], NDArray[np.float32]]


def check_card(method: Method) -> None:
    """The card states every fact, and its claims fit the class."""
    card = getattr(method, "card", None)
    if not isinstance(card, MethodCard):
        raise AssertionError(f"{method.__name__} has no MethodCard: use @register_method")
    _require(bool(card.title.strip()), "the card has no title")
    for name in ("pretraining", "side_information", "deviations"):
        facts = getattr(card, name)
        is_complete = isinstance(facts, tuple) and all(isinstance(fact, str) and fact for fact in facts)
        _require(is_complete, f"{name} must be a tuple of texts, got {facts!r}")
    if card.fidelity != "baseline":
        for name in ("paper", "original_code", "code_licence"):
            value = getattr(card, name)
            _require(
                bool(value), f'a {card.fidelity} states its {name} ("unknown" is a value), got {value!r}'
            )
    if card.distance == "own":
        _require(callable(getattr(method, "similarity", None)), 'distance="own" needs a method `similarity`')


def check_configuration(method: Method) -> None:
    """`Config` is a frozen dataclass with a default for everything, and the search space names its fields."""
    config = method.Config
    is_frozen = dataclasses.is_dataclass(config) and config.__dataclass_params__.frozen  # type: ignore[attr-defined]
    _require(is_frozen, "Config must be a frozen dataclass")
    fields = {field.name: field for field in dataclasses.fields(config)}
    no_default = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
    _require(not no_default, f"these fields of Config have no default: {', '.join(no_default)}")
    unknown = sorted(set(method.search_space) - set(fields))
    _require(not unknown, f"search_space names what Config does not have: {', '.join(unknown)}")
    _require(
        method.card.width == "fixed" or "width" in fields,
        'width="free" on the card needs a field `width` in Config',
    )
    if "distance" in fields:
        usual = fields["distance"].default
        _require(
            usual == method.card.distance,
            f"Config starts with distance = {usual!r}, which is used, and the card says "
            f"{method.card.distance!r}",
        )


def check_fit_returns_self(method: Method) -> None:
    """`fit` returns the method itself."""
    _ = _fits(method).first  # raises where it returns anything else


def check_progress(method: Method) -> None:
    """Progress never passes its total."""
    progress = _fits(method).progress
    _require(
        progress.done <= progress.total,
        f"progress ends at {progress.done} of {progress.total} {progress.unit}s: call progress.start(total), "
        "then progress.advance() once a step",
    )


def check_shapes(method: Method) -> None:
    """Every item gets one float32 row, equally wide in both modalities and no wider than asked for."""
    for emb in _pair(_fits(method).first):
        _require(emb.shape[1] > 0, "embeddings have no column")
        if method.card.width == "free":
            _require(emb.shape[1] <= WIDTH, f"width {WIDTH} was asked for, got {emb.shape[1]}")


def check_finite(method: Method) -> None:
    """No embedding holds NaN or infinity."""
    for emb in _pair(_fits(method).first):
        _require(bool(np.isfinite(emb).all()), f"{int((~np.isfinite(emb)).sum())} values are not finite")


def check_batch_size_does_not_matter(method: Method) -> None:
    """An item's embedding depends on the item alone, not on what else is in its batch."""
    fits = _fits(method)
    for batch in (1, 7):
        for emb, expected in zip(_embed_in_batches(fits.first.method, batch=batch), fits.emb, strict=True):
            _require(
                np.allclose(emb, expected, rtol=1e-4, atol=1e-5),
                f"in batches of {batch}, embeddings differ by up to {_difference(emb, expected)}: "
                "call eval() on networks, and take no statistics of a batch",
            )


def check_same_seed_same_result(method: Method) -> None:
    """Equal seeds give equal results, bit for bit; a method that is not random gives them at any seed."""
    fits = _fits(method)
    if _is_same(fits.emb_of_second, fits.emb):
        return
    # The second fit knew other unseen items too: one more, which did not, says what the difference is due to.
    again = _embedded(method, seed=fits.second_seed)
    for emb, expected in zip(_embed_in_batches(again.method), fits.emb, strict=True):
        _require(
            np.array_equal(emb, expected),
            f"two fits differ by up to {_difference(emb, expected)}: draw from a generator with the given "
            "seed only; a card with is_random=False promises the same result at every seed",
        )


def check_save_and_load(method: Method) -> None:
    """A method read from the file that it wrote embeds as before."""
    fits = _fits(method)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        fits.first.method.save(path)
        loaded = method.load(path)
    _require(loaded.config == fits.first.method.config, "the loaded method has another configuration")
    for emb, expected in zip(_embed_in_batches(loaded), fits.emb, strict=True):
        _require(
            np.array_equal(emb, expected),
            f"after load, embeddings differ by up to {_difference(emb, expected)}: `state` must return every "
            "tensor that embedding needs",
        )


def check_sees_nothing(method: Method) -> None:
    """What is learnt does not change when the unseen classes' items do."""
    fits = _fits(method)
    if _is_same(fits.emb_of_second, fits.emb):
        return
    # The second fit may have had another seed too: one more, of the first's, tells why they differ.
    other = _embed_in_batches(_embedded(method, unseen_seed=1).method)
    for emb, expected in zip(other, fits.emb, strict=True):
        _require(
            np.array_equal(emb, expected),
            f"other unseen items move the embeddings by up to {_difference(emb, expected)}: "
            "fit has found a way to them",
        )


Check = Callable[[Method], None]
CHECKS: tuple[Check, ...] = (
    check_card,
    check_configuration,
    check_fit_returns_self,
    check_progress,
    check_shapes,
    check_finite,
    check_batch_size_does_not_matter,
    check_same_seed_same_result,
    check_save_and_load,
    check_sees_nothing,
)


def _require(is_kept: bool, message: str) -> None:
    # Not an assert statement: a check must also hold under `python -O`.
    if not is_kept:
        raise AssertionError(message)


def _config(method: Method) -> Any:
    return resolve_config(method, "smoke", make_tiny_world().split, width=WIDTH).config


class _Fits:
    """Two fits of a method: the second with other unseen items, which must change nothing.

    Nor may its seed, where the card says that the method is not random. The checks change neither fit.
    """

    def __init__(self, method: Method) -> None:
        self._method = method
        self._progress = FitProgress()
        self.second_seed = 0 if method.card.is_random else 1

    @functools.cached_property
    def first(self) -> Embedded:
        """Of seed 0."""
        return _embedded(self._method, progress=self._progress)

    @property
    def progress(self) -> FitProgress:
        """As the first fit left it."""
        _ = self.first
        return self._progress

    @functools.cached_property
    def emb(self) -> Embeddings:
        """Test items, embedded by the first fit."""
        return _embed_in_batches(self.first.method)

    @functools.cached_property
    def emb_of_second(self) -> Embeddings:
        """The same items, embedded by the second fit."""
        return _embed_in_batches(_embedded(self._method, seed=self.second_seed, unseen_seed=1).method)


@functools.lru_cache(maxsize=64)
def _fits(method: Method) -> _Fits:
    """Return the same fits to every check, also where tests in random order come back to a method late."""
    return _Fits(method)


def _embedded(
    method: Method, *, seed: int = 0, unseen_seed: int = 0, progress: FitProgress | None = None
) -> Embedded:
    task = make_tiny_world(unseen_seed=unseen_seed).task(method.card)
    progress = progress or FitProgress()
    try:
        return fit_and_embed(method, _config(method), task, seed=seed, device="cpu", progress=progress)
    except ValueError as error:
        raise AssertionError(str(error)) from error


def _pair(embedded: Embedded) -> Embeddings:
    return embedded.query_emb, embedded.gallery_emb


def _embed_in_batches(fitted: RetrievalMethod, *, batch: int = 10_000) -> Embeddings:
    """Embed the test items of the world, in their shuffled order; without `batch` all at once."""
    task = make_tiny_world().task(fitted.card)
    task.seen()
    items = task.test_items()

    def embed(function: Callable[[torch.Tensor], torch.Tensor], inputs: Inputs) -> NDArray[np.float32]:
        with torch.inference_mode():
            parts = [function(inputs[i : i + batch]) for i in range(0, len(inputs), batch)]
        return torch.cat(parts).numpy()

    return embed(fitted.embed_sketches, items.queries), embed(fitted.embed_photos, items.gallery)


def _is_same(pair: Embeddings, expected: Embeddings) -> bool:
    return all(np.array_equal(*each) for each in zip(pair, expected, strict=True))


def _difference(emb: NDArray[np.float32], expected: NDArray[np.float32]) -> str:
    if emb.shape != expected.shape:
        return f"their shapes, {emb.shape} and {expected.shape}"
    return f"{np.abs(emb - expected).max():.2g}"
