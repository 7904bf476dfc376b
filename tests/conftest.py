"""What several folders of tests share: one thread, a generated world, copies of data sets."""

import io
import os
import shutil
import zlib
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby, islice
from pathlib import Path

import pytest

# Before numpy is imported, whose libraries read it then; processes that a test starts inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from PIL import Image

from benchmark.contract.tiny_world import TinyWorld, make_tiny_world
from benchmark.registry import BACKBONES, DATASETS, METHODS, load_plugin
from datasets.classes import class_facts
from datasets.doodle101.contents import Contents, read_contents
from datasets.quickdraw_ext import QuickDrawExt
from datasets.sketchy import Sketchy, SketchyExt
from datasets.tuberlin_ext import TuBerlinExt

KINDS = {kind.card.id: kind for kind in (Sketchy, SketchyExt, TuBerlinExt, QuickDrawExt)}
PLUGINS = Path(__file__).parent / "plugins"
SMALL_NET = PLUGINS / "small_net.py"
TABLES = {"sketchy": "sketchy", "sketchy_ext": "sketchy"}
TX = "tx_000000000000"

COPIES = {
    ("sketchy_ext", "A"): {
        "sketch": f"Sketchy/sketch/{TX}",
        "orig": f"Sketchy/photo/{TX}",
        "ext": "Sketchy/extended_photo",
    },
    ("sketchy_ext", "A as unpacked"): {
        "sketch": f"Sketchy/256x256/sketch/{TX}",
        "orig": f"Sketchy/256x256/photo/{TX}",
        "ext": "Sketchy/EXTEND_image_sketchy",
    },
    ("sketchy_ext", "A of doodle2search"): {
        "sketch": f"Sketchy/sketch/{TX}",
        "orig": f"Sketchy/photo/{TX}",
        "ext": "EXTEND_image_sketchy",
    },
    ("sketchy_ext", "B"): {
        "sketch": f"dataset/Sketchy/256x256/sketch/{TX}_ready",
        "orig": f"dataset/Sketchy/256x256/photo/{TX}_ready",
        "ext": "dataset/Sketchy/EXTEND_image_sketchy_ready",
    },
    ("sketchy_ext", "C"): {"sketch": "sketchy/{}/sketch", "ext": "sketchy/{}/photo"},
    ("sketchy_ext", "D"): {"sketch": "sketch", "ext": "photo"},
    ("tuberlin_ext", "A"): {"sketch": "TU-Berlin/sketches", "photo": "TU-Berlin/images"},
    ("tuberlin_ext", "A as unpacked"): {"sketch": "TU-Berlin/png", "photo": "TU-Berlin/ImageResized"},
    ("tuberlin_ext", "B"): {
        "sketch": "dataset/TUBerlin/png_ready",
        "photo": "dataset/TUBerlin/ImageResized_ready",
    },
    ("tuberlin_ext", "C"): {"sketch": "tuberlin/{}/sketch", "photo": "tuberlin/{}/photo"},
    ("tuberlin_ext", "D"): {"sketch": "sketch", "photo": "photo"},
    ("quickdraw_ext", "A"): {"sketch": "QuickDraw_sketches_final", "photo": "QuickDraw_images_final"},
    ("quickdraw_ext", "A in its tests"): {"sketch": "QuickDraw_sketches", "photo": "EXTEND_image_quickdraw"},
    ("quickdraw_ext", "B"): {"sketch": "datasets/QuickDraw/sketches", "photo": "datasets/QuickDraw/images"},
    ("quickdraw_ext", "D"): {"sketch": "sketch", "photo": "photo"},
}
"""Data set and layout -> part -> its folder under the data root; {} stands for train and val."""


def class_names(dataset_id):
    return [facts.class_name for facts in class_facts(TABLES.get(dataset_id, dataset_id))]


def _bytes(kind):
    out = io.BytesIO()
    Image.new("RGB", (6, 6), "white").save(out, kind)
    return out.getvalue()


PNG, JPEG = _bytes("PNG"), _bytes("JPEG")


def write(path, text=None):
    """Write a tiny real picture whose bytes differ from those of any other text."""
    text = (text or str(path)).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".png":
        chunk = b"tEXtk\0" + text
        end = (len(text) + 2).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + PNG[-12:]
        path.write_bytes(PNG[:-12] + end)
    else:
        path.write_bytes(JPEG[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + JPEG[2:])


def file_names(dataset_id, part, number):
    """Two names as the data set gives them to the class of this number."""
    if dataset_id == "sketchy_ext":
        return {
            "sketch": (f"n{number:05}_7-1.png", f"n{number:05}_7-2.png"),
            "orig": (f"n{number:05}_7.jpg", f"n{number:05}_8.jpg"),
            "ext": (f"n{number:05}_7.jpg", "ext_1.jpg"),
        }[part]
    if part == "photo":
        return ("image_00001.jpg", "52. bread-loaf.desktop.jpeg")
    return (f"{number * 80 + 1}.png", f"{number * 80 + 2}.png")


@dataclass
class Copy:
    """A copy of a data set on disk."""

    root: Path
    dataset_id: str
    layout: str

    def path(self, part, *, within="train"):
        """Where a part lies; to be looked at only, since other copies may share what lies there."""
        return self.root / COPIES[self.dataset_id, self.layout][part].format(within)

    def part(self, part, *, within="train"):
        """The folder of a part, made its own to be changed; its class folders are still shared."""
        path = self.path(part, within=within)
        if path.is_symlink():
            shared = path.resolve()
            path.unlink()
            path.mkdir()
            for folder in shared.iterdir():
                (path / folder.name).symlink_to(folder)
        return path

    def folder(self, part, class_name):
        """The folder of a class, in whichever of train and val it lies, made its own to be changed."""
        within = next(
            within for within in ("train", "val") if (self.path(part, within=within) / class_name).is_dir()
        )
        folder = self.part(part, within=within) / class_name
        if folder.is_symlink():
            shared = folder.resolve()
            folder.unlink()
            shutil.copytree(shared, folder)
        return folder

    def open(self, dataset_id=None, *, root=None, skip_corrupt=False):
        """Open it as a data set."""
        kind = KINDS[dataset_id or self.dataset_id]
        cache = self.root.parent / "cache"
        return kind(root=root or self.root, cache_dir=cache, skip_corrupt=skip_corrupt)

    def findings(self, level, dataset_id=None):
        """Texts of a level."""
        return [finding.text for finding in self.open(dataset_id).survey().findings if finding.level == level]


@pytest.fixture(scope="session")
def shared_part(tmp_path_factory):
    """Parts of data sets, drawn once; copies hold links to them."""
    root = tmp_path_factory.mktemp("shared")

    def shared_part(dataset_id, part, layout, within):
        folder = root / dataset_id / (f"{part} C {within}" if layout == "C" else part)
        if not folder.is_dir():
            for number, class_name in enumerate(class_names(dataset_id)):
                if layout != "C" or within == ("val" if number % 5 == 0 else "train"):
                    for name in file_names(dataset_id, part, number):
                        name_here = name.replace(".png", ".jpg") if layout == "C" else name
                        write(folder / class_name / name_here, f"{class_name} {name}")
        return folder

    return shared_part


@pytest.fixture(scope="session")
def lay_out_at(shared_part):
    """Make a copy of a data set in one of COPIES; in layout C every fifth class is in val."""

    def lay_out(root, dataset_id, layout):
        copy = Copy(root, dataset_id, layout)
        for part in COPIES[dataset_id, layout]:
            for within in ("train", "val") if layout == "C" else ("train",):
                path = copy.path(part, within=within)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(shared_part(dataset_id, part, layout, within), target_is_directory=True)
        return copy

    return lay_out


@pytest.fixture
def lay_out(tmp_path, lay_out_at):
    """Make a copy that belongs to one test."""

    def lay_out(dataset_id, layout, *, root=None):
        return lay_out_at(root or tmp_path / "data", dataset_id, layout)

    return lay_out


@pytest.fixture(scope="session")
def lay_out_doodle101():
    """Make a copy of doodle101 with two sketches and two photos a class, and the lists that describe it."""

    def two_of_each(root, items):
        for _, of_class in groupby(items, key=lambda item: item.class_name):
            for item in islice(of_class, 2):
                write(root / item.name, item.name)
                yield replace(item, sha256=sha256((root / item.name).read_bytes()).hexdigest())

    def lay_out(root):
        whole = read_contents()
        return Contents(*(tuple(two_of_each(root, items)) for items in (whole.sketches, whole.photos)))

    return lay_out


def pytest_configure() -> None:
    """Compute on one thread: for small arrays, threads that wait for each other take most of the time."""
    torch.set_num_threads(1)


MOST_SLOW = 40
NEVER_SLOW = ("tests/contract/", "tests/metrics/", "tests/benchmark/test_records.py")


@pytest.hookimpl(tryfirst=True)  # before those that are not asked for are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what `make test` leaves out small, and nothing of what all results rest on."""
    slow = [item.nodeid for item in items if item.get_closest_marker("slow")]
    wrong = [name for name in slow if name.startswith(NEVER_SLOW)]
    if wrong or len(slow) > MOST_SLOW:
        raise pytest.UsageError(
            f"{len(slow)} tests are marked slow, {MOST_SLOW} may be, and none of {', '.join(NEVER_SLOW)}: "
            f"{', '.join(wrong) or 'make some of them quicker'}."
        )


@pytest.fixture(scope="session")
def tiny_world() -> TinyWorld:
    """Seventeen generated classes: ten to train on, three for validation, four unseen."""
    return make_tiny_world()


@pytest.fixture
def open_registries(monkeypatch):
    """Let a test register plugins, and forget them afterwards."""
    for registry in (METHODS, DATASETS, BACKBONES):
        registry.discover()
        for table in ("_entries", "_origins"):
            monkeypatch.setattr(registry, table, dict(getattr(registry, table)))
        monkeypatch.setattr(registry, "_is_frozen", False)


@pytest.fixture
def pixels(open_registries):
    """Register the backbone `pixels`, which is no network."""
    load_plugin(PLUGINS / "pixels.py")


@pytest.fixture
def small_net(open_registries):
    """Register the backbone `small_net`, which is trained in a second; return its plugin file."""
    load_plugin(SMALL_NET)
    return SMALL_NET
