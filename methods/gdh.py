"""Generative domain-migration hashing: sketches are migrated to photos, and one network hashes both.

Two generators lead from each modality to the other. They minimise, against a discriminator for each modality,

    lambda_adversarial · least squares GAN + lambda_cycle · L1 cycles there and back,

and with them the hash network h minimises on photos x and migrated sketches x'

    [margin + d(h(x), h(x')) - d(h(x), h(x'⁻))]₊ + lambda_quantisation ‖h - sign h‖² + ‖Y - D h‖²,

x'⁻ from another class, Y the class as one-hot vector, D learnt (Zhang et al., ECCV 2018). Squares of codes are
means over the bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.checks import check_positive
from methods.parts.hashing import HashingConfig, signs
from methods.parts.losses import triplet_hinge
from methods.parts.networks import Encoder
from methods.parts.objectives import AdversarialObjective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE
from methods.parts.trained import TrainedMethod
RES = False
FLOW = True


@dataclass(frozen=True)
class GDHConfig(HashingConfig):
    """lambda_adversarial, lambda_cycle, lambda_quantisation, lambda_class: weights of the terms.

    margin: of the hinge on mean squared differences; between codes of -1 and +1 these are four times the
    share of bits that differ. generator_hidden: of generators and discriminators.
    """

    distance: str = "cosine"
    lambda_adversarial: float = 1.0
    lambda_cycle: float = 10.0
    lambda_quantisation: float = 0.1
    lambda_class: float = 1.0
    margin: float = 0.3
    generator_hidden: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, ("generator_hidden",))

    def generator(self, n_in: int, n_out: int) -> nn.Module:
        g= Encoder(n_in, n_out, hidden=self.generator_hidden, depth=2, dropout=0.0, normalise=False)
        if RES: 
            old=g.forward
            g.forward=lambda x: x+old(x)
        return g


class MigratingEncoder(nn.Module):
    """Migrate with one network, then hash with another, which photos have too."""

    def __init__(self, generator: nn.Module, hash_network: nn.Module) -> None:
        super().__init__()
        self.generator = generator
        self.hash_network = hash_network

    def forward(self, sketches: Tensor) -> Tensor:
        """(B, d_sketch) -> (B, width)."""
        return cast(Tensor, self.hash_network(self.generator(sketches)))


class GDHObjective(AdversarialObjective):
    config: GDHConfig

    def __init__(self, config: GDHConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        n_sketch, n_photo = seen.sketches.shape[1], seen.photos.shape[1]
        self.to_photo = config.generator(n_sketch, n_photo)
        self.to_sketch = config.generator(n_photo, n_sketch)
        self.sketch_encoder = MigratingEncoder(self.to_photo, self.photo_encoder)
        self.classifier = nn.Linear(config.width, seen.n_classes, bias=False)
        self.discriminators = nn.ModuleDict(
            {"sketch": config.discriminator(n_sketch) if 0 else disc(n_sketch, config.generator_hidden), "photo": disc(n_photo, config.generator_hidden)}
        )

    def discriminator_loss(self, batch):
        with torch.no_grad():
            fakes = {"photo": self.to_photo(batch.sketches), "sketch": self.to_sketch(batch.photos)}
        real = {"photo": batch.photos, "sketch": batch.sketches}
        losses = [((d(real[k]) - 1).square() + d(fakes[k]).square()).mean() / 2 for k, d in self.discriminators.items()]
        return torch.stack(losses).sum()

    def forward(self, batch):
        c = self.config
        migrated, sketched = self.to_photo(batch.sketches), self.to_sketch(batch.photos)
        adv = (self.discriminators["photo"](migrated) - 1).square().mean() + (self.discriminators["sketch"](sketched) - 1).square().mean()
        cyc = rel(self.to_sketch(migrated) , batch.sketches) + rel(self.to_photo(sketched), batch.photos)
        h = self.photo_encoder(torch.cat([batch.photos, migrated if FLOW else migrated.detach()]))
        real, fake = h.chunk(2)
        pos = (real - fake).square().mean(1)
        neg = (real - fake[batch.negatives]).square().mean(1)
        trip = triplet_hinge(pos, neg, margin=c.margin)
        quant = 2*(h - signs(h)).square().mean()
        Y = F.one_hot(batch.labels.repeat(2), self.classifier.out_features)
        cls = 2*(Y - self.classifier(h)).square().sum(1).mean()
        return c.lambda_adversarial * adv + c.lambda_cycle * cyc + trip + c.lambda_quantisation * quant + c.lambda_class * cls

def rel(a, b):
    return (a - b).abs().sum(1).mean() / b.shape[1]**.5

def disc(n, h):
    return nn.Sequential(nn.Linear(n, h), nn.LeakyReLU(.2), nn.Linear(h, 1))


@register_method(
    MethodCard(
        id="gdh",
        title="GDH",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "x",
        ),
        width="free",
        codes="own",
        paper="Zhang et al., Generative domain-migration hashing for sketch-to-image retrieval",
        year=2018,
        venue="ECCV",
        original_code="https://github.com/YCJGG/GDH",
        code_licence="none stated",
    )
)
class GDH(TrainedMethod):
    Config = GDHConfig
    Objective = GDHObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
    }
