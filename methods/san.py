"""Sketch-a-Net: a classifier of sketches, made for line drawings, whose last hidden layer is the embedding.

Loss: cross-entropy over the seen classes, on sketches alone. Photos pass the same network as edge maps.
Source: Yu et al., BMVC 2015, and IJCV 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, RetrievalMethod, SearchRange, SeenData
from methods.parts.checks import check_choices, check_not_negative, check_positive, check_share
from methods.parts.drawings import DrawingBatch, DrawingSampler, centre, photo_drawings, sketch_drawings
from methods.parts.networks import Dropout
from methods.parts.objectives import Player
from methods.parts.search import COMMON_SEARCH_SPACE, DISTANCES, DROPOUT
from methods.parts.training import Schedule, minimise, seeded

WIDTH = 512


class SketchANet(nn.Sequential):
    """(B, 1, 225, 225) drawings, ink 1 and paper 0 -> (B, 512) not negative; no normalisation layer."""

    def __init__(self, *, dropout: float) -> None:
        super().__init__(
            *_convolution(1, 64, 15, stride=3),
            nn.MaxPool2d(3, stride=2),
            *_convolution(64, 128, 5),
            nn.MaxPool2d(3, stride=2),
            *_convolution(128, 256, 3, padding=1),
            *_convolution(256, 256, 3, padding=1),
            *_convolution(256, 256, 3, padding=1),
            nn.MaxPool2d(3, stride=2),
            *_convolution(256, WIDTH, 7),
            Dropout(dropout),
            *_convolution(WIDTH, WIDTH, 1),
            nn.Flatten(),
        )


def _convolution(n_in: int, n_out: int, size: int, *, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    layer = nn.Conv2d(n_in, n_out, size, stride=stride, padding=padding)
    # PyTorch's own start lets a signal fade from layer to layer, and nothing here normalises it.
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return [layer, nn.ReLU(inplace=True)]


@dataclass(frozen=True)
class SketchANetConfig:
    """Parameters named as those of all trained methods, where they mean the same.

    lr, weight_decay: of Adam. epochs: passes over the seen sketches. batch: sketches in a batch. distance:
    "euclidean" or "cosine", at test. dropout: after each of the two hidden layers that see all of a drawing.

    Raises BenchmarkError for a value outside these.
    """

    lr: float = 5e-5
    weight_decay: float = 1e-5
    epochs: int = 15
    batch: int = 32
    distance: str = "cosine"
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_choices(self, {"distance": DISTANCES.choices})
        check_positive(self, ("lr", "epochs", "batch"))
        check_not_negative(self, ("weight_decay",))
        check_share(self, ("dropout",))


@register_method(
    MethodCard(
        id="san",
        title="Sketch-a-Net",
        pretraining=(),
        side_information=(),
        input="images",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "The paper classifies sketches; that photos enter as edge maps (Sobel's after smoothing, not "
            "thinned) and are found by the last hidden layer is added here.",
            "One network on one channel: the ensemble over scales, the channels of stroke order and the "
            "joint Bayesian fusion are left out.",
            "Drawings are shifted and flipped; strokes, which pictures do not tell apart, are not removed or "
            "deformed.",
            "Trained from scratch on the seen classes, for far fewer steps than the published network.",
            "Adam at a constant rate stands for SGD with momentum, in smaller batches; weights start by He's "
            "rule instead of a Gaussian of one width.",
            "Ink is 1 and paper 0, and no mean picture is subtracted.",
            "The layers were checked against reimplementations and the first authors' release of the same "
            "trunk (https://github.com/seuliufeng/DeepSBIR), not against the paper's text.",
        ),
        width="fixed",
        paper="Yu et al., Sketch-a-Net: a deep neural network that beats humans",
        year=2017,
        venue="IJCV",
        original_code="unknown",
        code_licence="unknown",
    )
)
class SketchANetMethod(RetrievalMethod):
    """Train the classifier on seen sketches, keep all but its last layer."""

    Config: ClassVar[Any] = SketchANetConfig
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "lr": SearchRange(low=1e-5, high=1e-3, log=True),
        "epochs": SearchRange(choices=(5, 10, 15, 30)),
        "batch": SearchRange(choices=(32, 64, 128)),
        "dropout": DROPOUT,
    }

    network: SketchANet

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Train on the seen sketches; photos are not looked at."""
        config = self.config
        with seeded(seed, self.device):
            self.network = self._untrained()
            hidden = Dropout(config.dropout)
            classifier = nn.Linear(WIDTH, seen.n_classes).to(self.device)

            def loss(batch: DrawingBatch) -> Tensor:
                drawings, labels = batch
                return F.cross_entropy(classifier(hidden(self.network(drawings))), labels)

            sampler = DrawingSampler(seen, seed=seed)
            schedule = Schedule(
                lr=config.lr, weight_decay=config.weight_decay, n_epochs=config.epochs, n_pairs=config.batch
            )
            parameters = [*self.network.parameters(), *classifier.parameters()]
            progress.start(config.epochs)
            minimise(
                [Player("loss", parameters, loss)], lambda: sampler.epoch(config.batch), schedule, progress
            )
        self.network.eval()
        return self

    @torch.inference_mode()
    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, 512) float32."""
        return cast(Tensor, self.network(centre(sketch_drawings(batch))))

    @torch.inference_mode()
    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, 512) float32, of the photos' edge maps."""
        return cast(Tensor, self.network(centre(photo_drawings(batch))))

    def state(self) -> dict[str, Tensor]:
        """Weights of the network without its classifier."""
        return dict(self.network.state_dict())

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Rebuild the network."""
        self.network = self._untrained()
        self.network.load_state_dict(state)
        self.network.eval()

    def _untrained(self) -> SketchANet:
        network = SketchANet(dropout=self.config.dropout).to(self.device)
        # With channels last in memory, a CPU embeds a fifth faster.
        return network.to(memory_format=torch.channels_last)
