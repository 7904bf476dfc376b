"""What every method must keep to, as checks that a plugin's own test can run.

Each check takes a method's class, runs it on a generated world (`benchmark.contract.tiny_world`) with its
"smoke" configuration or its defaults, and raises AssertionError saying what is broken. `CHECKS` holds
them all.
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
    built = method(_config(method))
    seen = make_tiny_world().task(method.card).seen()
    returned = built.fit(seen, seed=0, progress=FitProgress())
    _require(returned is built, f"fit must return self, got {type(returned).__name__}")


def check_progress(method: Method) -> None:
    """Progress never passes its total."""
    progress = FitProgress()
    _embedded(method, progress=progress)
    _require(
        progress.done <= progress.total,
        f"progress ends at {progress.done} of {progress.total} {progress.unit}s: call progress.start(total), "
        "then progress.advance() once a step",
    )


def check_shapes(method: Method) -> None:
    """Every item gets one float32 row, equally wide in both modalities and no wider than asked for."""
    for emb in _pair(_fitted_once(method)):
        _require(emb.shape[1] > 0, "embeddings have no column")
        if method.card.width == "free":
            _require(emb.shape[1] <= WIDTH, f"width {WIDTH} was asked for, got {emb.shape[1]}")


def check_finite(method: Method) -> None:
    """No embedding holds NaN or infinity."""
    for emb in _pair(_fitted_once(method)):
        _require(bool(np.isfinite(emb).all()), f"{int((~np.isfinite(emb)).sum())} values are not finite")


def check_batch_size_does_not_matter(method: Method) -> None:
    """An item's embedding depends on the item alone, not on what else is in its batch."""
    embedded = _fitted_once(method)
    whole = _embed_in_batches(embedded.method, batch=10_000)
    for batch in (1, 7):
        for emb, expected in zip(_embed_in_batches(embedded.method, batch=batch), whole, strict=True):
            _require(
                np.allclose(emb, expected, rtol=1e-4, atol=1e-5),
                f"in batches of {batch}, embeddings differ by up to {_difference(emb, expected)}: "
                "call eval() on networks, and take no statistics of a batch",
            )


def check_same_seed_same_result(method: Method) -> None:
    """Equal seeds give equal results, bit for bit; a method that is not random gives them at any seed."""
    first = _embedded(method, seed=3)
    second = _embedded(method, seed=3 if method.card.is_random else 4)
    for emb, expected in zip(_pair(first), _pair(second), strict=True):
        _require(
            np.array_equal(emb, expected),
            f"two fits differ by up to {_difference(emb, expected)}: draw from a generator with the given "
            "seed only; a card with is_random=False promises the same result at every seed",
        )


def check_save_and_load(method: Method) -> None:
    """A method read from the file that it wrote embeds as before."""
    embedded = _fitted_once(method)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        embedded.method.save(path)
        loaded = method.load(path)
    _require(loaded.config == embedded.method.config, "the loaded method has another configuration")
    before, after = (_embed_in_batches(fitted, batch=10_000) for fitted in (embedded.method, loaded))
    for emb, expected in zip(after, before, strict=True):
        _require(
            np.array_equal(emb, expected),
            f"after load, embeddings differ by up to {_difference(emb, expected)}: `state` must return every "
            "tensor that embedding needs",
        )


def check_sees_nothing(method: Method) -> None:
    """What is learnt does not change when the unseen classes' items do."""
    fitted = [_embedded(method, unseen_seed=unseen_seed).method for unseen_seed in (0, 1)]
    one, other = (_embed_in_batches(each, batch=10_000) for each in fitted)
    for emb, expected in zip(one, other, strict=True):
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


def _embedded(
    method: Method, *, seed: int = 0, unseen_seed: int = 0, progress: FitProgress | None = None
) -> Embedded:
    task = make_tiny_world(unseen_seed=unseen_seed).task(method.card)
    progress = progress or FitProgress()
    try:
        return fit_and_embed(method, _config(method), task, seed=seed, device="cpu", progress=progress)
    except ValueError as error:
        raise AssertionError(str(error)) from error


@functools.lru_cache(maxsize=1)
def _fitted_once(method: Method) -> Embedded:
    """Return what checks look at without changing it; the checks of one method run one after the other."""
    return _embedded(method)


def _pair(embedded: Embedded) -> Embeddings:
    return embedded.query_emb, embedded.gallery_emb


def _embed_in_batches(fitted: RetrievalMethod, *, batch: int) -> Embeddings:
    """Embed the test items of the world, in their shuffled order."""
    task = make_tiny_world().task(fitted.card)
    task.seen()
    items = task.test_items()

    def embed(function: Callable[[torch.Tensor], torch.Tensor], inputs: Inputs) -> NDArray[np.float32]:
        with torch.inference_mode():
            parts = [function(inputs[i : i + batch]) for i in range(0, len(inputs), batch)]
        return torch.cat(parts).numpy()

    return embed(fitted.embed_sketches, items.queries), embed(fitted.embed_photos, items.gallery)


def _difference(emb: NDArray[np.float32], expected: NDArray[np.float32]) -> str:
    if emb.shape != expected.shape:
        return f"their shapes, {emb.shape} and {expected.shape}"
    return f"{np.abs(emb - expected).max():.2g}"
