"""Pictures, narrow networks of torchvision that are built as the whole ones, and files of their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.vgg import VGG
from torchvision.models.vision_transformer import VisionTransformer

SaveWeights = Callable[..., Path]


def _vgg16() -> nn.Module:
    """torchvision's VGG with one convolution and eight values between fc6 and fc7."""
    with torch.device("meta"):
        network = VGG(nn.Sequential(nn.Conv2d(3, 512, 16, 16), nn.ReLU(inplace=True)), init_weights=False)
    network.features[0] = nn.Conv2d(3, 512, 16, 16)
    network.classifier[0], network.classifier[3] = nn.Linear(512 * 7 * 7, 8), nn.Linear(8, 4096)
    network.classifier[6] = nn.Linear(4096, 1000)
    return network


NARROW: dict[str, Callable[[], nn.Module]] = {
    "vgg16": _vgg16,
    "resnet50": lambda: ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=4),
    "vit_b_16": lambda: VisionTransformer(
        image_size=224, patch_size=32, num_layers=1, num_heads=2, hidden_dim=768, mlp_dim=8
    ),
}


def trained(network: nn.Module) -> nn.Module:
    """Give a network other numbers than a fresh one has, biases and batch statistics among them."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.06 * torch.rand(tensor.shape, generator=generator) - 0.03)
    return network.eval()


@pytest.fixture(scope="session")
def pictures() -> Tensor:
    """Four smooth pictures, (4, 3, 224, 224) uint8."""
    coarse = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (4, 3, 7, 7))).float()
    return nn.functional.interpolate(coarse, size=224, mode="bilinear").to(torch.uint8)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torchvision build the narrow networks, so that a test takes milliseconds."""
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights=None: NARROW[name]())


@pytest.fixture
def network_of(narrow: None) -> Callable[[str], nn.Module]:
    """A narrow network of torchvision by its name, with numbers of its own."""
    return lambda name: trained(NARROW[name]())


@pytest.fixture
def save_weights(tmp_path: Path) -> SaveWeights:
    """Write a state dict, as safetensors or by torch.save. named_by_hash: as torchvision names its files."""

    def save(
        state: dict[str, Tensor], name: str = "weights.safetensors", *, named_by_hash: bool = False
    ) -> Path:
        path = tmp_path / name
        if path.suffix == ".safetensors":
            save_file({key: tensor.contiguous() for key, tensor in state.items()}, path)
        else:
            torch.save(state, path)
        if not named_by_hash:
            return path
        prefix = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        return path.rename(path.with_stem(f"{path.stem}-{prefix}"))

    return save
