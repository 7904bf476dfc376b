"""Iterative cluster-free re-ranking: photos rise that are neighbours of the photos a sketch already finds.

s₀(q, i) = -‖q - g_i‖; s_{t+1}(q, i) = s_t(q, i) + β/K_q Σ_j α_j(i) over the K_q first photos j of s_t, where
α_j(i) = 1 - (r - 1)/(N - 1) for the photo i at rank r among the K_g nearest neighbours of photo j, else 0.
Source: Hudson and Smith, arXiv 2303.17703, and the authors' code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange
from methods.centred import Centred
from methods.parts.checks import check_not_negative, check_positive

ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class GalleryNeighbours:
    """The nearest neighbours of every gallery item. idx: (N, K) int64; weights: (K,) float32, by rank."""

    gallery: Tensor
    idx: Tensor
    weights: Tensor

    @classmethod
    def of(cls, gallery: Tensor, n_neighbours: int) -> GalleryNeighbours:
        """Find them in blocks: (N, d) float32, an item is no neighbour of itself."""
        n_items = len(gallery)
        n_kept = min(n_neighbours, n_items - 1)
        found = []
        for start in range(0, n_items, ROWS_AT_ONCE):
            distances = torch.cdist(gallery[start : start + ROWS_AT_ONCE], gallery)
            rows = torch.arange(len(distances), device=gallery.device)
            distances[rows, rows + start] = torch.inf
            found.append(distances.topk(n_kept, largest=False).indices)
        weights = torch.linspace(1, 0, n_items, device=gallery.device)[:n_kept]
        return cls(gallery, torch.cat(found), weights)

    def support(self, first: Tensor) -> Tensor:
        """(B, K_q) first photos of each query -> (B, N) mean weight that they give to every photo."""
        n_queries, n_first = first.shape
        neighbours = self.idx[first].flatten(1)
        weights = self.weights.repeat(n_first).expand(n_queries, -1)
        total = torch.zeros(n_queries, len(self.idx), device=first.device)
        return total.scatter_add_(1, neighbours, weights) / n_first


@register_method(
    MethodCard(
        id="icfrr",
        title="ICFRR on centred features",
        pretraining=(),
        side_information=(),
        input="features",
        distance="own",
        fidelity="reimplementation",
        deviations=(
            "It re-ranks centred features of the suite's backbone; the original re-ranks those of a vision "
            "transformer trained on the seen classes.",
            "Scores stay with their photos from one iteration to the next, as the paper's equation has it; "
            "in the released code the sorted scores of the first ranking stay with the ranks.",
            "The equation was read in a summary of the paper, the rest in the released code.",
        ),
        is_transductive=True,
        feature_norm="raw",
        is_random=False,
        paper="Hudson and Smith, If at first you don't succeed: test-time re-ranking for zero-shot, "
        "cross-domain retrieval",
        year=2023,
        venue="arXiv 2303.17703",
        original_code="https://github.com/finlay-hudson/ICFRR",
        code_licence="unknown",
    )
)
class ICFRR(Centred):
    """Nothing is trained: `centred`, then what the gallery says of itself."""

    @dataclass(frozen=True)
    class Config:
        """n_trusted: K_q. n_neighbours: K_g. beta: weight of an iteration. Larger galleries bear larger K."""

        n_trusted: int = 10
        n_neighbours: int = 20
        beta: float = 0.5
        n_iterations: int = 5

        def __post_init__(self) -> None:
            check_positive(self, ("n_trusted", "n_neighbours"))
            check_not_negative(self, ("beta", "n_iterations"))

    search_space: ClassVar[Mapping[str, SearchRange]] = {
        "n_trusted": SearchRange(low=2, high=100, log=True),
        "n_neighbours": SearchRange(low=2, high=200, log=True),
        "beta": SearchRange(low=0.01, high=2.0, log=True),
        "n_iterations": SearchRange(low=1, high=10),
    }

    def __init__(self, config: Any = None, *, device: str = "cpu") -> None:
        super().__init__(config, device=device)
        self._neighbours: GalleryNeighbours | None = None

    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, d) float32 of length 1."""
        return normalize(super().embed_sketches(batch), dim=1)

    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, d) float32 of length 1."""
        return normalize(super().embed_photos(batch), dim=1)

    def similarity(self, query_emb: Tensor, gallery_emb: Tensor) -> Tensor:
        """(B, d) queries and the whole gallery (N, d) -> (B, N) scores, larger is better."""
        neighbours = self._neighbours_in(gallery_emb)
        scores = -torch.cdist(query_emb, gallery_emb)
        n_first = min(self.config.n_trusted, len(gallery_emb))
        for _ in range(self.config.n_iterations):
            scores = scores + self.config.beta * neighbours.support(scores.topk(n_first).indices)
        return scores

    def _neighbours_in(self, gallery: Tensor) -> GalleryNeighbours:
        """Find them once for a gallery: it comes again with every block of queries."""
        known = self._neighbours
        if known is None or not torch.equal(known.gallery, gallery):
            known = self._neighbours = GalleryNeighbours.of(gallery, self.config.n_neighbours)
        return known
