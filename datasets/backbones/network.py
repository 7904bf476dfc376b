"""What backbones that are torch networks share: building, filling, reading one layer, running fast."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from datasets.backbones import Backbone, FeatureFunction
from datasets.backbones.weights import RANDOM, WeightsFile, drawn_with_seed, tensors_sha256
from datasets.preprocessing import Normalisation

if TYPE_CHECKING:
    from torch import Tensor, nn

N_LABELS = 1000
"""Of ILSVRC-1k."""


class NetworkBackbone(Backbone):
    """A torch network, read at a layer.

    cpu_batch: pictures at once on the CPU, few enough for their maps to stay in the processor's cache.
    """

    cpu_batch: ClassVar[int] = 4
    _random_sha256: str | None = None

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the whole network, classifier included, with the library's random weights."""

    @abstractmethod
    def published_weights(self) -> WeightsFile:
        """Return the published weights, fetched if need be. Raises BenchmarkError."""

    @abstractmethod
    def is_published(self, sha256: str) -> bool:
        """Whether a file of this hash is known to be the published one."""

    @abstractmethod
    def fill(self, network: nn.Module, weights: WeightsFile) -> None:
        """Load weights into a whole network. Raises BenchmarkError for tensors that do not fit."""

    @abstractmethod
    def read_layer(self, network: nn.Module) -> nn.Module:
        """Return the part up to the layer: (B, 3, S, S) normalised float32 -> (B, dim)."""

    def classifier(self, network: nn.Module) -> nn.Module | None:
        """Return the published linear classifier, where the layer read is its very input."""
        return None

    def optimised(self, part: nn.Module) -> nn.Module:
        """Return the part made faster for inference, up to rounding."""
        return part

    def weights_file(self) -> WeightsFile:
        """Return the weights that were chosen; see `Backbone`."""
        if self.weights.choice == RANDOM:
            if self._random_sha256 is None:
                self._random_sha256 = tensors_sha256(self._drawn().state_dict())
            return WeightsFile(None, self._random_sha256, "random", is_published=False)
        path = self.weights.given_file(self.card.id)
        if path is None:
            return self.published_weights()
        sha256 = self.weights.sha256(path)
        return WeightsFile(path, sha256, f"file {path.name}", is_published=self.is_published(sha256))

    def whole(self) -> nn.Module:
        """Return the whole network with its weights, in evaluation mode on the CPU."""
        weights = self.weights_file()
        network = self._drawn()
        if weights.path is not None:
            self.fill(network, weights)
        return network.eval()

    def empty(self) -> nn.Module:
        """Return the network up to the layer, to be filled with weights of that part."""
        return self.read_layer(self._drawn())

    def trainable(self) -> nn.Module:
        """Return the network up to the layer, with its weights, on the CPU: what fine-tuning starts from.

        Takes (B, 3, image_size, image_size) normalised float32, gives (B, dim) float32.
        """
        return self.read_layer(self.whole())

    def head(self) -> tuple[Tensor, Tensor] | None:
        """Return weight and bias of the published classifier; see `Backbone`."""
        from torch import nn

        if self.supervised_on != "imagenet1k":
            return None
        classifier = self.classifier(self.whole())
        if not isinstance(classifier, nn.Linear) or classifier.out_features != N_LABELS:
            return None
        return classifier.weight.detach(), classifier.bias.detach()

    def load(self, device: str, normalisation: Normalisation) -> FeatureFunction:
        """Return the feature function on a device, channels last; see `Backbone`."""
        return feature_function(
            self.optimised(self.trainable()), device, normalisation, cpu_batch=self.cpu_batch
        )

    def _drawn(self) -> nn.Module:
        with drawn_with_seed():
            return self.build()


def feature_function(
    part: nn.Module, device: str, normalisation: Normalisation, *, cpu_batch: int
) -> FeatureFunction:
    """Return the function from uint8 pictures to features for a network part that takes normalised ones."""
    import torch

    network: nn.Module = part.eval().to(device=device)
    network.to(memory_format=torch.channels_last)
    channels = torch.tensor([normalisation.mean, normalisation.std], device=device)
    mean, std = channels.view(2, 1, 3, 1, 1)

    def embed(pictures: Tensor) -> Tensor:
        n_at_once = cpu_batch if pictures.device.type == "cpu" else len(pictures)
        with torch.inference_mode():
            parts = [
                network(((own.float() - mean) / std).contiguous(memory_format=torch.channels_last))
                for own in torch.split(pictures, n_at_once)
            ]
            return torch.cat(parts) if len(parts) > 1 else parts[0]

    return embed
