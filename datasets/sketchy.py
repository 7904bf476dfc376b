"""sketchy and sketchy_ext: the Sketchy database, with its own photos and with those that were added to it."""

from __future__ import annotations

import re

from benchmark.registry import register_dataset
from datasets.base import DatasetCard
from datasets.published.dataset import SUBSET, PublishedDataset
from datasets.published.layouts import BESIDE, Layout
from datasets.published.parts import SKETCH, Part

RENDERING = "tx_000000000000"
"""The rendering that published results use: pictures scaled to 256 x 256, without regard to their shape."""

EXTENDED_FOLDERS = ("EXTEND_image_sketchy", "extended_photo")

SKETCHES = Part(
    SKETCH,
    "sketches",
    re.compile(r"(n\d+_\d+)-\d+"),
    example="n02691156_58-1.png (photo, number of the drawing)",
)
LICENCE = (
    "the authors' terms: sketches and photos for research; the photos come from ImageNet and Flickr and keep "
    "their owners' rights. Not redistributed here."
)
SANGKLOY = (
    "P. Sangkloy, N. Burnell, C. Ham, J. Hays: The Sketchy Database: Learning to Retrieve Badly Drawn "
    "Bunnies. ACM Transactions on Graphics 35(4), 2016."
)
LIU = (
    "L. Liu, F. Shen, Y. Shen, X. Liu, L. Shao: Deep Sketch Hashing: Fast Free-hand Sketch-Based Image "
    "Retrieval. CVPR 2017."
)
OBTAIN = (
    "Ask for the Sketchy database on its project page (The Sketchy Database, Georgia Institute of "
    "Technology), whose authors share it for research, and unpack the archive with the 256 x 256 pictures."
)
OBTAIN_EXTENSION = (
    "The added photos are shared by the authors of Deep Sketch Hashing and by those who built on them: the "
    "README files of the repositories qliu24/SAKE, AnjanDutta/sem-pcyc and buptLinfy/ZSE-SBIR say where. "
    "Put the folder EXTEND_image_sketchy into the data set's folder or beside it. The prepared copies of "
    "SAKE and ZSE-SBIR can be used as they are."
)


def _layouts(one_photo_folder: str) -> tuple[Layout, ...]:
    """one_photo_folder: the part that the photos are where a layout keeps all in one folder."""
    return (
        Layout(
            "A",
            "SEM-PCYC, doodle2search",
            {
                SKETCH: (f"sketch/{RENDERING}", f"256x256/sketch/{RENDERING}"),
                "orig": (f"photo/{RENDERING}", f"256x256/photo/{RENDERING}"),
                "ext": (*EXTENDED_FOLDERS, *(BESIDE + name for name in EXTENDED_FOLDERS)),
            },
        ),
        Layout(
            "B",
            "SAKE, ZSE-SBIR",
            {
                SKETCH: (f"256x256/sketch/{RENDERING}_ready",),
                "orig": (f"256x256/photo/{RENDERING}_ready",),
                "ext": ("EXTEND_image_sketchy_ready",),
            },
            has_lists=True,
        ),
        Layout(
            "C", "ACNet, EGFF", {SKETCH: ("sketch",), one_photo_folder: ("photo",)}, within=("train", "val")
        ),
        Layout("D", "Sketch_LVM", {SKETCH: ("sketch",), one_photo_folder: ("photo",)}),
    )


@register_dataset
class Sketchy(PublishedDataset):
    """75,481 sketches of 12,500 photos in 125 classes; a sketch's file name tells which photo was drawn."""

    splits_folder = "sketchy"
    default_split = "sake25"
    class_table = "sketchy"
    homes = ("sketchy", "sketchyext", "sketchyextended")
    parts = (
        SKETCHES,
        Part(
            "orig",
            "original photos",
            re.compile(r"(n\d+_\d+)"),
            example="n02691156_58.jpg",
            left_out=re.compile(r"ext_\d+"),
            left_out_reason="photos named ext_N are those of sketchy_ext.",
            known_strays=frozenset({"camel/c.jpg"}),
        ),
    )
    layouts = _layouts("orig")
    card = DatasetCard(
        id="sketchy",
        title="Sketchy",
        description=(
            "Sketches drawn from memory after a short look at one photo, so that every sketch has the photo "
            "it shows. 100 photos and 518 to 746 sketches a class. Files on disk: 75,481 sketches (its page "
            "and papers state 75,471 and 75,479) and 12,500 photos."
        ),
        licence=LICENCE,
        citation=SANGKLOY,
        obtain=OBTAIN,
        layout=(
            f"<root>/Sketchy/{{sketch,photo}}/{RENDERING}/<class>/*, or 256x256/ as unpacked, the *_ready "
            "folders of SAKE, or the layouts of ACNet and Sketch_LVM; the root may be the folder Sketchy "
            "itself"
        ),
        protocols=("orig",),
        n_classes=125,
    )


@register_dataset
class SketchyExt(PublishedDataset):
    """Sketchy with 60,502 photos added: 73,002 photos, the original ones (all but one) among them."""

    splits_folder = "sketchy"
    default_split = "sake25"
    class_table = "sketchy"
    homes = Sketchy.homes
    parts = (
        SKETCHES,
        Part(
            "orig",
            "original photos",
            re.compile(r"(n\d+_\d+)"),
            example="n02691156_58.jpg",
            is_required=False,
        ),
        Part(
            "ext",
            "extended photos",
            re.compile(r"ext_\d+|(n\d+_\d+)"),
            example="ext_123.jpg or n02691156_58.jpg",
            known_strays=frozenset({"camel/c.jpg"}),
        ),
    )
    layouts = _layouts("ext")
    subset = (20, 10)
    card = DatasetCard(
        id="sketchy_ext",
        title="Sketchy extended",
        description=(
            "Sketchy with 60,502 added photos. The folder of the extension holds 73,002, the originals (all "
            "but one) among them; papers search it alone (ext), together with the original folder, in which "
            "the originals then stand twice (ext+orig, as SAKE and ZSE-SBIR do), or the original folder "
            "alone (orig). Training takes the photos of both folders, and under ext those of the extension "
            "only. zse_subset keeps every 20th sketch and every 10th photo, the rates at which ZSE-SBIR "
            "tests while it trains; the items are others, as it counts along its lists and we along the "
            "sorted names of each class."
        ),
        licence=LICENCE,
        citation=f"{SANGKLOY} {LIU}",
        obtain=f"{OBTAIN} {OBTAIN_EXTENSION}",
        layout=(
            "as for sketchy, and <root>/Sketchy/EXTEND_image_sketchy/<class>/* (or extended_photo, or beside "
            "Sketchy, or *_ready as in SAKE)"
        ),
        protocols=tuple(
            gallery + subset for subset in ("", SUBSET) for gallery in ("ext+orig", "ext", "orig")
        ),
        n_classes=125,
    )

    @classmethod
    def tested_sources(cls, gallery: str) -> tuple[str, ...]:
        """The folders that the protocol's name lists."""
        return tuple(gallery.split("+"))

    @classmethod
    def trained_sources(cls, gallery: str) -> tuple[str, ...]:
        """Both folders, except where a protocol leaves the original one out of everything."""
        return ("ext",) if gallery == "ext" else ("ext", "orig")
