"""Every registered data set: facts a reader must know, labels and splits that fit each other, no leak.

emoji54 is listed without drawing a picture, folder and precomputed on small roots made here, the others on
small copies of all their classes.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.registry import DATASETS
from datasets.arrangement import arrange
from datasets.settings import DIRECTIONS, SETTINGS, Terms
from datasets.splits import committed_split, committed_split_ids

FOLDER_CLASSES = ("ant", "bee", "cat", "dog")


def make_folder(root):
    for modality in ("sketch", "photo"):
        for name in FOLDER_CLASSES:
            (root / modality / name).mkdir(parents=True)
            for i in range(3):
                Image.new("RGB", (8, 8 + i)).save(root / modality / name / f"{i}.png")
    (root / "split.toml").write_text('unseen = ["ant"]\nvalidation = ["bee"]\n', encoding="utf-8")
    return root


def make_precomputed(root):
    labels = np.repeat(FOLDER_CLASSES, 3)
    for seed, modality in enumerate(("sketch", "photo")):
        features = np.random.default_rng(seed).standard_normal((len(labels), 5))
        np.savez(root / f"{modality}.npz", features=features, labels=labels)
    (root / "split.toml").write_text('unseen = ["ant"]\nvalidation = ["bee"]\n', encoding="utf-8")
    return root


MADE_HERE = {"folder": make_folder, "precomputed": make_precomputed}
"""Data set -> what makes its root."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory, lay_out_at, lay_out_doodle101):
    """Open a data set and list its items, once for all tests."""
    known = {}

    def open_dataset(dataset_id):
        if dataset_id not in known:
            kind, cache_dir = DATASETS.get(dataset_id), tmp_path_factory.mktemp("cache")
            root = contents = None
            if dataset_id in MADE_HERE:
                root = MADE_HERE[dataset_id](tmp_path_factory.mktemp("root"))
            elif dataset_id == "doodle101":
                root = tmp_path_factory.mktemp("root")
                contents = lay_out_doodle101(root)
            elif kind.card.needs_root:
                copy = COPIES[dataset_id]
                root = lay_out_at(tmp_path_factory.mktemp("root") / "data", *copy).root
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("datasets.emoji54.render_missing", lambda folder, concepts, progress: None)
                patch.setattr("datasets.doodle101.read_contents", lambda: contents)
                dataset = kind(root=root, cache_dir=cache_dir)
                known[dataset_id] = dataset, dataset.index()
        return known[dataset_id]

    return open_dataset


COPIES = {
    "sketchy": ("sketchy_ext", "B"),
    "sketchy_ext": ("sketchy_ext", "B"),
    "tuberlin_ext": ("tuberlin_ext", "A"),
    "quickdraw_ext": ("quickdraw_ext", "B"),
}
"""Data set -> whose files are laid out in which layout."""

every_dataset = pytest.mark.parametrize("dataset_id", DATASETS.ids())
every_modality = pytest.mark.parametrize("modality", ["sketches", "photos"])


@every_dataset
@pytest.mark.parametrize(
    "fact", ["id", "title", "description", "licence", "citation", "obtain", "layout", "protocols"]
)
def test_the_card_states_every_fact(dataset_id, fact):
    assert getattr(DATASETS.get(dataset_id).card, fact)


@every_dataset
def test_the_card_has_the_registered_id(dataset_id):
    assert DATASETS.get(dataset_id).card.id == dataset_id


@every_dataset
def test_class_names_are_unique_and_as_many_as_the_card_says(dataset_id, opened):
    dataset, index = opened(dataset_id)
    assert len(set(index.class_names)) == len(index.class_names)
    assert dataset.card.n_classes in (None, len(index.class_names))


@every_dataset
@every_modality
def test_labels_are_integers_that_reach_every_class(dataset_id, modality, opened):
    _, index = opened(dataset_id)
    labels = getattr(index, modality).labels
    assert labels.dtype == np.int64
    assert np.unique(labels).tolist() == list(range(len(index.class_names)))


@every_dataset
@every_modality
def test_item_names_are_unique_and_relative(dataset_id, modality, opened):
    _, index = opened(dataset_id)
    names = getattr(index, modality).names
    assert len(set(names)) == len(names)
    assert not any(Path(name).is_absolute() for name in names)


@every_dataset
@every_modality
def test_every_item_has_a_digest_of_its_own_content(dataset_id, modality, opened):
    dataset, index = opened(dataset_id)
    if dataset_id == "emoji54":
        pytest.skip("its pictures are not drawn here")
    items = getattr(index, modality)
    digests = dataset.digests(items, modality.removesuffix("es").removesuffix("s"))
    assert len(digests) == len(items)
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in digests)
    assert len(set(digests)) > 1


@every_dataset
def test_a_data_set_has_pictures_or_brings_features(dataset_id, opened):
    dataset, index = opened(dataset_id)
    assert dataset.brings_features == (not index.has_pictures)
    assert (dataset.given_features() is not None) == dataset.brings_features


@every_dataset
def test_both_modalities_have_instances_or_neither_has(dataset_id, opened):
    _, index = opened(dataset_id)
    assert (index.sketches.instances is None) == (index.photos.instances is None)


@every_dataset
def test_an_instance_belongs_to_one_class(dataset_id, opened):
    _, index = opened(dataset_id)
    classes_of = {}
    for items in (index.sketches, index.photos):
        for instance, label in zip(items.instances or (), items.labels, strict=False):
            if instance:
                classes_of.setdefault(instance, set()).add(int(label))
    assert all(len(classes) == 1 for classes in classes_of.values())


@every_dataset
def test_every_split_fits_the_classes(dataset_id, opened):
    dataset, index = opened(dataset_id)
    for split_id in dataset.split_ids():
        split = dataset.split(split_id)
        split.check_against(index.class_names)
        assert (split.dataset, split.id) == (dataset.id, split_id)


@every_dataset
def test_every_split_keeps_unseen_validation_and_training_classes_apart(dataset_id, opened):
    dataset, index = opened(dataset_id)
    assert dataset.split_ids()
    for split_id in dataset.split_ids():
        split = dataset.split(split_id)
        assert split.unseen
        assert split.validation
        assert not set(split.unseen) & set(split.validation)
        assert set(split.validation) < set(split.seen(index.class_names))


@every_dataset
def test_roles_cover_every_item_and_every_class_under_every_protocol(dataset_id, opened):
    dataset, index = opened(dataset_id)
    every_class = set(range(len(index.class_names)))
    for protocol in dataset.card.protocols:
        roles = dataset.roles(index, protocol)
        for role, items in (
            (roles.train_sketches, index.sketches),
            (roles.test_sketches, index.sketches),
            (roles.train_photos, index.photos),
            (roles.test_photos, index.photos),
        ):
            assert role.shape == (len(items),)
            assert role.dtype == bool
            assert set(items.labels[role].tolist()) == every_class


@pytest.mark.parametrize("folder", ["emoji54", "sketchy", "tuberlin_ext", "quickdraw_ext", "doodle101"])
def test_committed_splits_state_who_drew_them(folder):
    assert committed_split_ids(folder)
    for split_id in committed_split_ids(folder):
        assert committed_split(folder, split_id).origin != "not stated"


@every_dataset
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_no_unseen_item_and_no_copy_of_a_held_out_one_trains(dataset_id, setting, direction, opened):
    dataset, index = opened(dataset_id)
    terms = Terms(setting, direction)
    sides = {"sketch": index.sketches, "photo": index.photos}
    for split_id, protocol in product(dataset.split_ids(), dataset.card.protocols):
        split = dataset.split(split_id)
        seen = split.seen(index.class_names)
        found = arrange(
            index,
            dataset.roles(index, protocol),
            split,
            terms,
            train_classes=seen,
            test_classes=split.unseen,
        )
        trained = {"sketch": found.train_sketches, "photo": found.train_photos}
        for modality, rows in trained.items():
            names = {index.class_names[label] for label in sides[modality].labels[rows]}
            assert names == set(seen)
        for modality, rows in zip(terms.modalities, (found.queries, found.gallery), strict=True):
            groups = sides[modality].groups or [""] * len(sides[modality])
            shown = [{groups[row] or row for row in some.tolist()} for some in (trained[modality], rows)]
            if not SETTINGS[setting].tests_training_items:
                assert not shown[0] & shown[1]
