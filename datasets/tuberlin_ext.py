"""tuberlin_ext: the sketches of TU-Berlin and the photos that were collected for their classes."""

from __future__ import annotations

import re
from types import MappingProxyType

from benchmark.registry import register_dataset
from datasets.base import DatasetCard
from datasets.published.dataset import SUBSET, PublishedDataset
from datasets.published.layouts import Layout
from datasets.published.parts import SKETCH, Part

PHOTO_FOLDER_SPELLINGS = {
    "chandeler": "chandelier",
    "diamod": "diamond",
    "griaffe": "giraffe",
    "mouse": "mouse (animal)",
    "pipe": "pipe (for smoking)",
    "spacesshuttle": "space shuttle",
    "spidar": "spider",
    "tromobone": "trombone",
    "wristwatching": "wrist-watch",
}
"""Class folders of the photo archive that differ by more than their separators."""


@register_dataset
class TuBerlinExt(PublishedDataset):
    """20,000 sketches in 250 classes, and about 204,000 photos of them."""

    splits_folder = "tuberlin_ext"
    default_split = "sake30"
    class_table = "tuberlin_ext"
    homes = ("tuberlin", "tuberlinext", "tuberlinextended")
    parts = (
        Part(SKETCH, "sketches", re.compile(r"\d+"), example="836.png"),
        Part("photo", "photos"),
    )
    layouts = (
        Layout("A", "SEM-PCYC", {SKETCH: ("sketches", "png"), "photo": ("images", "ImageResized")}),
        Layout(
            "B", "SAKE, ZSE-SBIR", {SKETCH: ("png_ready",), "photo": ("ImageResized_ready",)}, has_lists=True
        ),
        Layout("C", "ACNet, EGFF", {SKETCH: ("sketch",), "photo": ("photo",)}, within=("train", "val")),
        Layout("D", "Sketch_LVM", {SKETCH: ("sketch",), "photo": ("photo",)}),
    )
    spellings = PHOTO_FOLDER_SPELLINGS
    totals = MappingProxyType({"photo": (204_070, 204_489)})
    subset = (3, 20)
    card = DatasetCard(
        id="tuberlin_ext",
        title="TU-Berlin extended",
        description=(
            "80 sketches in each of 250 classes, drawn from the class's name alone, and photos from the "
            "web. 204,489 photos are stated in papers, 204,070 were found by those who counted. zse_subset "
            "keeps every 3rd sketch and every 20th photo, the rates at which ZSE-SBIR tests while it "
            "trains; the items are others, as it counts along its lists and we along the sorted names of "
            "each class."
        ),
        licence=(
            "sketches CC BY 4.0 (Eitz et al.); the photos keep their owners' rights. Not redistributed here."
        ),
        citation=(
            "M. Eitz, J. Hays, M. Alexa: How Do Humans Sketch Objects? ACM Transactions on Graphics 31(4), "
            "2012. H. Zhang, S. Liu, C. Zhang, W. Ren, R. Wang, X. Cao: SketchNet: Sketch Classification "
            "with Web Images. CVPR 2016."
        ),
        obtain=(
            "The sketches are on the project page of How Do Humans Sketch Objects? (TU Berlin): take the "
            "archive of png files. The photos are shared by the authors of SketchNet and by those who built "
            "on them: the README files of the repositories AnjanDutta/sem-pcyc, qliu24/SAKE and "
            "buptLinfy/ZSE-SBIR say where (ImageResized). Put both into one folder TU-Berlin."
        ),
        layout=(
            "<root>/TU-Berlin/{sketches,images}/<class>/* or the archives' own {png,ImageResized}, the "
            "*_ready folders of SAKE, or the layouts of ACNet and Sketch_LVM; the root may be TU-Berlin "
            "itself"
        ),
        protocols=("standard", "standard" + SUBSET),
        n_classes=250,
    )
