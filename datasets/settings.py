"""The terms of a test: which classes are searched, who queries whom, and what counts as found.

Definitions and who published with them: `README.md`, "Settings and directions".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmark.errors import BenchmarkError

Modality = Literal["sketch", "photo"]
Direction = Literal["sketch2photo", "photo2sketch", "sketch2sketch", "photo2photo"]
Relevance = Literal["category", "instance"]
Setting = Literal["zs", "gzs/heldout", "gzs/all_seen", "gzs/sem_pcyc", "gzs/open_search"]
Queries = Literal["all", "loo", "sake10"]

DIRECTIONS: dict[Direction, tuple[Modality, Modality]] = {
    "sketch2photo": ("sketch", "photo"),
    "photo2sketch": ("photo", "sketch"),
    "sketch2sketch": ("sketch", "sketch"),
    "photo2photo": ("photo", "photo"),
}
"""Modality of the queries and of the gallery."""

PLURALS: dict[Modality, str] = {"sketch": "sketches", "photo": "photos"}


@dataclass(frozen=True)
class SettingFacts:
    """What a setting adds to the unseen items. meaning: in a sentence, for lists and footnotes.

    tests_training_items: whether the gallery contains items that `fit` was given.
    """

    meaning: str
    tests_training_items: bool = False


SETTINGS: dict[Setting, SettingFacts] = {
    "zs": SettingFacts("queries and gallery of unseen classes"),
    "gzs/heldout": SettingFacts(
        "20 % of the items of every seen class, both modalities, are kept from training and join gallery and "
        "queries"
    ),
    "gzs/all_seen": SettingFacts(
        "all seen items join the gallery and none the queries (the items of PCMSN)", True
    ),
    "gzs/sem_pcyc": SettingFacts(
        "seen training items, 0.2 times as many as unseen ones, join gallery and queries (as many as in "
        "SEM-PCYC, which prints one mean over all queries)",
        True,
    ),
    "gzs/open_search": SettingFacts(
        "20 % of all seen items, whatever their class, are kept from training and join gallery and queries "
        "(as many as in open-search, which prints one mean over all queries)"
    ),
}

QUERIES: dict[Queries, str] = {
    "all": "every item of the query modality, against another modality",
    "loo": "every item in turn against all others of its modality (leave one out)",
    "sake10": (
        "10 drawn pictures a class, at most half of it; in one modality the rest is the gallery (SAKE and "
        "MATHM take the first ten of their lists and leave copies of them in the gallery)"
    ),
}


RELEVANCES: dict[Relevance, str] = {
    "category": "an item of the query's class is a positive",
    "instance": "only an item of the query's own object is, such as the photo that a sketch was drawn from",
}


@dataclass(frozen=True)
class Terms:
    """How a test is set up. queries: None stands for all, in one modality for loo.

    Raises BenchmarkError for a name that is not known, and for queries that do not fit the direction.
    """

    setting: Setting = "zs"
    direction: Direction = "sketch2photo"
    queries: Queries | None = None
    relevance: Relevance = "category"

    def __post_init__(self) -> None:
        for what, value, known in (
            ("setting", self.setting, tuple(SETTINGS)),
            ("direction", self.direction, tuple(DIRECTIONS)),
            ("queries", self.queries, (*QUERIES, None)),
            ("relevance", self.relevance, tuple(RELEVANCES)),
        ):
            if value not in known:
                names = ", ".join(name for name in known if name)
                raise BenchmarkError(f"no {what} '{value}'. Known: {names}.")
        wrong = {True: "all", False: "loo"}[self.is_within_modality]
        if self.queries == wrong:
            fitting = "loo or sake10" if self.is_within_modality else "all or sake10"
            raise BenchmarkError(
                f"queries '{wrong}' do not fit direction {self.direction}: {QUERIES[wrong]}. "
                f"Choose {fitting}."
            )

    @property
    def modalities(self) -> tuple[Modality, Modality]:
        """Modality of the queries and of the gallery."""
        return DIRECTIONS[self.direction]

    @property
    def is_within_modality(self) -> bool:
        """Whether queries and gallery are of one modality, so that an item must not find itself."""
        return self.modalities[0] == self.modalities[1]

    @property
    def queries_name(self) -> Queries:
        """The queries, for records."""
        return self.queries or ("loo" if self.is_within_modality else "all")

    @property
    def exclusions(self) -> str:
        """Which pairs are removed before ranking, for records."""
        return "the query itself and equal content" if self.is_within_modality else "none"


ZERO_SHOT = Terms()
