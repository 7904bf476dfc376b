"""From a suite's grids and the flags of `run` to the grids that are run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from benchmark.record_fields import digest
from benchmark.registry import DATASETS
from benchmark.suite import CHOOSING, OF_PICTURES, Suite, meets, names_apart

if TYPE_CHECKING:
    from benchmark.prepare import PreparedData


def given(**flags: Any) -> dict[str, Any]:
    """Return the flags that have a value; methods and splits named "all" alone are the word itself."""
    found = {name: value for name, value in flags.items() if value is not None}
    return found | {name: "all" for name in ("methods", "splits") if found.get(name) == ("all",)}


def fitting(grids: Sequence[Suite], flags: Mapping[str, Any]) -> tuple[tuple[Suite, ...], tuple[str, ...]]:
    """Return the grids that meet the flags of CHOOSING, and which flags chose them.

    A flag that no grid meets chooses none: it changes them all.
    """
    kept, chosen_by = tuple(grids), []
    for name in CHOOSING:
        meeting = tuple(suite for suite in kept if meets(suite, name, flags.get(name)))
        if name in flags and meeting and len(meeting) < len(kept):
            kept = meeting
            chosen_by.append(name)
    return kept, tuple(chosen_by)


def changed(grids: Sequence[Suite], flags: Mapping[str, Any]) -> tuple[Suite, ...]:
    """Return the grids that fit the flags, changed by them. Raises BenchmarkError for flags that do not fit.

    flags: as `given` returns them. Grids that the flags make equal are one: one that was so before, if any.
    """
    found: list[Suite] = []
    for suite in fitting(grids, flags)[0]:
        own = _changed(suite, dict(flags))
        if own != suite:
            own = own.model_copy(update={"title": f"changed by --{', --'.join(flags).replace('_', '-')}"})
        twin = next(
            (one for one in found if own == one.model_copy(update={"part": own.part, "title": own.title})),
            None,
        )
        if twin is None:
            found.append(own)
        elif own == suite:
            found[found.index(twin)] = own
    if all(suite in grids for suite in found):
        return tuple(found)
    # The old names would speak of what the flags replaced.
    parts = names_apart([suite.model_dump(mode="json") for suite in found])
    return tuple(
        suite if suite in grids else suite.model_copy(update={"part": part})
        for suite, part in zip(found, parts, strict=True)
    )


def _changed(suite: Suite, changes: dict[str, Any]) -> Suite:
    if changes.get("dataset", suite.dataset) != suite.dataset:
        # Splits and protocol of the suite's data set mean nothing on another one.
        changes = {"splits": "default", "protocol": None, **changes}
    if DATASETS.get(changes.get("dataset", suite.dataset)).brings_features:
        changes = {**_terms_without_pictures(changes), **changes}
    if "methods" in changes:
        changes = {**changes, "variants": ()}
    if changes.get("direction", suite.direction) != suite.direction and suite.queries in ("all", "loo"):
        changes = {"queries": None, **changes}  # the word for all queries is another one
    changed = suite.model_copy(update=changes)
    _ = changed.terms  # which refuses what it does not know
    if "bits" in changes and not changed.codes.is_itq:
        raise BenchmarkError(
            f"--bits {changed.bits}: only ITQ has a number of bits, and codes are '{changed.codes}'. "
            "Add --codes itq."
        )
    return changed


def _terms_without_pictures(changes: Mapping[str, Any]) -> dict[str, Any]:
    """What a suite says of pictures means nothing where features come with the data."""
    usual = {name: Suite.model_fields[name].default for name in OF_PICTURES}
    for name in OF_PICTURES:
        is_usual = name != "backbone" and changes.get(name) == usual[name]
        if name in changes and not is_usual:
            raise BenchmarkError(
                f"--{name} {changes[name]}: this data set brings features that were made elsewhere, so that "
                f"no picture is read. Leave --{name} out."
            )
    return usual


def is_of(suite: Suite, grid: Suite) -> bool:
    """Whether a suite is this grid, or the splits of one family that it was divided into."""
    if suite == grid:
        return True
    whole = suite.model_copy(update={"splits": grid.splits, "part": grid.part})
    is_share = grid.splits == "all" or set(suite.splits) < set(grid.splits)
    return is_share and suite.part != grid.part and whole == grid


_NEWER = ("class_vectors", "weights", "finetune", "finetuning")


def own_name(data: PreparedData) -> str:
    """What tables of a grid of one's own are called: they overwrite those of no suite and no other grid."""
    protocol, suite = data.protocol(data.splits()[0]), data.suite
    # Tables keep the names that they had before there was a choice.
    usual = {name for name in _NEWER if getattr(suite, name) == Suite.model_fields[name].default}
    left_out = {"name", "title", "part"} | usual
    own_terms = digest(suite.model_dump(mode="json", exclude=left_out))[:6]
    splits = suite.splits if isinstance(suite.splits, tuple) and len(suite.splits) < 3 else ()
    words = (protocol.dataset, *splits, protocol.protocol, *protocol.special_terms, own_terms)
    return "-".join(re.sub(r"[^A-Za-z0-9+]+", "_", word) for word in words)
