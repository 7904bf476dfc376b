"""Made-up retrieval data, and other programs that measure the same rankings.

A peer takes a `Data` and returns a function to be timed. Whatever it wants its input turned into first is
done outside that function, at no charge; what it answers, one value a query, must agree with ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrics import evaluate

Run = Callable[[], Any]
BLOCK = 256
TOP = 200


@dataclass(frozen=True)
class Data:
    """Queries (Q, d) and a gallery (N, d) with their class labels, float32 rows of length one."""

    queries: NDArray[np.float32]
    query_labels: NDArray[np.int64]
    gallery: NDArray[np.float32]
    gallery_labels: NDArray[np.int64]

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """(Q, N), larger is better."""
        return self.queries @ self.gallery.T

    @cached_property
    def relevant(self) -> NDArray[np.bool_]:
        """(Q, N) True where query and gallery item are of one class."""
        return self.query_labels[:, None] == self.gallery_labels

    def first(self, n: int) -> Data:
        """The same with the first n queries only."""
        return Data(self.queries[:n], self.query_labels[:n], self.gallery, self.gallery_labels)

    def evaluated(self, **options: Any) -> Any:
        """What the engine makes of the embeddings."""
        return evaluate(self.queries, self.query_labels, self.gallery, self.gallery_labels, **options)

    def evaluated_on_scores(self, **options: Any) -> Any:
        """What the engine makes of the finished scores, which a callable looks up by query number."""
        numbers = np.arange(len(self.queries), dtype=np.float32)[:, None]
        nothing = np.zeros((len(self.gallery), 1), dtype=np.float32)

        def look_up(asked: NDArray[np.float32], _: Any) -> NDArray[np.float32]:
            rows = asked[:, 0].astype(int)
            in_order = np.array_equal(rows, np.arange(rows[0], rows[0] + rows.size))
            return self.scores[rows[0] : rows[0] + rows.size] if in_order else self.scores[rows]

        return evaluate(numbers, self.query_labels, nothing, self.gallery_labels, distance=look_up, **options)


def made_up(n_queries: int, n_gallery: int, n_classes: int, d: int, seed: int = 0) -> Data:
    """Gaussian classes in shuffled order; the largest holds four times as many items as the smallest."""
    rng = np.random.default_rng(seed)
    edges = np.linspace(0.4, 1.6, n_classes).cumsum() / n_classes * n_gallery
    gallery_labels = rng.permutation(np.searchsorted(np.rint(edges)[:-1], np.arange(n_gallery), "right"))
    query_labels = rng.permutation(np.arange(n_queries) % n_classes)
    centres = rng.standard_normal((n_classes, d), dtype=np.float32)
    noise = np.float32(0.67 * d**0.25)  # with 25 classes a mean average precision of about 0.5 for every d

    def embed(labels: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = np.empty((labels.size, d), dtype=np.float32)
        for start in range(0, labels.size, 4096):  # in parts: the peak of the memory is that of the result
            part = centres[labels[start : start + 4096]]
            part += noise * rng.standard_normal(part.shape, dtype=np.float32)
            rows[start : start + 4096] = part / np.linalg.norm(part, axis=1, keepdims=True)
        return rows

    return Data(embed(query_labels), query_labels, embed(gallery_labels), gallery_labels)


def as_codes(data: Data, bits: int = 64) -> Data:
    """Codes of -1 and 1: on which side of `bits` random hyperplanes an item lies."""
    planes = np.random.default_rng(1).standard_normal((data.queries.shape[1], bits), dtype=np.float32)
    sides = [
        np.where(rows @ planes > 0, np.float32(1), np.float32(-1)) for rows in (data.queries, data.gallery)
    ]
    return Data(sides[0], data.query_labels, sides[1], data.gallery_labels)


def product(data: Data) -> Run:
    """The matrix product alone, in blocks, into memory that is there already."""
    buffer = np.empty((BLOCK, len(data.gallery)), dtype=np.float32)

    def run() -> None:
        for start in range(0, len(data.queries), BLOCK):
            part = data.queries[start : start + BLOCK]
            np.matmul(part, data.gallery.T, out=buffer[: len(part)])

    return run


def scikit_learn(data: Data) -> Run:
    from sklearn.metrics import average_precision_score

    pairs = list(zip(data.relevant, data.scores, strict=True))
    return lambda: np.array([average_precision_score(relevant, row) for relevant, row in pairs])


def torchmetrics(data: Data) -> Run:
    import torch
    from torchmetrics.retrieval import RetrievalMAP

    # It takes no item of a score up to 0 for relevant; cosines begin at -1.
    scores, relevant = torch.from_numpy(data.scores + 1), torch.from_numpy(data.relevant)
    query = torch.arange(len(scores))[:, None].repeat(1, scores.shape[1])

    def run() -> NDArray[Any]:
        metric = RetrievalMAP(aggregation=lambda values, dim=None: values)
        metric.update(scores, relevant, query)
        return metric.compute().numpy()

    return run


def torch_sort(data: Data) -> Run:
    import torch

    scores, relevant = torch.from_numpy(data.scores), torch.from_numpy(data.relevant)
    ranks = torch.arange(1, scores.shape[1] + 1, dtype=torch.float64)

    def block(rows: slice) -> Any:
        order = scores[rows].sort(dim=1, descending=True, stable=True).indices
        hits = relevant[rows].gather(1, order)
        return (hits.cumsum(1) / ranks * hits).sum(1) / hits.sum(1)

    return lambda: torch.cat([block(slice(i, i + 128)) for i in range(0, len(scores), 128)]).numpy()


def numpy_argsort(data: Data) -> Run:
    def block(rows: slice) -> list[float]:
        order = np.argsort(-data.scores[rows], axis=1)
        ranks = [np.flatnonzero(own[best]) + 1 for own, best in zip(data.relevant[rows], order, strict=True)]
        return [float(np.mean(np.arange(1, found.size + 1) / found)) for found in ranks]

    return lambda: np.concatenate([block(slice(i, i + 64)) for i in range(0, len(data.scores), 64)])


def ranx(data: Data) -> Run:
    from ranx import Qrels
    from ranx import Run as Ranking
    from ranx import evaluate as measure

    qrels, rankings = Qrels(_relevant_names(data)), Ranking(_scores_by_name(data))
    return lambda: measure(qrels, rankings, "map", return_mean=False, threads=1)


def pytrec_eval(data: Data) -> Run:
    import pytrec_eval

    evaluator = pytrec_eval.RelevanceEvaluator(_relevant_names(data), {"map"})
    rankings = _scores_by_name(data)
    return lambda: np.array([values["map"] for values in evaluator.evaluate(rankings).values()])


def faiss(data: Data) -> Run:
    import faiss

    index = faiss.IndexFlatIP(data.gallery.shape[1])
    index.add(data.gallery)
    rows = np.arange(len(data.queries))[:, None]
    return lambda: data.relevant[rows, index.search(data.queries, TOP)[1]].mean(axis=1)


def _relevant_names(data: Data) -> dict[str, dict[str, int]]:
    found = map(np.flatnonzero, data.relevant)
    return {f"q{query:06}": {f"g{item}": 1 for item in items} for query, items in enumerate(found)}


def _scores_by_name(data: Data) -> dict[str, dict[str, float]]:
    names = [f"g{item}" for item in range(len(data.gallery))]
    rows = enumerate(data.scores.tolist())
    return {f"q{query:06}": dict(zip(names, row, strict=True)) for query, row in rows}


class Peer(NamedTuple):
    """A program to compare with, and what it answers."""

    name: str
    prepare: Callable[[Data], Run]
    module: str  # to import
    package: str  # to install
    tolerance: float  # largest difference of a query's value, where rounding and ties move an item
    metric: str = "map@all"
    ties: str = "expected"
    at_least: float | None = None  # how many times faster our stage shall be
    is_slow: bool = False  # gets few queries
    has_product: bool = False  # starts from embeddings


PEERS = (
    Peer("scikit-learn, a loop", scikit_learn, "sklearn", "scikit-learn", 1e-12, ties="grouped", at_least=15),
    Peer("torchmetrics, RetrievalMAP", torchmetrics, "torchmetrics", "torchmetrics", 1e-4, at_least=20),
    Peer("torch.sort, blocks of 128", torch_sort, "torch", "torch", 1e-5, at_least=8),
    Peer("numpy.argsort, blocks of 64", numpy_argsort, "numpy", "numpy", 1e-5),
    Peer("ranx", ranx, "ranx", "ranx", 1e-5, is_slow=True),
    Peer("pytrec_eval", pytrec_eval, "pytrec_eval", "pytrec_eval-terrier", 1e-5, is_slow=True),
    Peer("faiss, first 200", faiss, "faiss", "faiss-cpu", 1 / TOP, metric=f"p@{TOP}", has_product=True),
)


def check_agreement(name: str, theirs: NDArray[Any], ours: NDArray[Any], tolerance: float) -> None:
    """Two speeds compare only where the answers are the same. Raises ValueError where they are not."""
    apart = np.abs(np.asarray(theirs, dtype=np.float64) - ours)
    worst = int(apart.argmax())
    if not apart[worst] <= tolerance:
        raise ValueError(
            f"{name} and we differ: {theirs[worst]:.9f} against {ours[worst]:.9f} for query {worst}, "
            f"more than {tolerance:g}."
        )
