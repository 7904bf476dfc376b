"""Contact of unseen classes with ILSVRC-1k: the counts of the specification, and what is not known."""

from __future__ import annotations

import pytest

from benchmark.errors import BenchmarkError
from benchmark.registry import DATASETS
from datasets.contamination import GalleryExposure, contamination, overlaps, total_sentence
from datasets.splits import ZeroShotSplit, committed_split, committed_split_ids


def contact(dataset, split_id, table=None):
    table = table or dataset
    galleries = DATASETS.get(dataset).galleries()
    return contamination(committed_split(dataset, split_id, folder=table), table, galleries)


def exposure(dataset, split_id, gallery, table=None):
    return next(one for one in contact(dataset, split_id, table).galleries if one.gallery == gallery)


def split_of(dataset, *unseen):
    return ZeroShotSplit(dataset, "mine", unseen, ("zebra",), "for a test")


@pytest.mark.parametrize(
    ("dataset", "split_id", "gallery", "n_exposed", "n_photos", "n_classes_exposed", "n_classes"),
    [
        ("sketchy_ext", "sake25", "ext+orig", 2_080, 17_101, 12, 25),
        ("sketchy_ext", "sake25", "ext", 1_040, 14_601, 12, 25),
        ("sketchy_ext", "sake25", "orig", 1_040, 2_500, 12, 25),
        ("sketchy_ext", "yelamarthi21", "ext+orig", 134, 12_553, 1, 21),
        ("sketchy", "yelamarthi21", "orig", 67, 2_100, 1, 21),
        ("tuberlin_ext", "sake30", "standard", 15_146, 27_989, 18, 30),
    ],
)
def test_photos_with_an_ilsvrc_id_in_the_published_lists(
    dataset, split_id, gallery, n_exposed, n_photos, n_classes_exposed, n_classes
):
    table = "sketchy" if dataset.startswith("sketchy") else dataset
    assert exposure(dataset, split_id, gallery, table) == GalleryExposure(
        gallery, n_photos, n_exposed, n_classes_exposed, n_classes, n_classes
    )


@pytest.mark.parametrize(
    ("split_id", "n_ext", "n_both"),
    [("sempcyc25", 14_626, 17_126), ("sake25", 14_601, 17_101), ("yelamarthi21", 10_453, 12_553)],
)
def test_galleries_have_the_published_sizes(split_id, n_ext, n_both):
    assert exposure("sketchy_ext", split_id, "ext", "sketchy").n_photos == n_ext
    assert exposure("sketchy_ext", split_id, "ext+orig", "sketchy").n_photos == n_both


def test_songbird_is_the_only_class_of_yelamarthi21_whose_photos_carry_an_ilsvrc_id():
    exposed = {
        one.class_name: one.n_exposed["orig"]
        for one in contact("sketchy", "yelamarthi21").classes
        if one.n_exposed["orig"]
    }
    assert exposed == {"songbird": 67}


@pytest.mark.parametrize(("dataset", "split_id"), [("sketchy", "yelamarthi21"), ("tuberlin_ext", "bdt64")])
def test_no_class_of_the_lists_called_disjoint_from_imagenet_is_itself_an_ilsvrc_synset(dataset, split_id):
    assert contact(dataset, split_id).n_relations["synset"] == 0


@pytest.mark.parametrize(
    ("dataset", "split_id"),
    [
        ("sketchy", "sake25"),
        ("sketchy", "sempcyc25"),
        ("tuberlin_ext", "sake30"),
        ("quickdraw_ext", "doodle30"),
    ],
)
def test_the_other_published_lists_hold_ilsvrc_synsets(dataset, split_id):
    assert contact(dataset, split_id).n_relations["synset"] > 0


def test_labels_and_relations_are_summed_over_the_unseen_classes():
    found = contamination(
        split_of("sketchy", "ant", "dog", "giraffe", "hot-air_balloon", "mouse"), "sketchy", {}
    )
    assert found.n_labels == 2  # ant, and the homonym mouse
    assert found.n_relations == {"synset": 1, "ancestor": 1, "descendant": 1, "none": 2, "": 0}


def test_a_gallery_with_a_class_without_counts_is_unknown_and_says_how_many_are_counted():
    found = contamination(
        split_of("tuberlin_ext", "ant", "airplane", "horse"), "tuberlin_ext", {"standard": ("photo",)}
    )
    assert [one.n_exposed["standard"] for one in found.classes] == [None, 424, 0]
    assert found.galleries == (GalleryExposure("standard", None, None, None, 2, 3),)


def test_photos_can_be_counted_where_ids_cannot():
    assert exposure("quickdraw_ext", "doodle30", "standard") == GalleryExposure(
        "standard", 54_151, None, None, 0, 30
    )


@pytest.mark.parametrize(
    ("dataset", "galleries"),
    [
        ("sketchy", {"orig": ("orig",)}),
        ("sketchy_ext", {"ext+orig": ("ext", "orig"), "ext": ("ext",), "orig": ("orig",)}),
        ("tuberlin_ext", {"standard": ("photo",)}),
        ("quickdraw_ext", {"standard": ("photo",)}),
        ("emoji54", {}),
    ],
)
def test_galleries_by_data_set(dataset, galleries):
    assert DATASETS.get(dataset).galleries() == galleries


def test_a_class_that_the_table_lacks_is_refused():
    with pytest.raises(BenchmarkError, match=r"'ants' \(found 'ant'\)"):
        contamination(split_of("sketchy", "ants"), "sketchy", {})


def test_every_two_splits_are_compared_once():
    splits = [committed_split("sketchy", split_id) for split_id in committed_split_ids("sketchy")]
    found = overlaps(splits)
    assert len(found) == 36
    shared = {(one.one, one.other): one.shared for one in found}
    assert shared["sake25", "sempcyc25"] == ("bell", "squirrel", "tank", "wheelchair")


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            GalleryExposure("ext+orig", 17_101, 2_080, 12, 25, 25),
            "sake25, ext+orig: 2,080 of 17,101 gallery photos carry an ILSVRC-1k id, in 12 of 25 classes "
            "(lower bound: names ext_N carry none)",
        ),
        (
            GalleryExposure("orig", 2_500, 1_040, 12, 25, 25),
            "sake25, orig: 1,040 of 2,500 gallery photos carry an ILSVRC-1k id, in 12 of 25 classes "
            "(lower bound)",
        ),
        (
            GalleryExposure("standard", None, None, None, 1, 30),
            "sake25, standard: unknown how many gallery photos carry an ILSVRC-1k id (counts at hand for "
            "1 of 30 classes)",
        ),
    ],
)
def test_a_total_in_words(found, sentence):
    assert total_sentence("sake25", found) == sentence
