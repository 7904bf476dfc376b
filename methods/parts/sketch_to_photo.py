"""Photo features made from sketch features and noise (Yelamarthi et al., ECCV 2018).

An encoder sees photo x and sketch s and gives a code z; a decoder makes x̂ of z and s; a regressor f makes a
sketch of x̂. At test there is no photo: z is noise, and a sketch is embedded as the mean of many x̂.

In here features are in units of their usual size, beside which noise is not overly loud.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from methods.base import SeenData
from methods.parts.checks import check_choices
from methods.parts.feature_scale import UsualSizes
from methods.parts.networks import Encoder
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig

N_DRAWS = 100


@dataclass(frozen=True)
class SketchToPhotoConfig(TrainedConfig):
    """width: of the code z; embeddings are as wide as the features of photos, whatever it is.

    depth: 2 alone. normalise: False alone, features are made as they are. lambda_sketch: weight of the square
    error of f(x̂), where that of x̂ has weight 1. Raises BenchmarkError for other values.
    """

    distance: str = "cosine"
    normalise: bool = False
    lambda_sketch: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, {"normalise": (False,), "depth": (2,)})


class Decoder(nn.Module):
    """x̂ = W₂ relu(W_z z + W_s s + b) + b₂."""

    def __init__(self, n_code: int, n_sketch: int, n_photo: int, *, hidden: int) -> None:
        super().__init__()
        self.of_code = nn.Linear(n_code, hidden, bias=False)
        self.of_sketch = nn.Linear(n_sketch, hidden)
        self.output = nn.Linear(hidden, n_photo)

    def forward(self, codes: Tensor, sketches: Tensor) -> Tensor:
        """(B, n_code), (B, n_sketch) -> (B, n_photo)."""
        return cast(Tensor, self.output((self.of_code(codes) + self.of_sketch(sketches)).relu()))


class MeanOfDecodes(nn.Module):
    """(B, n_sketch) -> (B, n_photo): the mean of x̂ over N_DRAWS codes of noise, the same for every sketch.

    They are drawn once with the model; else a result would depend on the batch. As the last layer is linear,
    the mean is taken before it. sketch_size, photo_size: units of the decoder's features.
    """

    noise: Tensor
    sketch_size: Tensor
    photo_size: Tensor

    def __init__(self, decoder: Decoder, sketch_size: Tensor, photo_size: Tensor) -> None:
        super().__init__()
        self.decoder = decoder
        self.register_buffer("noise", torch.randn(N_DRAWS, decoder.of_code.in_features))
        self.register_buffer("sketch_size", sketch_size)
        self.register_buffer("photo_size", photo_size)

    def forward(self, sketches: Tensor) -> Tensor:
        """Return the mean."""
        of_noise = self.decoder.of_code(self.noise)
        hidden = torch.zeros(len(sketches), of_noise.shape[1], device=sketches.device)
        of_sketches = self.decoder.of_sketch(sketches / self.sketch_size)
        for of_draw in of_noise:  # one by one: all at once would take a hundred times the memory
            hidden += (of_sketches + of_draw).relu()
        return cast(Tensor, self.decoder.output(hidden / len(of_noise))) * self.photo_size


class SketchToPhoto(nn.Module):
    """What both methods train beside their encoder: the decoder, and f, which asks x̂ to keep the sketch."""

    def __init__(self, config: SketchToPhotoConfig, seen: SeenData) -> None:
        super().__init__()
        n_sketch, n_photo = seen.sketches.shape[1], seen.photos.shape[1]
        self.decoder = Decoder(config.width, n_sketch, n_photo, hidden=config.hidden)
        self.regressor = Encoder(
            n_photo, n_sketch, hidden=config.hidden, depth=2, dropout=0.0, normalise=False
        )
        self.sizes = UsualSizes(seen)
        self.lambda_sketch = config.lambda_sketch

    def at_test(self) -> MeanOfDecodes:
        """Return the encoder of sketches, which shares the decoder."""
        return MeanOfDecodes(self.decoder, self.sizes.sketch, self.sizes.photo)

    def losses(self, codes: Tensor, sketches: Tensor, photos: Tensor) -> dict[str, Tensor]:
        """Means over B and over the numbers of a feature of (x - x̂)², and of lambda_sketch (s - f(x̂))².

        codes: (B, width). sketches: (B, n_sketch). photos: (B, n_photo). Two scalars.
        """
        made = self.decoder(codes, sketches)
        return {
            "reconstruction": F.mse_loss(made, photos),
            "sketch": self.lambda_sketch * F.mse_loss(self.regressor(made), sketches),
        }


class SketchToPhotoMethod(TrainedMethod):
    """Keeps the decoder and its noise; photos are embedded as they are."""

    Config: ClassVar[Any] = SketchToPhotoConfig

    def empty_encoder(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Build the decoder that weights fit."""
        hidden, n_code = weights["decoder.of_code.weight"].shape
        n_sketch = weights["decoder.of_sketch.weight"].shape[1]
        n_photo = weights["decoder.output.weight"].shape[0]
        decoder = Decoder(n_code, n_sketch, n_photo, hidden=hidden)
        return MeanOfDecodes(decoder, weights["sketch_size"], weights["photo_size"])
