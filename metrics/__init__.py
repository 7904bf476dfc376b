"""A ranking in, numbers out: exact retrieval metrics, their chance level and their intervals.

`evaluate` and its companions load on first use, so that `import metrics.definitions` needs no numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from metrics.definitions import DEFAULT, FAMILIES, Family, Metric, parse

if TYPE_CHECKING:
    from metrics.evaluation import Evaluation, evaluate
    from metrics.intervals import BootstrapMeans, bootstrap_means, confidence_interval, fold_mean_draws
    from metrics.random_ranking import chance, chance_pr_curve
    from metrics.top import TopRanking, top_ranking

# Raised when a stored number could come out differently today.
ENGINE_VERSION = "2"

_HOMES = {
    "Evaluation": "evaluation",
    "evaluate": "evaluation",
    "BootstrapMeans": "intervals",
    "bootstrap_means": "intervals",
    "confidence_interval": "intervals",
    "fold_mean_draws": "intervals",
    "chance": "random_ranking",
    "chance_pr_curve": "random_ranking",
    "TopRanking": "top",
    "top_ranking": "top",
}

__all__ = [
    "DEFAULT",
    "ENGINE_VERSION",
    "FAMILIES",
    "BootstrapMeans",
    "Evaluation",
    "Family",
    "Metric",
    "TopRanking",
    "bootstrap_means",
    "chance",
    "chance_pr_curve",
    "confidence_interval",
    "evaluate",
    "fold_mean_draws",
    "parse",
    "top_ranking",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"metrics.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'metrics' has no attribute {name!r}")
