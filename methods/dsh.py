"""Deep sketch hashing: binary codes fitted to class similarity, and networks that learn to give them.

With b bits, over the codes of photos B_x (b, n_x) and sketches B_s (b, n_s) in {-1, +1}, D and networks F:

    ‖b M - B_xᵀ B_s‖² / (b √(n_x n_s))
    + lambda_semantic Σ_v ‖Φ_v - D B_v‖² + lambda_quantisation Σ_v ‖F_v - B_v‖²

M is the similarity of classes, Φ_v holds each item's class vector, and v runs over the two modalities (Liu et
al., CVPR 2017). The divisor is ours: it gives the weights the same meaning for any number of items and bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from benchmark.errors import BenchmarkError
from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.hashing import HashingConfig, bit_by_bit, outputs_of, signs
from methods.parts.linear import required_class_vectors
from methods.parts.objectives import Objective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE, DROPOUT
from methods.parts.trained import TrainedMethod

N_SWEEPS = 3  # over all bits of a modality, each time its codes are updated


@dataclass(frozen=True)
class DSHConfig(HashingConfig):
    """lambda_semantic, lambda_quantisation: weights as in the formula, where the similarity has weight 1.

    dissimilar: M of two items of different classes, from -1 to 0; of one class it is 1. At -1, the paper's,
    the best codes of many classes set most bits to +1 for all photos and -1 for all sketches or the reverse,
    which tells no classes apart; 0 asks for unrelated codes instead. Raises BenchmarkError outside this.
    """

    distance: str = "cosine"
    lambda_semantic: float = 0.1
    lambda_quantisation: float = 0.001
    dissimilar: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not -1 <= self.dissimilar <= 0:
            raise BenchmarkError(f"dissimilar = {self.dissimilar!r}, allowed: numbers from -1 to 0.")


@dataclass(frozen=True)
class Coded:
    """Binary codes (b, n) of the items of one modality, and their classes (n,) int64."""

    codes: Tensor
    labels: Tensor

    def class_sums(self, n_classes: int) -> Tensor:
        """(b, C): the sum of the codes of each class."""
        sums = self.codes.new_zeros(len(self.codes), n_classes)
        sums.index_add_(1, self.labels, self.codes)
        return sums

    def similarity_sums(self, n_classes: int, *, dissimilar: float) -> Tensor:
        """(b, C): of each class, the codes summed over all items with the weight that M gives them.

        These are the columns of B Mᵀ without the (n_x, n_s) matrix M: its columns differ by class alone.
        """
        sums = self.class_sums(n_classes)
        return (1 - dissimilar) * sums + dissimilar * sums.sum(dim=1, keepdim=True)


def semantic_dictionary(modalities: Sequence[Coded], class_vectors: Tensor) -> Tensor:
    """Return the D (v, b) that minimises Σ_v ‖Φ_v - D B_v‖², the smallest one where several do.

    class_vectors: (C, v).
    """
    sums = torch.stack([part.class_sums(len(class_vectors)) for part in modalities]).sum(dim=0)
    gram = torch.stack([part.codes @ part.codes.T for part in modalities]).sum(dim=0)
    # In float64, because a bit that all items share, or two equal ones, make this matrix singular.
    inverse: Tensor = torch.linalg.pinv(gram.double(), hermitian=True)
    dictionary = class_vectors.T.double() @ sums.T.double() @ inverse
    return dictionary.to(class_vectors)


def updated_codes(
    part: Coded, other: Coded, outputs: Tensor, dictionary: Tensor, class_vectors: Tensor, config: DSHConfig
) -> Coded:
    """Improve the codes of one modality, all else being fixed; no sweep makes the objective larger.

    outputs: (b, n), the network's F_v for the same items. dictionary: D.
    """
    n_bits, n_classes = len(part.codes), len(class_vectors)
    n_mean = (part.codes.shape[1] * other.codes.shape[1]) ** 0.5
    similarity = other.similarity_sums(n_classes, dissimilar=config.dissimilar) / n_mean
    of_class = similarity + config.lambda_semantic * (class_vectors @ dictionary).T
    linear = of_class[:, part.labels] + config.lambda_quantisation * outputs
    coupling = other.codes @ other.codes.T / (n_bits * n_mean)
    coupling = coupling + config.lambda_semantic * dictionary.T @ dictionary
    codes = part.codes
    for _ in range(N_SWEEPS):
        codes = bit_by_bit(codes, linear, coupling)
    return replace(part, codes=codes)


class DSHObjective(Objective):
    """‖F - B‖² of a batch; before each epoch D and then both B are brought up to the present outputs."""

    config: DSHConfig
    class_vectors: Tensor

    def __init__(self, config: DSHConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        self.register_buffer("class_vectors", required_class_vectors(seen))
        self.seen = seen
        self.coded_sketches: Coded | None = None
        self.coded_photos: Coded | None = None

    def start_epoch(self) -> None:
        """Update D, the photos' codes and the sketches'; the first ones are the signs of the outputs."""
        sketch_outputs = outputs_of(self.sketch_encoder, self.seen.sketches)
        photo_outputs = outputs_of(self.photo_encoder, self.seen.photos)
        sketches = self.coded_sketches or Coded(signs(sketch_outputs), self.seen.sketch_labels)
        photos = self.coded_photos or Coded(signs(photo_outputs), self.seen.photo_labels)
        dictionary = semantic_dictionary((photos, sketches), self.class_vectors)
        fixed = dictionary, self.class_vectors, self.config
        self.coded_photos = updated_codes(photos, sketches, photo_outputs, *fixed)
        self.coded_sketches = updated_codes(sketches, self.coded_photos, sketch_outputs, *fixed)

    def forward(self, batch: PairBatch) -> Tensor:
        """Return the loss of a batch: without its weight, which alone decides nothing here."""
        if self.coded_sketches is None or self.coded_photos is None:
            raise RuntimeError("there are no codes before `start_epoch`")
        sketch_outputs, photo_outputs = self.codes(batch)
        sketch_errors = sketch_outputs - self.coded_sketches.codes[:, batch.sketch_rows].T
        photo_errors = photo_outputs - self.coded_photos.codes[:, batch.photo_rows].T
        return (sketch_errors.square() + photo_errors.square()).sum(dim=1).mean()


@register_method(
    MethodCard(
        id="dsh",
        title="DSH",
        pretraining=(),
        side_information=("class vectors",),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "Small networks on frozen features stand for the convolutional networks trained from pictures.",
            "A photo has one network; in the original a second one reads its edges (sketch tokens), shares "
            "its convolutions with the sketch network, and the two are fused.",
            "The similarity of items of different classes is 0 instead of -1 by default: at -1 most bits "
            "of the best codes tell the modalities apart and no classes.",
            "The term of the similarities is divided by the bits and the geometric mean of the numbers of "
            "items, so the weights are not on the paper's scale; their values are chosen here.",
            "Codes start as the signs of the untrained networks' outputs; each update is one solution for D "
            "and three sweeps over the bits of each modality, before every epoch.",
            "An epoch trains on every sketch once and on as many drawn photos, not on every photo.",
            "Class vectors come from a sentence model instead of word2vec.",
            "The real-valued row compares the outputs before their sign; the paper has codes alone.",
            "The linear last layer follows the released network definitions; the training code was not "
            "released, and the equations were recalled, not checked against the paper's text.",
        ),
        width="free",
        codes="own",
        paper="Liu et al., Deep sketch hashing: fast free-hand sketch-based image retrieval",
        year=2017,
        venue="CVPR",
        original_code="https://github.com/ymcidence/DeepSketchHashing",
        code_licence="none stated",
    )
)
class DSH(TrainedMethod):
    """Networks trained towards codes that are found bit by bit."""

    Config = DSHConfig
    Objective = DSHObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "lambda_semantic": SearchRange(low=1e-3, high=10.0, log=True),
        "lambda_quantisation": SearchRange(low=1e-5, high=0.1, log=True),
        "dissimilar": SearchRange(choices=(-1.0, 0.0)),
        "dropout": DROPOUT,
    }
