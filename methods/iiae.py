"""IIAE: what photo x and sketch s share, and what is exclusive to each, in codes of their own.

Encoders give q(z_x | x), q(z_s | s) and q(z | x, s), and from one modality alone r_x(z | x) and r_s(z | s);
decoders make x̂ of (z, z_x) and ŝ of (z, z_s). With R the mean squares of x - x̂ and s - ŝ for codes that are
drawn, in units of the usual size of their numbers, KL(q) the divergence from N(0, I), and lambda =
lambda_interaction:

    (beta + lambda) [lambda_reconstruction R + KL(q(z_x | x)) + KL(q(z_s | s))] + beta KL(q(z | x, s))
    + lambda [KL(q(z | x, s) ‖ r_x(z | x)) + KL(q(z | x, s) ‖ r_s(z | s))]

Embeddings are the means of r_x and r_s. Source: Hwang et al., NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.checks import check_choices, check_positive
from methods.parts.feature_scale import UsualSizes
from methods.parts.networks import Encoder
from methods.parts.objectives import Loss, Objective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE, DROPOUT
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig
from methods.parts.vae import GaussianEncoder, MeanEncoder


@dataclass(frozen=True)
class IIAEConfig(TrainedConfig):
    """beta, lambda_interaction, lambda_reconstruction: as in the formula. width: of every code.

    normalise: False alone, a mean of a Gaussian has any length. Raises BenchmarkError for other values.
    """

    distance: str = "cosine"
    normalise: bool = False
    beta: float = 0.5
    lambda_interaction: float = 1.0
    lambda_reconstruction: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, {"normalise": (False,)})
        check_positive(self, ("beta",))

    def gaussian_encoder(self, n_in: int) -> GaussianEncoder:
        """Build an untrained encoder for (B, n_in)."""
        return GaussianEncoder(n_in, self.width, hidden=self.hidden, depth=self.depth, dropout=self.dropout)


class IIAEObjective(Objective):
    """Five encoders, of which r_x and r_s stay, and two decoders."""

    config: IIAEConfig

    def __init__(self, config: IIAEConfig, seen: SeenData) -> None:
        nn.Module.__init__(self)
        self.config = config
        n_sketch, n_photo = seen.sketches.shape[1], seen.photos.shape[1]
        self.sketch_shared = config.gaussian_encoder(n_sketch)
        self.photo_shared = config.gaussian_encoder(n_photo)
        self.both_shared = config.gaussian_encoder(n_photo + n_sketch)
        self.sketch_exclusive = config.gaussian_encoder(n_sketch)
        self.photo_exclusive = config.gaussian_encoder(n_photo)
        self.sketch_decoder = _decoder(config, n_sketch)
        self.photo_decoder = _decoder(config, n_photo)
        self.sizes = UsualSizes(seen)
        self.sketch_encoder = MeanEncoder(self.sketch_shared)
        self.photo_encoder = MeanEncoder(self.photo_shared)

    def forward(self, batch: PairBatch) -> Loss:
        """Return the terms of the loss."""
        config, sketches, photos = self.config, batch.sketches, batch.photos
        shared = self.both_shared(torch.cat([photos, sketches], dim=1))
        of_sketch, of_photo = self.sketch_exclusive(sketches), self.photo_exclusive(photos)
        code = shared.drawn()
        made_photos = self.photo_decoder(torch.cat([code, of_photo.drawn()], dim=1))
        made_sketches = self.sketch_decoder(torch.cat([code, of_sketch.drawn()], dim=1))
        scaled_sketches, scaled_photos = self.sizes(sketches, photos)
        errors = F.mse_loss(made_photos, scaled_photos) + F.mse_loss(made_sketches, scaled_sketches)
        interaction = shared.divergence_from(self.photo_shared(photos))
        interaction = interaction + shared.divergence_from(self.sketch_shared(sketches))
        both = config.beta + config.lambda_interaction
        return {
            "reconstruction": both * config.lambda_reconstruction * errors,
            "exclusive": both * (of_photo.divergence() + of_sketch.divergence()),
            "shared": config.beta * shared.divergence(),
            "interaction": config.lambda_interaction * interaction,
        }


def _decoder(config: IIAEConfig, n_out: int) -> Encoder:
    return Encoder(2 * config.width, n_out, hidden=config.hidden, depth=2, dropout=0.0, normalise=False)


@register_method(
    MethodCard(
        id="iiae",
        title="IIAE",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "Squares are means over the numbers of a feature, in units of their usual size, with a weight "
            "that is tuned; the released code takes ten times their mean over 512 numbers.",
            "Encoders and decoders have the size of the suite, one hidden layer without batch "
            "normalisation; the released ones have two, and the joint encoder starts from hidden layers "
            "of the single ones.",
            "The divergences have their full weight from the start; the released code lets those from "
            "N(0, I) grow with a time constant of 2,000 steps.",
            "The decoder of classes, which the released code has and gives weight 0, is left out.",
            "Every sketch is once an epoch beside any photo of its class; the released code draws batches"
            " of one pair a class.",
            "The loss was checked against the released code, not against the paper's text.",
        ),
        width="free",
        paper="Hwang et al., Variational interaction information maximization for cross-domain "
        "disentanglement",
        year=2020,
        venue="NeurIPS",
        original_code="https://github.com/gr8joo/IIAE",
        code_licence="none stated",
    )
)
class IIAE(TrainedMethod):
    """Keeps the two encoders that see one modality."""

    Config = IIAEConfig
    Objective = IIAEObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "beta": SearchRange(low=0.01, high=1.0, log=True),
        "lambda_interaction": SearchRange(low=0.1, high=10.0, log=True),
        "lambda_reconstruction": SearchRange(low=1.0, high=1000.0, log=True),
        "dropout": DROPOUT,
    }

    def empty_encoder(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Build the encoder that weights fit."""
        return MeanEncoder(self.config.gaussian_encoder(weights["gaussian.network.layers.0.weight"].shape[1]))
