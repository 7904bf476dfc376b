"""quickdraw_ext: sketches of the game Quick, Draw! and photos for 110 of its classes."""

from __future__ import annotations

import re

from benchmark.registry import register_dataset
from datasets.base import DatasetCard
from datasets.published.dataset import SUBSET, PublishedDataset
from datasets.published.layouts import Layout
from datasets.published.parts import SKETCH, Part


@register_dataset
class QuickDrawExt(PublishedDataset):
    """About 330,000 sketches and 204,000 photos in 110 classes."""

    splits_folder = "quickdraw_ext"
    default_split = "doodle30"
    class_table = "quickdraw_ext"
    homes = ("quickdraw", "quickdrawext", "quickdrawextended")
    parts = (
        Part(SKETCH, "sketches", re.compile(r"\d+"), example="5147947173937152.png"),
        Part("photo", "photos"),
    )
    layouts = (
        Layout(
            "A",
            "doodle2search",
            {
                SKETCH: ("QuickDraw_sketches_final", "QuickDraw_sketches"),
                "photo": ("QuickDraw_images_final", "EXTEND_image_quickdraw"),
            },
        ),
        Layout("B", "ZSE-SBIR", {SKETCH: ("sketches",), "photo": ("images",)}, has_lists=True),
        Layout("D", "Sketch_LVM", {SKETCH: ("sketch",), "photo": ("photo",)}),
    )
    subset = (120, 30)
    card = DatasetCard(
        id="quickdraw_ext",
        title="QuickDraw extended",
        description=(
            "Sketches drawn in seconds by players of a game, the most abstract of the three large data "
            "sets: about 330,000 of them and 204,000 photos, as its paper states; the 30 unseen classes "
            "hold 92,291 and 54,151. zse_subset keeps every 120th sketch and every 30th photo, the rates at "
            "which ZSE-SBIR tests while it trains; the items are others, as it counts along its lists and "
            "we along the sorted names of each class."
        ),
        licence=(
            "sketches CC BY 4.0 (Google, Quick, Draw!); the photos keep their owners' rights. "
            "Not redistributed here."
        ),
        citation=(
            "S. Dey, P. Riba, A. Dutta, J. Lladós, Y.-Z. Song: Doodle to Search: Practical Zero-Shot "
            "Sketch-based Image Retrieval. CVPR 2019. D. Ha, D. Eck: A Neural Representation of Sketch "
            "Drawings. ICLR 2018."
        ),
        obtain=(
            "The data set is shared by the authors of Doodle to Search: the README file of the repository "
            "sounakdey/doodle2search says where, that of buptLinfy/ZSE-SBIR names a prepared copy. Put the "
            "folders of sketches and photos into one folder QuickDraw. The sketches of Quick, Draw! that "
            "Google offers are another, larger set in another rendering."
        ),
        layout=(
            "<root>/QuickDraw/{sketches,images}/<class>/* as in ZSE-SBIR, "
            "<root>/{QuickDraw_sketches_final,QuickDraw_images_final}/<class>/* as in doodle2search, or "
            "{sketch,photo}/<class>/* as in Sketch_LVM; the root may be the folder QuickDraw itself"
        ),
        protocols=("standard", "standard" + SUBSET),
        n_classes=110,
    )
