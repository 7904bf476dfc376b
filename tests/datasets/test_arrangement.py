"""Which rows train, query and are searched: every setting against sets that are written out here."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from datasets.arrangement import arrange
from datasets.settings import DIRECTIONS, SETTINGS, Terms

ALL_TERMS = [Terms(setting, direction) for setting, direction in product(SETTINGS, DIRECTIONS)]
GENERALISED = [setting for setting in SETTINGS if setting != "zs"]
N_UNSEEN, N_SEEN = 4, 13  # classes of the generated world: 6 sketches and 8 photos each
N = {"sketch": 6, "photo": 8}

every_term = pytest.mark.parametrize(
    "terms", ALL_TERMS, ids=lambda terms: f"{terms.setting}-{terms.direction}"
)


@pytest.fixture
def arranged(tiny_world):
    """Arrange the generated world, or a changed index of it."""

    def make(terms, index=None, roles=None, classes=None):
        index = index or tiny_world.index
        seen = tiny_world.split.seen(index.class_names)
        return arrange(
            index,
            roles or tiny_world.roles,
            tiny_world.split,
            terms,
            train_classes=seen,
            test_classes=classes or tiny_world.split.unseen,
        )

    return make


def is_unseen(world, modality, rows):
    labels = world.index.items(modality).labels[rows]
    return np.isin(labels, [world.index.class_names.index(name) for name in world.split.unseen])


@every_term
def test_no_unseen_item_trains(tiny_world, arranged, terms):
    found = arranged(terms)
    assert not is_unseen(tiny_world, "sketch", found.train_sketches).any()
    assert not is_unseen(tiny_world, "photo", found.train_photos).any()


@every_term
def test_every_unseen_item_of_its_modality_is_tested(tiny_world, arranged, terms):
    found = arranged(terms)
    for modality, rows in zip(terms.modalities, (found.queries, found.gallery), strict=True):
        assert is_unseen(tiny_world, modality, rows).sum() == N_UNSEEN * N[modality]


@every_term
def test_queries_say_whether_their_class_was_trained_on(tiny_world, arranged, terms):
    found = arranged(terms)
    query_modality, _ = terms.modalities
    assert (found.query_is_seen == ~is_unseen(tiny_world, query_modality, found.queries)).all()


@every_term
def test_training_items_are_in_the_gallery_only_where_the_setting_says_so(arranged, terms):
    found = arranged(terms)
    train = {"sketch": found.train_sketches, "photo": found.train_photos}
    tested = zip(terms.modalities, (found.queries, found.gallery), strict=True)
    shared = any(np.intersect1d(train[modality], rows).size for modality, rows in tested)
    assert shared == SETTINGS[terms.setting].tests_training_items


def test_a_zero_shot_gallery_holds_unseen_items_alone(tiny_world, arranged):
    found = arranged(Terms())
    assert is_unseen(tiny_world, "photo", found.gallery).all()
    assert len(found.train_photos) == N_SEEN * N["photo"]


def test_heldout_keeps_a_fifth_of_every_seen_class_from_training(tiny_world, arranged):
    found = arranged(Terms("gzs/heldout"))
    # round(0.2 x 6) = 1 sketch and round(0.2 x 8) = 2 photos of each class
    labels = tiny_world.index.sketches.labels[found.queries[found.query_is_seen]]
    assert np.bincount(labels).max() == 1
    assert len(labels) == N_SEEN
    assert (len(found.train_sketches), len(found.train_photos)) == (N_SEEN * 5, N_SEEN * 6)
    assert len(found.gallery) == N_UNSEEN * 8 + N_SEEN * 2


def test_open_search_keeps_a_fifth_of_all_seen_items_from_training(arranged):
    found = arranged(Terms("gzs/open_search"))
    # A fifth of 13 x 6 = 78 sketches and of 13 x 8 = 104 photos, rounded down.
    n_sketches, n_photos = 15, 20
    assert len(found.train_sketches) == N_SEEN * 6 - n_sketches
    assert found.query_is_seen.sum() == n_sketches
    assert len(found.gallery) == N_UNSEEN * 8 + n_photos


def test_open_search_does_not_take_equally_many_of_every_class(tiny_world, arranged):
    found = arranged(Terms("gzs/open_search"))
    labels = tiny_world.index.sketches.labels[found.queries[found.query_is_seen]]
    assert len(set(np.bincount(labels, minlength=17).tolist())) > 2


def test_all_seen_adds_every_seen_photo_and_no_seen_query(arranged):
    found = arranged(Terms("gzs/all_seen"))
    assert len(found.gallery) == (N_UNSEEN + N_SEEN) * 8
    assert not found.query_is_seen.any()


def test_sem_pcyc_adds_a_fifth_as_many_as_there_are_unseen_items(arranged):
    found = arranged(Terms("gzs/sem_pcyc"))
    # A fifth of 4 x 6 = 24 sketches and of 4 x 8 = 32 photos, rounded down.
    assert found.query_is_seen.sum() == 4
    assert len(found.gallery) - N_UNSEEN * 8 == 6
    assert len(found.train_photos) == N_SEEN * 8


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_sake10_takes_at_most_half_of_a_class_as_queries(arranged, direction):
    terms = Terms(direction=direction, queries="sake10")
    found = arranged(terms)
    # Classes of 6 and 8 hold fewer than 20: half of them query.
    assert len(found.queries) == N_UNSEEN * N[terms.modalities[0]] // 2
    if terms.is_within_modality:
        assert not np.intersect1d(found.queries, found.gallery).size
        assert len(found.queries) + len(found.gallery) == N_UNSEEN * N[terms.modalities[0]]


@pytest.mark.parametrize(("n_copies", "n_queries"), [(2, 3), (5, 2)])
def test_sake10_queries_no_picture_twice(tiny_world, arranged, n_copies, n_queries):
    # Of the 8 photos of a class the first few show one picture: 7 different ones, or 4. Half of them query.
    items = tiny_world.index.photos
    groups = tuple(f"copy of {label}" if row % 8 < n_copies else "" for row, label in enumerate(items.labels))
    index = replace(tiny_world.index, photos=replace(items, groups=groups))
    found = arranged(Terms(direction="photo2photo", queries="sake10"), index)
    per_class = np.bincount(items.labels[found.queries])
    assert set(per_class[per_class > 0]) == {n_queries}
    queried = [groups[row] for row in found.queries if groups[row]]
    assert len(queried) == len(set(queried)) > 0


def test_leave_one_out_has_every_item_on_both_sides(arranged):
    found = arranged(Terms(direction="photo2photo"))
    assert found.queries.tolist() == found.gallery.tolist()


@pytest.mark.parametrize("setting", GENERALISED)
def test_draws_do_not_depend_on_the_order_of_the_files(tiny_world, arranged, setting):
    photos = tiny_world.index.photos
    order = np.random.default_rng(0).permutation(len(photos))
    shuffled = replace(
        photos,
        files=tuple(photos.files[i] for i in order),
        names=tuple(photos.names[i] for i in order),
        labels=photos.labels[order],
        instances=tuple(photos.instances[i] for i in order),
    )

    def drawn(index):
        return {index.photos.names[row] for row in arranged(Terms(setting), index).gallery}

    assert drawn(tiny_world.index) == drawn(replace(tiny_world.index, photos=shuffled))


@pytest.mark.parametrize("setting", ["gzs/heldout", "gzs/open_search"])
def test_no_copy_of_a_held_out_picture_trains(tiny_world, arranged, setting):
    # The first two photos of a class show one picture.
    groups = tuple(
        f"copy of {label}" if row % 8 < 2 else "" for row, label in enumerate(tiny_world.index.photos.labels)
    )
    index = replace(tiny_world.index, photos=replace(tiny_world.index.photos, groups=groups))
    found = arranged(Terms(setting), index)
    trained = {groups[row] for row in found.train_photos} - {""}
    tested = {groups[row] for row in found.gallery} - {""}
    assert any(np.diff(np.intersect1d(found.gallery, np.flatnonzero(np.array(groups) != ""))) == 1)
    assert not trained & tested


def grouped(world, **rows_of):
    """The index of the world in which these rows of each modality show one picture, "the same"."""
    columns = {}
    for modality, rows in rows_of.items():
        items = world.index.items(modality)
        groups = tuple("the same" if row in rows else "" for row in range(len(items)))
        columns["sketches" if modality == "sketch" else "photos"] = replace(items, groups=groups)
    return replace(world.index, **columns)


def rows_of_class(world, modality, name):
    return np.flatnonzero(world.index.items(modality).labels == world.index.class_names.index(name))


@pytest.fixture
def unseen_photo(tiny_world):
    return rows_of_class(tiny_world, "photo", tiny_world.split.unseen[0])[0]


@pytest.fixture
def seen_rows(tiny_world):
    """A row of a seen class that no phase holds out, in each modality."""
    names = tiny_world.split.seen(tiny_world.index.class_names)
    name = next(name for name in names if name not in tiny_world.split.validation)
    return {modality: rows_of_class(tiny_world, modality, name)[0] for modality in ("sketch", "photo")}


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_copy_of_an_unseen_picture_trains(tiny_world, arranged, setting, unseen_photo, seen_rows):
    found = arranged(Terms(setting), grouped(tiny_world, photo={unseen_photo, seen_rows["photo"]}))
    assert unseen_photo in found.gallery
    assert seen_rows["photo"] not in found.train_photos
    assert found.n_copies_left_out == 1
    assert arranged(Terms(setting)).n_copies_left_out == 0


def test_not_even_where_the_protocol_does_not_test_that_picture(
    tiny_world, arranged, unseen_photo, seen_rows
):
    roles = replace(tiny_world.roles, test_photos=np.arange(len(tiny_world.index.photos)) != unseen_photo)
    index = grouped(tiny_world, photo={unseen_photo, seen_rows["photo"]})
    found = arranged(Terms(), index, roles)
    assert unseen_photo not in found.gallery
    assert seen_rows["photo"] not in found.train_photos


def test_nor_in_the_other_modality(tiny_world, arranged, unseen_photo, seen_rows):
    index = grouped(tiny_world, photo={unseen_photo}, sketch={seen_rows["sketch"]})
    found = arranged(Terms(), index)
    assert seen_rows["sketch"] not in found.train_sketches
    assert found.n_copies_left_out == 1


@pytest.mark.parametrize("setting", ["gzs/heldout", "gzs/open_search"])
def test_what_is_held_out_does_not_train_in_the_other_modality(tiny_world, arranged, setting):
    # Sketch i and photo i of every seen class are one picture, as far as there are sketches.
    columns = {}
    for modality in ("sketch", "photo"):
        items = tiny_world.index.items(modality)
        groups = tuple(
            f"{label}/{row % N[modality]}" if row % N[modality] < N["sketch"] else ""
            for row, label in enumerate(items.labels)
        )
        columns["sketches" if modality == "sketch" else "photos"] = replace(items, groups=groups)
    index = replace(tiny_world.index, **columns)
    found = arranged(Terms(setting), index)
    tested = {index.sketches.groups[row] for row in found.queries}
    tested |= {index.photos.groups[row] for row in found.gallery}
    trained = {index.sketches.groups[row] for row in found.train_sketches}
    trained |= {index.photos.groups[row] for row in found.train_photos}
    assert not (tested & trained) - {""}


def test_a_picture_that_does_not_train_is_no_training_item_of_sem_pcyc(tiny_world, arranged, unseen_photo):
    # All but one photo of every seen class are copies of an unseen one.
    items = tiny_world.index.photos
    seen = ~is_unseen(tiny_world, "photo", np.arange(len(items)))
    copies = {row for row in np.flatnonzero(seen).tolist() if row % 8}
    found = arranged(Terms("gzs/sem_pcyc"), grouped(tiny_world, photo=copies | {unseen_photo}))
    assert set(found.train_photos.tolist()) == set(np.flatnonzero(seen).tolist()) - copies
    assert set(found.gallery.tolist()) & set(np.flatnonzero(seen).tolist()) <= set(
        found.train_photos.tolist()
    )
    assert arranged(Terms("gzs/open_search"), grouped(tiny_world, photo=copies | {unseen_photo}))


def test_tuning_neither_trains_nor_tests_a_copy_of_an_unseen_picture(tiny_world, unseen_photo, seen_rows):
    split, roles = tiny_world.split, tiny_world.roles
    validation = rows_of_class(tiny_world, "photo", split.validation[0])[0]
    train = tuple(name for name in split.seen(tiny_world.index.class_names) if name not in split.validation)
    found, plain = (
        arrange(index, roles, split, Terms(), train_classes=train, test_classes=split.validation)
        for index in (
            grouped(tiny_world, photo={unseen_photo, validation, seen_rows["photo"]}),
            tiny_world.index,
        )
    )
    assert set(plain.train_photos) - set(found.train_photos) == {seen_rows["photo"]}
    assert set(plain.gallery) - set(found.gallery) == {validation}


def test_a_class_that_may_not_be_tested_is_named(tiny_world, arranged):
    boat = tiny_world.index.class_names.index("boat")
    may_test = tiny_world.index.photos.labels != boat
    with pytest.raises(BenchmarkError, match=r"no usable picture is left for the test in boat"):
        arranged(Terms(), roles=replace(tiny_world.roles, test_photos=may_test))


def test_a_class_that_may_not_train_is_named(tiny_world, arranged):
    bird = tiny_world.index.class_names.index("bird")
    may_train = tiny_world.index.sketches.labels != bird
    with pytest.raises(BenchmarkError, match=r"no usable picture is left for training in bird"):
        arranged(Terms(), roles=replace(tiny_world.roles, train_sketches=may_train))
