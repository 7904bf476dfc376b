"""ZSIH: binary codes drawn from what sketch and photo say together, which each alone learns to give.

Training has a third network beside the two encoders f and g. It fuses hidden numbers h_s, h_x of a pair,
σ(W vec(h_s ⊗ h_x)), passes them through two graph convolutions on the pairs of the batch, whose edges are
exp(-‖t_i - t_j‖² / temperature) of their class vectors, and draws bits b from the probabilities it gives:

    lambda_entropy E[log q(b)] / M + lambda_semantic ‖t - D b / √v‖² + (‖f(s) - b‖² + ‖g(x) - b‖²) / (2M)

over M bits and vectors of length 1 and width v. The codes at test are f(s) and g(x), cut at 0.5. Source: Shen
et al., CVPR 2018.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.checks import check_positive
from methods.parts.feature_scale import UsualSizes
from methods.parts.graphs import GraphConvolution, similarity_graph
from methods.parts.hashing import HashingConfig
from methods.parts.linear import required_class_vectors
from methods.parts.networks import Encoder
from methods.parts.objectives import Loss, Objective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE, DROPOUT
from methods.parts.stochastic_bits import drawn_bits, log_likelihood
from methods.parts.trained import TrainedMethod


@dataclass(frozen=True)
class ZSIHConfig(HashingConfig):
    """lambda_entropy, lambda_semantic: weights as in the formula. temperature: of the edges.

    n_fused: how many numbers of each modality the fusion multiplies. Raises BenchmarkError for either of 0 or
    less.
    """

    distance: str = "cosine"
    lambda_entropy: float = 0.01
    lambda_semantic: float = 1.0
    temperature: float = 0.1
    n_fused: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, ("temperature", "n_fused"))


class BitEncoder(nn.Module):
    """(B, d) -> (B, M) in -1..1: twice a probability, less 1, so that its sign is the bit."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, features: Tensor) -> Tensor:
        """Return the outputs."""
        outputs: Tensor = 2 * self.encoder(features).sigmoid() - 1
        return outputs


class Fusion(nn.Module):
    """Sketches, photos and (B, v) class vectors of a batch -> (B, M): the probability of each bit."""

    def __init__(self, config: ZSIHConfig, seen: SeenData) -> None:
        super().__init__()
        n_sketch, n_photo = seen.sketches.shape[1], seen.photos.shape[1]
        self.temperature = config.temperature
        # Products of small numbers are far smaller still: features enter in units of their usual size.
        self.sizes = UsualSizes(seen)
        self.of_sketch = nn.Linear(n_sketch, config.n_fused)
        self.of_photo = nn.Linear(n_photo, config.n_fused)
        self.fused = nn.Linear(config.n_fused**2, config.hidden)
        self.first = GraphConvolution(config.hidden, config.hidden)
        self.second = GraphConvolution(config.hidden, config.width)

    def forward(self, sketches: Tensor, photos: Tensor, vectors: Tensor) -> Tensor:
        """Return q."""
        sketches, photos = self.sizes(sketches, photos)
        of_sketch, of_photo = self.of_sketch(sketches).relu(), self.of_photo(photos).relu()
        products = (of_sketch[:, :, None] * of_photo[:, None, :]).flatten(1)
        graph = similarity_graph(vectors, temperature=self.temperature)
        hidden = self.first(self.fused(products).sigmoid(), graph).relu()
        probabilities: Tensor = self.second(hidden, graph).sigmoid()
        return probabilities


class ZSIHObjective(Objective):
    """The encoders, and in training the fusion and the decoder of class vectors."""

    config: ZSIHConfig
    class_vectors: Tensor

    def __init__(self, config: ZSIHConfig, seen: SeenData) -> None:
        nn.Module.__init__(self)
        self.config = config
        class_vectors = required_class_vectors(seen)
        self.register_buffer("class_vectors", class_vectors)
        self.vector_size = 1 / math.sqrt(class_vectors.shape[1])
        self.sketch_encoder = BitEncoder(config.encoder(seen.sketches.shape[1]))
        self.photo_encoder = BitEncoder(config.encoder(seen.photos.shape[1]))
        self.fusion = Fusion(config, seen)
        self.semantic_decoder = nn.Linear(config.width, class_vectors.shape[1])

    def forward(self, batch: PairBatch) -> Loss:
        """Return the terms of the loss."""
        vectors = self.class_vectors[batch.labels]
        probabilities = self.fusion(batch.sketches, batch.photos, vectors)
        bits = drawn_bits(probabilities)
        errors = (vectors / self.vector_size - self.semantic_decoder(bits)).square().mean(dim=1)
        of_sketch, of_photo = ((outputs + 1) / 2 for outputs in self.codes(batch))
        encoders = (of_sketch - bits).square() + (of_photo - bits).square()
        return {
            "entropy": self.config.lambda_entropy * log_likelihood(bits, probabilities),
            "semantic": self.config.lambda_semantic * errors.mean(),
            "encoders": encoders.mean() / 2,
        }


@register_method(
    MethodCard(
        id="zsih",
        title="ZSIH",
        pretraining=(),
        side_information=("class vectors",),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "On features: the paper's encoders are convolutional networks with attention on one layer; "
            "the released code, too, starts from features.",
            "The fusion multiplies 32 x 32 numbers; the released code 256 x 256, whose first layer alone "
            "would have 67 million weights.",
            "The mean of the class vectors is decoded and their variance is fixed, as in the released "
            "code; the entropy and this term have weights, which are tuned, and are means over bits and "
            "sums over vectors.",
            "E[log q] is minimised, as the paper's lower bound says; the released code has the opposite "
            "sign.",
            "Bits are drawn in training, as in the paper; the released code cuts probabilities at 0.5 for "
            "the decoder and logits at 0.5 for the encoders.",
            "Features enter the fusion, and class vectors are decoded, in units of their usual size, since "
            "both have length 1 here.",
            "Gradients of the encoders' term reach the drawn bits; in the released code they do not.",
            "Class vectors are of sentences, not of words; the weights decay at the suite's rate.",
            "The real-valued row compares the outputs before they are cut; the paper has codes alone.",
            "Fusion, graph and codes were checked against the released code; the loss was recalled, not "
            "checked against the paper's text.",
        ),
        width="free",
        codes="own",
        paper="Shen et al., Zero-shot sketch-image hashing",
        year=2018,
        venue="CVPR",
        original_code="https://github.com/ymcidence/Zero-Shot-Sketch-Image-Hashing",
        code_licence="none stated",
    )
)
class ZSIH(TrainedMethod):
    """Keeps the two encoders."""

    Config = ZSIHConfig
    Objective = ZSIHObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "lambda_entropy": SearchRange(low=1e-3, high=1.0, log=True),
        "lambda_semantic": SearchRange(low=0.1, high=10.0, log=True),
        "temperature": SearchRange(low=0.03, high=1.0, log=True),
        "dropout": DROPOUT,
    }

    def empty_encoder(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Build the encoder that weights fit."""
        return BitEncoder(self.config.encoder(weights["encoder.layers.0.weight"].shape[1]))
