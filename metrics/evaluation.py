"""`evaluate`: embeddings and labels in, every number of one evaluation out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.costs import Distance, cost_blocks, count_items
from metrics.definitions import DEFAULT, TIE_RULES, Metric, Relevance, parse
from metrics.functions import GROUPED
from metrics.inputs import FloatArray, IntArray, as_values, check_comparable, positions_by_value
from metrics.matches import Exclusions, Matches, exclusions, matches, named_matches
from metrics.measure import Task, empty_values, measuring
from metrics.ranking import seeded_shuffle


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The numbers of one evaluation. Queries stand in the order given; nan marks a query without the value.

    A query without the value has no positive in the gallery or, for `acc@k`, no item of its instance.
    """

    summary: Mapping[str, float]  # id -> mean over queries
    class_balanced: Mapping[str, float]  # id -> mean over classes of their queries' means
    per_query: Mapping[str, FloatArray]  # id -> (Q,)
    per_class: Mapping[str, Mapping[Hashable, float]]  # id -> label -> mean over its queries
    pr_curve: FloatArray  # (11,) precision at recall 0, 0.1 ... 1, mean over queries
    pr_per_query: FloatArray  # (Q, 11)
    ties: Mapping[int, float]  # cut k -> share of queries with a tie of positives and others across rank k
    n_near_ties: int  # queries where a rounding error could move an item across a cut
    n_relevant: IntArray  # (Q,) positives after exclusions
    n_ranked: IntArray  # (Q,) items after exclusions
    n_instances: IntArray | None  # (Q,) items of the query's instance; None where no instances were given
    dropped: Mapping[str, str]  # default ids that could not be computed, and why
    n_gallery: int

    @property
    def n_queries(self) -> int:
        """Queries given, those without positives included."""
        return self.n_relevant.size

    @property
    def n_without_positives(self) -> int:
        """Queries left out because nothing in the gallery is relevant to them."""
        return int(np.count_nonzero(self.n_relevant == 0))

    @property
    def n_without_instance(self) -> int | None:
        """Queries left out of `acc@k`; None where no instances were given."""
        return None if self.n_instances is None else int(np.count_nonzero(self.n_instances == 0))


def evaluate(
    query_emb: Any,
    query_labels: Any,
    gallery_emb: Any,
    gallery_labels: Any,
    *,
    metrics: Sequence[str] = DEFAULT,
    distance: Distance = "euclidean",
    ties: str = "expected",
    query_ids: Any = None,
    gallery_ids: Any = None,
    query_groups: Any = None,
    gallery_groups: Any = None,
    query_instances: Any = None,
    gallery_instances: Any = None,
    exclude_self: bool = False,
    block: int = 256,
    device: str = "cpu",
    seed: int = 0,
) -> Evaluation:
    """Rank the gallery for every query and measure the rankings.

    query_emb (Q, d), gallery_emb (N, d): arrays or tensors; labels (Q,) and (N,): numbers or text.
    metrics: complete ids. Of the default set, ids that cannot be computed are dropped and reported; asked
    for by name they are an error. distance: euclidean, cosine, dot, hamming (codes of -1 and 1, or 0 and 1),
    or a callable (query_block, gallery) -> (B, N) scores, larger is better; its blocks hold rows of
    `query_emb` in an order of our own.
    ties: `expected`, the mean over all orders of each tie; `grouped`, a tie is one threshold, for the ids
    that have such a reading; `stable`, one order of the gallery drawn from `seed`; `optimistic` and
    `pessimistic`, the bounds. Curves read a tie as one threshold where the rule puts it in no order.
    exclude_self: before ranking, remove every pair with equal id or equal content group.
    *_ids, *_groups, *_instances: one entry an item; None, "" or -1 where an item has none.
    device: where scores are computed and ranked, such as "cuda"; on the CPU as many threads as torch has.
    Memory: one array of (block, N) scores and parts of it; nothing of (Q, N), which no device hands over
    either. Values are float64 and, on given scores, the same for every block size.
    Raises ValueError for anything that does not fit, with what was seen and what is allowed.

    >>> photos, photo_labels = [[0.1], [0.8], [0.9]], ["a", "b", "a"]
    >>> found = evaluate([[0.0], [1.0]], ["a", "b"], photos, photo_labels, metrics=["mrr"])
    >>> found.summary["mrr"], found.per_query["mrr"]
    (0.75, array([1. , 0.5]))
    """
    if ties not in TIE_RULES:
        raise ValueError(f"No tie rule named {ties!r}. Known: {', '.join(TIE_RULES)}.")
    n_queries, n_gallery = count_items(query_emb, gallery_emb, distance, block)
    labels = as_values("query_labels", query_labels, n_queries, "query_emb")
    among = as_values("gallery_labels", gallery_labels, n_gallery, "gallery_emb")
    relevant = _relevant(labels, among, query_instances, gallery_instances)
    named = {"ids": (query_ids, gallery_ids), "groups": (query_groups, gallery_groups)}
    excluded = exclusions(n_queries, n_gallery, named, exclude_self=exclude_self)
    n_ranked, n_positives = _after_exclusions(relevant, excluded, n_queries, n_gallery, block)
    wanted, dropped = _choose(metrics, int(n_ranked.min()), ties, has_instances="instance" in relevant)

    # Queries with equally many positives are measured together, those of one class above all.
    of_class = relevant["class"]
    order = np.lexsort((of_class.group, n_positives["class"], of_class.counts))
    blocks = cost_blocks(query_emb, gallery_emb, distance=distance, device=device, order=order, block=block)
    shuffle = seeded_shuffle(n_gallery, seed)
    task = Task(wanted, ties, seed, relevant, n_positives, excluded, shuffle, is_named=not callable(distance))
    values = empty_values(wanted, n_queries)
    with measuring(task, values) as measurer:
        for costs in blocks:
            measurer.measure(costs)

    per_query = values.per_query
    members = positions_by_value(labels)
    per_class = {id_: _class_means(values, members) for id_, values in per_query.items()}
    return Evaluation(
        summary={id_: _mean(values) for id_, values in per_query.items()},
        class_balanced={id_: _mean(np.array(list(means.values()))) for id_, means in per_class.items()},
        per_query=per_query,
        per_class=per_class,
        pr_curve=np.array([_mean(precisions) for precisions in values.pr.T]),
        pr_per_query=values.pr,
        ties={k: float(across.mean()) for k, across in sorted(values.mixed.items())},
        n_near_ties=int(values.near.sum()),
        n_relevant=n_positives["class"],
        n_ranked=n_ranked,
        n_instances=n_positives.get("instance"),
        dropped=dropped,
        n_gallery=n_gallery,
    )


def _relevant(
    query_labels: list[Hashable], gallery_labels: list[Hashable], query_instances: Any, gallery_instances: Any
) -> dict[Relevance, Matches]:
    """For each sense of relevance that the caller gave, every query's positives."""
    check_comparable("labels", query_labels, gallery_labels)
    relevant: dict[Relevance, Matches] = {"class": matches(query_labels, gallery_labels)}
    if (query_instances is None) != (gallery_instances is None):
        raise ValueError("query_instances and gallery_instances go together: give both or neither.")
    if query_instances is not None:
        relevant["instance"] = named_matches(
            "instances", query_instances, gallery_instances, len(query_labels), len(gallery_labels)
        )
    return relevant


def _after_exclusions(
    relevant: Mapping[Relevance, Matches],
    excluded: Exclusions | None,
    n_queries: int,
    n_gallery: int,
    block: int,
) -> tuple[IntArray, dict[Relevance, IntArray]]:
    """(Q,) items ranked, and (Q,) positives among them for each sense of relevance."""
    n_ranked = np.full(n_queries, n_gallery)
    n_positives = {kind: found.counts for kind, found in relevant.items()}
    if excluded is not None:
        for rows in np.split(np.arange(n_queries), range(block, n_queries, block)):
            index, columns = excluded.pairs(rows, n_gallery)
            n_ranked[rows] -= np.bincount(index, minlength=rows.size)
            for kind, found in relevant.items():
                is_positive = found.group[rows[index]] == found.gallery_group[columns]
                n_positives[kind][rows] -= np.bincount(index[is_positive], minlength=rows.size)
    return n_ranked, n_positives


def _choose(
    ids: Sequence[str], n_ranked: int, ties: str, *, has_instances: bool
) -> tuple[tuple[Metric, ...], dict[str, str]]:
    """The metrics to compute, and which of the default ones cannot be and why.

    Raises ValueError where an id asked for by name cannot be computed.
    """
    wanted: list[Metric] = []
    dropped: dict[str, str] = {}
    if isinstance(ids, str):
        raise ValueError(f"metrics must be a list of ids, got the text {ids!r}: write [{ids!r}].")
    for metric in map(parse, dict.fromkeys(ids)):
        if metric.family.is_curve:
            raise ValueError(
                f"{metric.id!r} is a curve, not a number; every Evaluation has it as `pr_curve`."
            )
        obstacle = ""
        if metric.ranks_needed is not None and metric.ranks_needed > n_ranked:
            obstacle = (
                f"it looks at {metric.ranks_needed} ranks, but a query has only {n_ranked} items to rank"
            )
        elif ties == "grouped" and metric.family.pattern not in GROUPED:
            obstacle = (
                f"under ties='grouped' a tie is one threshold, which only {', '.join(GROUPED)} can read"
            )
        elif metric.family.relevance == "instance" and not has_instances:
            obstacle = "it needs query_instances and gallery_instances"
        if not obstacle:
            wanted.append(metric)
        elif tuple(ids) == DEFAULT:
            dropped[metric.id] = obstacle
        else:
            raise ValueError(f"Metric {metric.id!r} cannot be computed: {obstacle}.")
    return tuple(wanted), dropped


def _mean(values: FloatArray) -> float:
    """Mean of what is there; nan where nothing is."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


def _class_means(values: FloatArray, members: Mapping[Hashable, IntArray]) -> dict[Hashable, float]:
    """Mean of each class that has a value."""
    means = {label: _mean(values[queries]) for label, queries in members.items()}
    return {label: mean for label, mean in means.items() if not np.isnan(mean)}
