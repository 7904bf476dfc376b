"""Doodle2search without its attention: the same losses on features, which have no places to look at.

Loss: [d(s, x) - d(s, x⁻) + margin]₊ + lambda_semantic Σ (1 - cos(decoded, t)) / 2
+ lambda_domain cross-entropy of the modality, whose gradient is reversed. Negatives x⁻ are likelier of
similar classes, and unlearn the class of the sketch. Source: Dey et al., CVPR 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange
from methods.parts.doodle_losses import DEVIATIONS, SEARCH_SPACE, DoodleConfig, DoodleObjective
from methods.parts.search import DROPOUT
from methods.parts.trained import TrainedMethod


@register_method(
    MethodCard(
        id="doodle2search_features",
        title="Doodle2Search without attention",
        pretraining=(),
        side_information=("class vectors",),
        input="features",
        distance="euclidean",
        fidelity="reimplementation",
        deviations=(
            "Without the spatial attention, which needs pictures: `doodle2search` has it.",
            "Encoders are those of the suite on frozen features; the original fine-tunes VGG-16.",
            *DEVIATIONS,
            "The losses were checked against the released code, not against the paper's text.",
        ),
        width="free",
        paper="Dey et al., Doodle to search: practical zero-shot sketch-based image retrieval",
        year=2019,
        venue="CVPR",
        original_code="https://github.com/sounakdey/doodle2search",
        code_licence="none stated",
    )
)
class Doodle2SearchFeatures(TrainedMethod):
    """Keeps the two encoders."""

    Config = DoodleConfig
    Objective = DoodleObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {**SEARCH_SPACE, "dropout": DROPOUT}
