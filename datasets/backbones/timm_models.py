"""Any network of timm (PyTorch Image Models, Wightman): `timm:NAME.TAG`, an optional extra."""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from benchmark.registry import register_backbone
from datasets.backbones import UNKNOWN, BackboneCard
from datasets.backbones.fetched import fetched, fetched_from_url
from datasets.backbones.network import NetworkBackbone
from datasets.backbones.weights import PUBLISHED, Weights, WeightsFile, read_tensors
from datasets.preprocessing import NORMALISATIONS, normalisation_of

if TYPE_CHECKING:
    from torch import Tensor, nn

WITHOUT_LABELS = {"dino", "mae", "lvd142m", "lvd1689m", "fcmae", "ijepa"}
"""Words of tags whose pretraining used pictures without labels (DINO, MAE, DINOv2 and v3, FCMAE, I-JEPA)."""
LARGER_IMAGENETS = {"in21k", "in22k", "in12k"}
FOREIGN = {
    *("clip", "openai", "laion400m", "laion2b", "laiona", "dfn2b", "dfn5b", "webli"),  # pictures with texts
    *("merged2b", "datacomp1b"),
    *("jft", "ig1b", "yfcc100m", "swag", "seer", "m30m", "m38m", "indomain"),  # other pictures
    *("mim", "eupe"),  # EVA-02 and EUPE learn what networks say that saw pictures with texts
    *("distilled", "ssld", "usi"),  # from teachers that saw more than the tag says
    "mx",  # some of these DPN were first trained on 5,000 classes
}
"""Words of tags that stand for data or teachers beside the label set that the tag names."""
FOREIGN_NETWORKS = {"beit", "beitv2", "beit3", "eva", "eva02", "flexivit"}
"""First words of networks that learn from the outputs of others, whatever their tags say."""
INSTALL = 'pip install -e ".[timm]"'
N_CLOSE, N_SHOWN = 5, 300


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
        height, width = self._config.input_size[1:]
        if height != width or not hasattr(network, "get_classifier"):
            fault = "takes no square pictures" if height != width else "is made for no classifier"
            raise BenchmarkError(f"timm's '{model}' {fault}: there is no feature to read. Take another one.")
        self.card = BackboneCard(
            id=self.id_of(model, self.layer),
            title=f"{model} of timm",
            dim=int(getattr(network, "head_hidden_size", network.num_features)),
            image_size=int(width),
            normalisation=normalisation_of(self._config.mean, self._config.std),
            readout="forward_head(pre_logits=True)",
            supervised_on=label_set(f"{model.partition('.')[0]}.{self._config.tag or ''}"),
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
        return "" if find_spec("timm") else f"needs timm: {INSTALL}"

    def build(self) -> nn.Module:
        """Return timm's network."""
        network: nn.Module = _timm().create_model(self.model, pretrained=False)
        return network

    def published_weights(self) -> WeightsFile:
        """Return the file of timm's hub, from its cache or fetched."""
        hub_id, url = self._config.hf_hub_id, self._config.url
        if hub_id:
            path = fetched(
                self.card.id,
                self.weights,
                name=f"model.safetensors of {hub_id}",
                source=f"the hub repository {hub_id}",
                known=_cached(str(hub_id)),
                fetch=lambda: _from_hub(str(hub_id)),
            )
        else:
            path = fetched_from_url(self.card.id, self.weights, str(url))
        return WeightsFile(path, self.weights.sha256(path), f"timm {self.model}", is_published=True)

    def is_published(self, sha256: str) -> bool:
        """Nobody can say of a file that was passed: timm publishes no hashes."""
        return False

    def fill(self, network: nn.Module, weights: WeightsFile) -> None:
        """Load a state dict through timm, which knows the older forms of its networks' files."""
        assert weights.path is not None  # random weights fill nothing
        tensors = read_tensors(weights.path)
        try:
            filled = self._filled({"state_dict": dict(tensors)})
        except Exception as error:  # every network of timm has its own way to read older files
            but_head = None if weights.is_published else self._filled_but_head(network, tensors)
            if but_head is None:
                raise BenchmarkError(
                    f"weights {weights.path} do not fit {self.card.id}: "
                    f"{' '.join(str(error).split())[:N_SHOWN]}. Give weights of this very network."
                ) from error
            filled = but_head
        network.load_state_dict(filled.state_dict())

    def _filled(self, overlay: dict[str, Any]) -> nn.Module:
        network: nn.Module = _timm().create_model(self.model, pretrained=True, pretrained_cfg_overlay=overlay)
        return network

    def _filled_but_head(self, network: nn.Module, tensors: dict[str, Tensor]) -> nn.Module | None:
        """Fill all but the classifier, which a file may lack or have for other labels; None if that fails."""
        names = self._config.classifier or ()
        heads = tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))
        own = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(heads)}
        try:
            return self._filled({"state_dict": {**tensors, **own}, "label_offset": 0})
        except Exception:
            return None

    def read_layer(self, network: nn.Module) -> nn.Module:
        """Return the network up to its classifier."""
        return _pre_logits(network)

    def classifier(self, network: Any) -> nn.Module | None:
        """Return the classifier, which reads what is read here."""
        return network.get_classifier()  # type: ignore[no-any-return]


def label_set(name: str) -> str:
    """Return the label set that the name of a network of timm tells, with its tag; unknown when in doubt.

    >>> label_set("resnet50.a1_in1k"), label_set("convnext_base.fb_in22k_ft_in1k")
    ('imagenet1k', 'imagenet21k')
    >>> label_set("vit_base_patch16_224.dino"), label_set("vit_base_patch16_clip_224.openai_ft_in1k")
    ('no labels', 'unknown')
    """
    network, _, tag = name.partition(".")
    kinds, words = set(network.split("_")), set(tag.split("_"))
    if FOREIGN & words or network.split("_")[0] in FOREIGN_NETWORKS or "ssld" in kinds:
        return UNKNOWN
    if WITHOUT_LABELS & words and "ft" not in words:
        return "no labels"
    if LARGER_IMAGENETS & words:
        return UNKNOWN if "dist" in words else "imagenet21k"  # TinyViT's teacher there is a CLIP
    # "ft_in1k" behind anything else says nothing of what came before.
    if "in1k" in words and ("ft" not in words or WITHOUT_LABELS & words):
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
    from torch import nn

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
