"""CAAE: a conditional adversarial auto-encoder that makes photo features from sketch features.

Encoder, decoder and f minimise, against a discriminator D that tells codes z(x, s) from noise N(0, I),

    lambda_adversarial · deception of D + (x - x̂(z, s))² + lambda_sketch (s - f(x̂))²,

squares as in `cvae`. A sketch is embedded as the mean of 100 x̂ with z ~ N(0, I), a photo as its own feature.
Source: Yelamarthi et al., ECCV 2018, after Makhzani et al., Adversarial autoencoders, 2015.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.gan import cross_entropy, deception_loss, discriminator, discriminator_loss
from methods.parts.networks import Encoder
from methods.parts.objectives import AdversarialObjective, Loss
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE, DROPOUT
from methods.parts.sketch_to_photo import (
    SketchToPhoto,
    SketchToPhotoConfig,
    SketchToPhotoMethod,
)


@dataclass(frozen=True)
class CAAEConfig(SketchToPhotoConfig):
    """lambda_adversarial: weight of what keeps codes like noise."""

    lambda_adversarial: float = 0.1


class CAAEObjective(AdversarialObjective):
    """The encoder z(x, s), the decoder, f, and the discriminator of codes."""

    config: CAAEConfig

    def __init__(self, config: CAAEConfig, seen: SeenData) -> None:
        nn.Module.__init__(self)
        self.config = config
        n_sketch, n_photo = seen.sketches.shape[1], seen.photos.shape[1]
        self.encoder = Encoder(
            n_photo + n_sketch,
            config.width,
            hidden=config.hidden,
            depth=2,
            dropout=config.dropout,
            normalise=False,
        )
        self.made = SketchToPhoto(config, seen)
        self.discriminators = discriminator(config.width, config.hidden)
        self.sketch_encoder = self.made.at_test()
        self.photo_encoder = nn.Identity()

    def discriminator_loss(self, batch: PairBatch) -> Tensor:
        """Noise is real, codes are made."""
        sketches, photos = self.made.sizes(batch.sketches, batch.photos)
        with torch.no_grad():
            codes = self.encoder(torch.cat([photos, sketches], dim=1))
        return discriminator_loss(self.discriminators, torch.randn_like(codes), codes, penalty=cross_entropy)

    def forward(self, batch: PairBatch) -> Loss:
        """Return what all but the discriminator minimise."""
        sketches, photos = self.made.sizes(batch.sketches, batch.photos)
        codes = self.encoder(torch.cat([photos, sketches], dim=1))
        deception = deception_loss(self.discriminators, codes, penalty=cross_entropy)
        return {
            "adversarial": self.config.lambda_adversarial * deception,
            **self.made.losses(codes, sketches, photos),
        }


@register_method(
    MethodCard(
        id="caae",
        title="CAAE",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "Code was released for the CVAE alone: decoder and f are those of `cvae` here, of the size of "
            "the suite, weights are tuned, and the adversarial part follows Makhzani's auto-encoder with a "
            "code that is not random.",
            "That the sketch is made again from x̂ is known of the CVAE; here it is assumed of the CAAE too.",
            "Features are centred and of length 1 where the suite says so, and may be negative: the "
            "decoder ends in a linear layer, and squares are means over the numbers of a feature, in units "
            "of their usual size.",
            "A sketch is paired with any photo of its class; the paper trains on the photo that was drawn.",
            "The hundred codes of noise are the same for every sketch.",
            "The discriminator moves first and has the optimiser and the learning rate of all other parts.",
            "The equations were recalled, not checked against the paper's text.",
        ),
        paper="Yelamarthi et al., A zero-shot framework for sketch-based image retrieval",
        year=2018,
        venue="ECCV",
        original_code="none for this model",
        code_licence="none stated",
    )
)
class CAAE(SketchToPhotoMethod):
    """As wide as the features of photos."""

    Config = CAAEConfig
    Objective = CAAEObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "lambda_adversarial": SearchRange(low=1e-3, high=10.0, log=True),
        "lambda_sketch": SearchRange(low=0.01, high=10.0, log=True),
        "dropout": DROPOUT,
    }
