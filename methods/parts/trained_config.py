"""The hyper-parameters that all trained methods share."""

from __future__ import annotations

from dataclasses import dataclass, fields

from methods.parts.checks import (
    check_at_least,
    check_choices,
    check_not_negative,
    check_positive,
    check_share,
)
from methods.parts.networks import Encoder
from methods.parts.search import DISTANCES


@dataclass(frozen=True)
class TrainedConfig:
    """Parameters that all trained methods share, by the same names and with the same meaning.

    lr, weight_decay: of Adam. epochs: passes over the seen sketches. batch: pairs in a batch, two at least.
    width: of the embedding. distance: "euclidean" or "cosine", at test. hidden, depth, dropout: of the
    encoders. normalise: whether codes get length 1, in training and at test.

    Of a method's own parameters, a `margin` is above 0 and a `lambda_...`, the weight of a term, is 0 or
    more. Raises BenchmarkError for a value outside these.
    """

    lr: float = 1e-3
    weight_decay: float = 1e-5
    epochs: int = 20
    batch: int = 256
    width: int = 64
    distance: str = "euclidean"
    hidden: int = 512
    depth: int = 2
    dropout: float = 0.5
    normalise: bool = True

    def __post_init__(self) -> None:
        check_choices(self, {"distance": DISTANCES.choices, "depth": (1, 2)})
        names = [field.name for field in fields(self)]
        own_margin = [name for name in names if name == "margin"]
        own_weights = [name for name in names if name.startswith("lambda_")]
        check_positive(self, ("lr", "epochs", "width", "hidden", *own_margin))
        check_at_least(self, 2, ("batch",))  # a pair alone has no negative
        check_not_negative(self, ("weight_decay", *own_weights))
        check_share(self, ("dropout",))

    def encoder(self, n_in: int) -> Encoder:
        """Build an untrained encoder for (B, n_in) features."""
        return Encoder(
            n_in,
            self.width,
            hidden=self.hidden,
            depth=self.depth,
            dropout=self.dropout,
            normalise=self.normalise,
        )
