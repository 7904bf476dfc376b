"""Wrong values in a configuration, found before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.errors import BenchmarkError


def check_choices(config: Any, allowed: Mapping[str, Sequence[Any]]) -> None:
    """Raise BenchmarkError, naming what is allowed, for a parameter with another value."""
    for name, values in allowed.items():
        value = getattr(config, name)
        if value not in values:
            raise BenchmarkError(f"{name} = {value!r}, allowed: {', '.join(map(str, values))}.")


def check_positive(config: Any, names: Sequence[str]) -> None:
    """Raise BenchmarkError for a parameter that is 0 or less."""
    for name in names:
        value = getattr(config, name)
        if not value > 0:
            raise BenchmarkError(f"{name} = {value!r}, allowed: numbers above 0.")


def check_at_least(config: Any, lowest: float, names: Sequence[str]) -> None:
    """Raise BenchmarkError for a parameter below the lowest allowed value."""
    for name in names:
        value = getattr(config, name)
        if not value >= lowest:
            raise BenchmarkError(f"{name} = {value!r}, allowed: numbers from {lowest} on.")


def check_not_negative(config: Any, names: Sequence[str]) -> None:
    """Raise BenchmarkError for a parameter below 0."""
    check_at_least(config, 0, names)


def check_share(config: Any, names: Sequence[str]) -> None:
    """Raise BenchmarkError for a parameter below 0, or of 1 and more."""
    for name in names:
        value = getattr(config, name)
        if not 0 <= value < 1:
            raise BenchmarkError(f"{name} = {value!r}, allowed: numbers from 0 to below 1.")
