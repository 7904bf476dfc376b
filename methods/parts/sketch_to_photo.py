"""Photo features made from sketch features and noise (Yelamarthi et al., ECCV 2018).

An encoder sees photo x and sketch s and gives a code z; a decoder makes x̂ of z and s; a regressor f makes a
sketch of x̂. At test there is no photo: z is noise, and a sketch is embedded as the mean of many x̂.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from methods.parts.checks import check_choices
from methods.parts.networks import Encoder
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig

N_DRAWS = 100


@dataclass(frozen=True)
class SketchToPhotoConfig(TrainedConfig):
    """width: of the code z; embeddings are as wide as the features of photos, whatever it is.

    depth: 2 alone. normalise: False alone, features are made as they are. lambda_sketch: weight of
    ‖f(x̂) - s‖², where ‖x - x̂‖² has weight 1. Raises BenchmarkError for other values.
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
    the mean is taken before it.
    """

    noise: Tensor

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.register_buffer("noise", torch.randn(N_DRAWS, decoder.of_code.in_features))

    def forward(self, sketches: Tensor) -> Tensor:
        """Return the mean."""
        of_noise = self.decoder.of_code(self.noise)
        hidden = torch.zeros(len(sketches), of_noise.shape[1], device=sketches.device)
        of_sketches = self.decoder.of_sketch(sketches)
        for of_draw in of_noise:  # one by one: all at once would take a hundred times the memory
            hidden += (of_sketches + of_draw).relu()
        return cast(Tensor, self.decoder.output(hidden / len(of_noise)))


class SketchToPhoto(nn.Module):
    """What both methods train beside their encoder: the decoder, and f, which asks x̂ to keep the sketch."""

    def __init__(self, config: SketchToPhotoConfig, n_sketch: int, n_photo: int) -> None:
        super().__init__()
        self.decoder = Decoder(config.width, n_sketch, n_photo, hidden=config.hidden)
        self.regressor = Encoder(
            n_photo, n_sketch, hidden=config.hidden, depth=2, dropout=0.0, normalise=False
        )
        self.lambda_sketch = config.lambda_sketch

    def losses(self, codes: Tensor, sketches: Tensor, photos: Tensor) -> dict[str, Tensor]:
        """Means over B of ‖x - x̂‖² and of lambda_sketch ‖f(x̂) - s‖²."""
        made = self.decoder(codes, sketches)
        feedback = (self.regressor(made) - sketches).square().sum(dim=1).mean()
        return {
            "reconstruction": (made - photos).square().sum(dim=1).mean(),
            "sketch": self.lambda_sketch * feedback,
        }


class SketchToPhotoMethod(TrainedMethod):
    """Keeps the decoder and its noise; photos are embedded as they are."""

    Config: ClassVar[Any] = SketchToPhotoConfig

    def empty_encoder(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Build the decoder that weights fit."""
        hidden, n_code = weights["decoder.of_code.weight"].shape
        n_sketch = weights["decoder.of_sketch.weight"].shape[1]
        n_photo = weights["decoder.output.weight"].shape[0]
        return MeanOfDecodes(Decoder(n_code, n_sketch, n_photo, hidden=hidden))
