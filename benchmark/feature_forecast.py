"""Of a suite: which features are cached, which networks would be fine-tuned first, and for about how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.network_features import MODALITIES
from benchmark.plan import PlannedRun
from benchmark.prepare import PreparedData
from benchmark.runner import features_of
from datasets.backbones import Backbone
from datasets.extraction import seconds_a_picture
from datasets.features import n_missing
from datasets.finetuning.finetuned import FineTuning, read_report
from datasets.settings import Modality

Counted = set[tuple[str, ...]]
"""Names of features and networks that grids before this one are to make."""


@dataclass(frozen=True)
class FeatureForecast:
    """Features of one grid, of all networks that they are read from. n_pictures: different ones, a network.

    n_to_extract: those without cached features. n_counted_before: those that a grid before this one is to
    extract already. is_needed: whether a run that is to come reads any. seconds: from a trial on a few
    pictures, 0 where none are needed.
    """

    n_pictures: int = 0
    n_to_extract: int = 0
    n_counted_before: int = 0
    is_needed: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class FirstStageForecast:
    """Networks that are fine-tuned for a grid. n_networks: all of them, of which n_there are there or to come
    from a grid before this one. waiting: split id -> those to be trained. seconds: at most, judged by the
    last one here of the same backbone and devices, None where there is none. features: read after it.
    """

    n_networks: int
    n_there: int
    waiting: dict[str, list[FineTuning]]
    seconds: float | None
    features: FeatureForecast


def features_forecast(
    data: PreparedData, waiting: Sequence[PlannedRun], counted: Counted
) -> tuple[FeatureForecast, FirstStageForecast | None]:
    """Look ahead at the features of the backbone as it is, and at those after fine-tuning, if any is wanted.

    waiting: runs to come. counted: is added to.
    """
    counts = _Counts(data, counted, {})
    needed = features_of(waiting)
    for modality in MODALITIES:
        counts.add(
            modality,
            data.backbone,
            ("features", data.dataset.id, *_name(data, modality)),
            is_needed=any(not is_finetuned for _, is_finetuned in needed),
        )
    as_it_is = counts.forecast()
    if data.suite.finetune == "none":
        return as_it_is, None
    of_splits = {split.id for split, is_finetuned in needed if is_finetuned}
    return as_it_is, _first_stage(data, of_splits, counted, counts.speeds)


def _first_stage(
    data: PreparedData, needed: set[str], counted: Counted, speeds: dict[Modality, float]
) -> FirstStageForecast:
    counts, n_networks = _Counts(data, counted, speeds), 0
    waiting: dict[str, list[FineTuning]] = {}
    for split in data.splits():
        for modality, tuning in data.features.fine_tunings(split).items():
            n_networks += 1
            network, is_needed = ("network", tuning.key), split.id in needed
            if is_needed and not tuning.is_done and network not in counted:
                waiting.setdefault(split.id, []).append(tuning)
                counted.add(network)
            backbone = tuning.result() if tuning.is_done else None
            counts.add(modality, backbone, ("features", data.dataset.id, tuning.key), is_needed=is_needed)
    of_all = [tuning for own in waiting.values() for tuning in own]
    seconds = [_at_most_s(tuning, data.where.devices) for tuning in of_all]
    return FirstStageForecast(
        n_networks,
        n_networks - len(of_all),
        waiting,
        None if None in seconds else sum(own or 0.0 for own in seconds),
        counts.forecast(),
    )


class _Counts:
    """Adds up features of several networks. speeds: modality -> seconds a picture, tried once."""

    def __init__(self, data: PreparedData, counted: Counted, speeds: dict[Modality, float]) -> None:
        self._data, self._counted, self.speeds = data, counted, speeds
        self._n_pictures = self._n_missing = self._n_to_extract = 0
        self._is_needed, self._seconds = False, 0.0

    def add(
        self, modality: Modality, backbone: Backbone | None, name: tuple[str, ...], *, is_needed: bool
    ) -> None:
        """Count the features of one modality. backbone: None for one that is still to be trained."""
        data, digests = self._data, self._data.digests(modality)
        n_pictures = n_lacking = len(set(digests))
        if data.dataset.brings_features:
            n_lacking = 0
        elif backbone is not None:
            n_lacking = n_missing(
                digests,
                backbone,
                modality=modality,
                preprocessing=data.preprocessing,
                cache_dir=data.where.cache_dir,
            )
        self._n_pictures += n_pictures
        self._n_missing += n_lacking
        if name not in self._counted:
            self._n_to_extract += n_lacking
            if is_needed and n_lacking:
                self._seconds += n_lacking * self._seconds_a_picture(modality)
        if is_needed:
            self._is_needed = True
            self._counted.add(name)

    def forecast(self) -> FeatureForecast:
        """Return the sums."""
        return FeatureForecast(
            self._n_pictures,
            self._n_to_extract,
            self._n_missing - self._n_to_extract,
            self._is_needed,
            self._seconds,
        )

    def _seconds_a_picture(self, modality: Modality) -> float:
        """Reading, preprocessing and network together, which is the same for every set of weights."""
        data = self._data
        if modality not in self.speeds:
            self.speeds[modality] = seconds_a_picture(
                data.index.items(modality).files,
                data.backbone,
                modality=modality,
                preprocessing=data.preprocessing,
                devices=data.where.devices,
            )
        return self.speeds[modality]


def _name(data: PreparedData, modality: Modality) -> tuple[str, ...]:
    backbone = data.backbone
    return (
        modality,
        data.preprocessing.of_pictures(modality),
        backbone.card.id,
        backbone.weights_sha256(),
        backbone.steps(data.preprocessing),
    )


def _at_most_s(tuning: FineTuning, devices: Sequence[str]) -> float | None:
    """Seconds of all passes that a training may take, by the last one of the same backbone and devices."""
    reports = sorted(tuning.folder.parent.glob("*/report.json"), key=lambda path: path.stat().st_mtime)
    for path in reversed(reports):
        done = read_report(path.parent)
        if done is not None and done["devices"] == list(devices):
            a_picture: float = done["seconds"] / (done["n_epochs"] * done["n_trained"])
            return a_picture * tuning.n_trained * tuning.recipe.max_epochs
    return None
