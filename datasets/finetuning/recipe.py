"""What fine-tuning does, in numbers: part of the key under which its weights are kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

VERSION = 2
"""Raised when the same recipe gives other weights."""


class Recipe(BaseModel):
    """Fine-tuning of one backbone as a classifier of the seen classes.

    max_epochs: passes over the training items at most. patience: passes without a better accuracy on the
    held-out items after which it stops; the best weights are kept. held_out_frac: share of every class's
    items that are held out for this. batch: pictures a step, over all devices. lr: AdamW's, with a linear
    start of a tenth of a pass and a cosine to 0 over max_epochs; head_lr: of the new classifier. crop_frac:
    edge of the random crop, of the picture's. seed: of everything drawn; one network serves all seeds of the
    methods.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_epochs: int = Field(default=20, ge=1)
    patience: int = Field(default=3, ge=1)
    held_out_frac: float = Field(default=0.1, gt=0, lt=1)
    batch: int = Field(default=64, ge=2)
    lr: float = Field(default=1e-4, gt=0)
    head_lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    crop_frac: float = Field(default=0.875, gt=0, le=1)
    seed: int = Field(default=0, ge=0)


DEFAULT = Recipe()
