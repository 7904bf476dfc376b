"""Zero-shot hashing: bits that give the rotated class vectors back, and functions that give the bits.

Minimises the mean over items of ‖Rᵀt_y - Wᵀb‖² + α ‖b - Pᵀφ(x)‖², plus γ/n tr(Bᵀ L B) + λ ‖W‖² + β Σ ‖P‖²,
over bits b in {-1, 1}, rotations R, W and P; φ are RBF similarities to anchors, L is the Laplacian of a
neighbour graph. Source: Yang et al., ACM MM 2016. Each modality has its own anchors, P and graph; B, W and R
are of both together. As R is square, any rotation that it finds could be part of W.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, RetrievalMethod, SearchRange, SeenData
from methods.parts.anchors import AnchorGraph, AnchorMap, anchor_map
from methods.parts.checks import check_choices, check_not_negative, check_positive
from methods.parts.discrete_codes import DiscreteCodes, TermWeights
from methods.parts.linear import exact, required_class_vectors
from methods.parts.search import DISTANCES
from methods.parts.training import seeded


@dataclass(frozen=True)
class ZSHConfig:
    """Weights of the terms; those of items are means, so that none depends on how many there are.

    width: number of bits. distance: "euclidean" or "cosine", between Pᵀφ(x). n_anchors: of each modality, or
    all items where there are fewer. n_neighbours: anchors that an item is joined to in the graph.
    n_iterations: rounds over R, W, P and B. lambda_codes (α), lambda_graph (γ), lambda_semantic (λ),
    lambda_anchors (β). Raises BenchmarkError for a value that makes no sense.
    """

    width: int = 64
    distance: str = "cosine"
    n_anchors: int = 1000
    n_neighbours: int = 5
    n_iterations: int = 10
    lambda_codes: float = 1e-2
    lambda_graph: float = 1e-3
    lambda_semantic: float = 1e-1
    lambda_anchors: float = 1e-5

    def __post_init__(self) -> None:
        check_choices(self, {"distance": DISTANCES.choices})
        check_positive(self, ("width", "n_anchors", "n_neighbours"))
        check_positive(self, ("lambda_codes", "lambda_semantic", "lambda_anchors"))
        check_not_negative(self, ("n_iterations", "lambda_graph"))

    def term_weights(self) -> TermWeights:
        """Return the weights of the terms."""
        return TermWeights(
            codes=self.lambda_codes,
            graph=self.lambda_graph,
            semantic=self.lambda_semantic,
            anchors=self.lambda_anchors,
        )


@register_method(
    MethodCard(
        id="zsh",
        title="ZSH",
        pretraining=(),
        side_information=("class vectors",),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "The original hashes one modality; here sketches and photos have anchors and P of their own, and "
            "one B, W and R.",
            "The neighbour graph goes through the anchors, in each modality, instead of joining items.",
            "The graph smooths the bits; in the released code it smooths rotated class vectors, which a "
            "square rotation cannot change.",
            "R is found by orthogonal Procrustes; the released code descends on the Stiefel manifold, and "
            "its demo leaves the rotation off.",
            "Bits start as signs of random projections of the class vectors; in the released code they start "
            "at random.",
            "Class vectors are centred, and the similarities to anchors too, in place of a constant beside "
            "them, so that about half of a modality's seen items have a bit set.",
            "Terms are means over items; the released code sums them, and its demo sets α = 1e-5 and "
            "β = λ = 0.01.",
            "Class vectors come from a sentence model instead of word2vec.",
            "Features are frozen features of the suite's backbone.",
            "The equations were checked against the released code, not against the paper's text.",
        ),
        width="free",
        codes="own",
        paper="Yang et al., Zero-shot hashing via transferring supervised knowledge",
        year=2016,
        venue="ACM MM",
        original_code="https://github.com/Luoyadan/Zero-shot-Hashing",
        code_licence="none stated",
    )
)
class ZSH(RetrievalMethod):
    """The embedding is Pᵀφ(x), whose signs are the bits."""

    Config: ClassVar[Any] = ZSHConfig
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        "distance": DISTANCES,
        "lambda_codes": SearchRange(low=1e-6, high=1.0, log=True),
        "lambda_graph": SearchRange(low=1e-6, high=1.0, log=True),
        "lambda_semantic": SearchRange(low=1e-5, high=1.0, log=True),
        "lambda_anchors": SearchRange(low=1e-8, high=0.1, log=True),
    }

    sketch_anchors: Tensor
    sketch_spread: Tensor
    sketch_weights: Tensor
    sketch_offset: Tensor
    photo_anchors: Tensor
    photo_spread: Tensor
    photo_weights: Tensor
    photo_offset: Tensor

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Alternate for a fixed number of rounds, on the CPU. Raises NotRunnable without class vectors."""
        config = self.config
        vectors = exact(required_class_vectors(seen))
        items = [part[:].cpu() for part in (seen.sketches, seen.photos)]
        labels = torch.cat([seen.sketch_labels.cpu(), seen.photo_labels.cpu()])
        with seeded(seed, "cpu"):
            maps = [anchor_map(x, n_anchors=config.n_anchors) for x in items]
        similarities = [to_anchors(x) for to_anchors, x in zip(maps, items, strict=True)]
        graphs = [AnchorGraph(part, n_neighbours=config.n_neighbours) for part in similarities]
        means = [part.mean(dim=0) for part in similarities]
        of_classes = torch.bincount(labels, minlength=seen.n_classes).double() / len(labels)
        codes = DiscreteCodes(
            config.term_weights(),
            [part.sub_(mean) for part, mean in zip(similarities, means, strict=True)],
            graphs,
            labels,
            vectors - of_classes @ vectors,
            width=config.width,
            seed=seed,
        )
        progress.start(config.n_iterations, "round")
        for _ in range(config.n_iterations):
            codes.update_rotation()
            codes.update_semantic()
            codes.update_bits()
            codes.update_anchor_weights()
            progress.advance()
        for name, to_anchors, mean, weights in zip(
            ("sketch", "photo"), maps, means, codes.anchor_weights, strict=True
        ):
            self._keep(f"{name}_anchors", to_anchors.anchors)
            self._keep(f"{name}_spread", to_anchors.spread)
            self._keep(f"{name}_weights", weights)
            self._keep(f"{name}_offset", mean.double() @ weights)
        return self

    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, width) float32."""
        similarities = AnchorMap(self.sketch_anchors, self.sketch_spread)(batch)
        return similarities @ self.sketch_weights - self.sketch_offset

    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, width) float32."""
        similarities = AnchorMap(self.photo_anchors, self.photo_spread)(batch)
        return similarities @ self.photo_weights - self.photo_offset

    def _keep(self, name: str, value: Tensor) -> None:
        setattr(self, name, value.to(self.device, torch.float32).contiguous())
