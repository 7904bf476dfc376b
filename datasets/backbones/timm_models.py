"""Any network of timm (PyTorch Image Models, Wightman): `timm:NAME.TAG`, an optional extra."""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from benchmark.registry import register_backbone
from datasets.backbones import UNKNOWN, BackboneCard
from datasets.backbones.fetched import fetched
from datasets.backbones.network import NetworkBackbone
from datasets.backbones.weights import PUBLISHED, Weights, WeightsFile, read_tensors
from datasets.preprocessing import NORMALISATIONS, normalisation_of

if TYPE_CHECKING:
    from torch import nn

WITHOUT_LABELS = ("dino", "mae", "lvd142m", "lvd1689m", "fcmae", "ijepa")
"""Words of tags whose pretraining used pictures without labels (DINO, MAE, DINOv2 and v3, FCMAE, I-JEPA)."""
INSTALL = 'pip install -e ".[timm]"'
N_CLOSE = 5


@register_backbone
class Timm(NetworkBackbone):
    """One network of timm, read where its classifier reads: its own pooling and normalisation applied."""

    family = "timm"
    layers = ("pre_logits",)

    def __init__(self, model: str = "", layer: str = "", weights: Weights = PUBLISHED) -> None:
        super().__init__(model, layer, weights)
        timm = _timm()
        self._config = _config(timm, model)
        with _on_no_device():
            network = timm.create_model(model, pretrained=False)
        self.card = BackboneCard(
            id=self.id_of(model, self.layer),
            title=f"{model} of timm",
            dim=int(getattr(network, "head_hidden_size", network.num_features)),
            image_size=int(self._config.input_size[-1]),
            normalisation=normalisation_of(self._config.mean, self._config.std),
            readout="forward_head(pre_logits=True)",
            supervised_on=label_set(str(self._config.tag or "")),
            licence=str(self._config.license or UNKNOWN),
            packages=("timm",),
        )

    @classmethod
    def listed(cls) -> tuple[BackboneCard, ...]:
        """One card for all."""
        return (
            BackboneCard(
                id="timm:MODEL@pre_logits",
                title="any network of timm, such as timm:vit_small_patch8_224.dino",
                dim=0,
                image_size=0,
                normalisation=NORMALISATIONS["imagenet"],
                readout="forward_head(pre_logits=True)",
                supervised_on="as the tag says",
                licence="of each model",
                packages=("timm",),
            ),
        )

    @classmethod
    def lacks(cls) -> str:
        """See `Backbone`."""
        return "" if find_spec("timm") else INSTALL

    def build(self) -> nn.Module:
        """Return timm's network."""
        network: nn.Module = _timm().create_model(self.model, pretrained=False)
        return network

    def published_weights(self) -> WeightsFile:
        """Return the file of timm's hub, from its cache or fetched."""
        hub_id, url = self._config.hf_hub_id, self._config.url
        name = f"model.safetensors of {hub_id}" if hub_id else Path(str(url)).name

        def fetch() -> Path:
            if hub_id:
                return _from_hub(str(hub_id))
            import torch

            own = (self.weights.folder or Path(torch.hub.get_dir()) / "checkpoints") / name
            if not own.is_file():
                own.parent.mkdir(parents=True, exist_ok=True)
                torch.hub.download_url_to_file(str(url), str(own))
            return own

        path = fetched(
            self.card.id,
            self.weights,
            name=name,
            source=f"the hub repository {hub_id}" if hub_id else str(url),
            known=_cached(str(hub_id)) if hub_id else (),
            fetch=fetch,
        )
        return WeightsFile(path, self.weights.sha256(path), f"timm {self.model}", is_published=True)

    def is_published(self, sha256: str) -> bool:
        """Nobody can say of a file that was passed: timm publishes no hashes."""
        return False

    def fill(self, network: nn.Module, weights: WeightsFile) -> None:
        """Load a state dict through timm, which knows the older forms of its networks' files."""
        assert weights.path is not None  # random weights fill nothing
        tensors = read_tensors(weights.path)
        try:
            filled = _timm().create_model(
                self.model, pretrained=True, pretrained_cfg_overlay={"state_dict": tensors}
            )
        except (RuntimeError, KeyError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise BenchmarkError(
                f"weights {weights.path} do not fit {self.card.id}: {' '.join(lines[:2])[:300]}. "
                "Give weights of this very network."
            ) from error
        network.load_state_dict(filled.state_dict())

    def read_layer(self, network: nn.Module) -> nn.Module:
        """Return the network up to its classifier."""
        return _pre_logits(network)

    def classifier(self, network: Any) -> nn.Module | None:
        """Return the classifier, which reads what is read here."""
        return network.get_classifier()  # type: ignore[no-any-return]


def label_set(tag: str) -> str:
    """Return the label set that a tag of timm names.

    >>> label_set("a1_in1k"), label_set("fb_in22k_ft_in1k"), label_set("dino"), label_set("openai")
    ('imagenet1k', 'imagenet21k', 'no labels', 'unknown')
    """
    words = tag.split("_")
    if {"in21k", "in22k", "in12k"} & set(words):
        return "imagenet21k"
    if any(word in WITHOUT_LABELS for word in words):
        return "imagenet1k" if "in1k" in words else "no labels"
    # in1k behind another source, as in laion2b_ft_in1k, says nothing of that source.
    if "in1k" in words and not {"ft", "laion2b", "openai", "jft", "ig1b", "ssl", "swsl"} & set(words):
        return "imagenet1k"
    return UNKNOWN


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise BenchmarkError(
            f"backbones timm:… need the Python package timm, which is not installed. Run: {INSTALL}"
        ) from error
    return timm


def _config(timm: Any, model: str) -> Any:
    """What timm knows of a model. Raises BenchmarkError with close names."""
    if not model:
        raise BenchmarkError("backbone 'timm' needs a model: timm:resnet18.a1_in1k, say.")
    known = timm.list_models(pretrained=True)
    name, _, tag = model.partition(".")
    if timm.is_model(name) and (not tag or model in known):
        config = timm.models.get_pretrained_cfg(model)
        if config is not None:
            return config
    close = difflib.get_close_matches(model, known, n=N_CLOSE)
    raise BenchmarkError(
        f"timm {timm.__version__} knows no model '{model}' with published weights. "
        f"Close names: {', '.join(close) or 'none'}."
    )


def _on_no_device() -> Any:
    """Let networks be built without memory or numbers, to learn their width."""
    import torch

    return torch.device("meta")


def _cached(hub_id: str) -> tuple[Path, ...]:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub_id, "model.safetensors")
    return (Path(found),) if isinstance(found, str) else ()


def _from_hub(hub_id: str) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(hub_id, "model.safetensors"))


def _pre_logits(network: Any) -> nn.Module:
    from torch import Tensor, nn

    class PreLogits(nn.Module):
        """The network up to the input of its classifier."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pictures: Tensor) -> Tensor:
            maps = self.network.forward_features(pictures)
            features: Tensor = self.network.forward_head(maps, pre_logits=True)
            return features

    return PreLogits()
