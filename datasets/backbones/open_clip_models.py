"""Image encoders of open_clip (Ilharco et al.): `open_clip:MODEL/PRETRAINED`, an optional extra."""

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
from datasets.backbones.weights import PUBLISHED, Weights, WeightsFile, first_sentence, holds_code
from datasets.preprocessing import NORMALISATIONS, normalisation_of

if TYPE_CHECKING:
    from torch import nn

HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
READOUT = "encode_image, projected to the width shared with texts"
INSTALL = 'pip install -e ".[open_clip]"'
N_CLOSE, N_SHOWN = 5, 300


@register_backbone
class OpenClip(NetworkBackbone):
    """One image encoder with one set of weights. What the web-scale pretraining showed it is unknown."""

    family = "open_clip"
    layers = ("projected",)

    def __init__(self, model: str = "", layer: str = "", weights: Weights = PUBLISHED) -> None:
        super().__init__(model, layer, weights)
        open_clip = _open_clip()
        self._name, _, self._pretrained = model.partition("/")
        self._published = _published(open_clip, self._name, self._pretrained)
        config = open_clip.get_model_config(self._name)
        self.card = BackboneCard(
            id=self.id_of(model, self.layer),
            title=f"{self._name} of open_clip, {self._pretrained}",
            dim=int(config["embed_dim"]),
            image_size=int(config["vision_cfg"]["image_size"]),
            normalisation=normalisation_of(self._published["mean"], self._published["std"]),
            readout=READOUT,
            supervised_on=UNKNOWN,
            licence="of each model",
            packages=("open_clip_torch",),
        )

    @classmethod
    def listed(cls) -> tuple[BackboneCard, ...]:
        """One card for all."""
        return (
            BackboneCard(
                id="open_clip:MODEL/PRETRAINED@projected",
                title="any image encoder of open_clip, such as open_clip:ViT-B-32/openai",
                dim=0,
                image_size=0,
                normalisation=NORMALISATIONS["imagenet"],
                readout=READOUT,
                supervised_on=UNKNOWN,
                licence="of each model",
                packages=("open_clip_torch",),
            ),
        )

    @classmethod
    def lacks(cls) -> str:
        """See `Backbone`."""
        return "" if find_spec("open_clip") else f"needs open_clip_torch: {INSTALL}"

    def build(self) -> nn.Module:
        """Return the whole model, texts included: its files hold both encoders."""
        try:
            network: nn.Module = _open_clip().create_model(
                self._name,
                pretrained_hf=False,
                force_quick_gelu=bool(self._published.get("quick_gelu", False)),
            )
        except Exception as error:  # text encoders of another library come from the net, even when empty
            raise BenchmarkError(
                f"backbone '{self.card.id}' cannot be built, text encoder included: {first_sentence(error)}."
            ) from error
        return network

    def published_weights(self) -> WeightsFile:
        """Return the file of open_clip's hub, from its cache or fetched."""
        hub_id, _, file_name = str(self._published.get("hf_hub") or "").rpartition("/")
        path = fetched(
            self.card.id,
            self.weights,
            name=f"of {self._pretrained}",
            source=f"the hub repository {hub_id}" if hub_id else str(self._published["url"]),
            known=_cached(hub_id, file_name),
            fetch=lambda: Path(_open_clip().download_pretrained(self._published)),
        )
        return WeightsFile(path, self.weights.sha256(path), f"open_clip {self.model}", is_published=True)

    def is_published(self, sha256: str) -> bool:
        """Nobody can say of a file that was passed, and it would tell nothing: the label set is unknown."""
        return False

    def fill(self, network: nn.Module, weights: WeightsFile) -> None:
        """Load a file through open_clip, which knows the older forms; nothing in it is run."""
        assert weights.path is not None  # random weights fill nothing
        try:
            _open_clip().load_checkpoint(network, str(weights.path), weights_only=True)
        except Exception as error:  # of pickle, zip, safetensors, shapes
            reason = "code in it is not run" if holds_code(error) else " ".join(str(error).split())[:N_SHOWN]
            raise BenchmarkError(
                f"weights {weights.path} do not fit {self.card.id}: {reason}. Give tensors of this very "
                "model: a state dict, as safetensors or a torch file without code."
            ) from error

    def read_layer(self, network: Any) -> nn.Module:
        """Return the image encoder."""
        network.visual.output_tokens = False  # CoCa's would give tokens beside the feature
        return network.visual  # type: ignore[no-any-return]


def _open_clip() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise BenchmarkError(
            "backbones open_clip:… need the Python package open_clip_torch, which is not installed. Run: "
            f"{INSTALL}"
        ) from error
    return open_clip


def _published(open_clip: Any, name: str, pretrained: str) -> dict[str, Any]:
    """What open_clip knows of a set of weights. Raises BenchmarkError with what there is."""
    known = [f"{model}/{tag}" for model, tag in open_clip.list_pretrained()]
    if f"{name}/{pretrained}" not in known:
        asked = f"{name}/{pretrained}" if pretrained else name
        close = [one for one in known if one.startswith(f"{name}/")][:N_CLOSE]
        close = close or difflib.get_close_matches(asked, known, n=N_CLOSE)
        raise BenchmarkError(
            f"open_clip {open_clip.__version__} knows no weights '{asked}'. Write "
            f"open_clip:MODEL/PRETRAINED. Close: {', '.join(close) or 'none'}."
        )
    return dict(open_clip.get_pretrained_cfg(name, pretrained))


def _cached(hub_id: str, file_name: str) -> tuple[Path, ...]:
    """Where the hub's cache holds the weights, under the name given or the usual ones."""
    if not hub_id:
        return ()
    from huggingface_hub import try_to_load_from_cache

    names = (str(Path(file_name).with_suffix(".safetensors")), file_name) if file_name else HUB_FILES
    found = (try_to_load_from_cache(hub_id, name) for name in names)
    return tuple(Path(path) for path in found if isinstance(path, str))
