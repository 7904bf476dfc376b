"""Labels to classes: counted from 0 or from 1, never guessed where both could be meant."""

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from datasets.classes import class_facts
from datasets.precomputed.labels import by_number

SKETCHY = [facts.class_name for facts in class_facts("sketchy")]


def set_split(root, text):
    (root / "split.toml").write_text(text, encoding="utf-8")


OWN_SPLIT = 'unseen = ["ant"]\nvalidation = ["bee"]\n'


@pytest.mark.parametrize(
    ("sketch", "photo", "first"),
    [
        ([0, 1, 2], [0, 2, 1], 0),
        ([1, 2, 3], [3, 2, 1], 1),
        ([1, 2, 1], [0, 1, 2], 0),  # 0 in one modality settles it for both
        ([1, 2, 1], [3, 2, 1], 1),  # so does the number of classes
    ],
)
def test_zero_or_the_number_of_classes_tells_where_counting_starts(sketch, photo, first):
    labels = {"sketch": np.array(sketch), "photo": np.array(photo)}
    counted, found = by_number(labels, 3, None, "here")
    assert found == first
    assert counted["photo"].tolist() == [label - first for label in photo]


def test_labels_that_fit_both_ways_are_refused_with_the_way_to_say_it():
    labels = {"sketch": np.array([1, 2]), "photo": np.array([2, 1])}
    with pytest.raises(
        BenchmarkError,
        match=r"here: labels may count the 3 class names from 0 or from 1: those of the sketches run from 1 "
        r"to 2,.*first_label = 0 or first_label = 1 in split\.toml",
    ):
        by_number(labels, 3, None, "here")


@pytest.mark.parametrize("first", [0, 1])
def test_first_label_settles_it(first):
    labels = {"sketch": np.array([1, 2]), "photo": np.array([2, 1])}
    counted, found = by_number(labels, 3, first, "here")
    assert (counted["sketch"].tolist(), found) == ([1 - first, 2 - first], first)


@pytest.mark.parametrize(
    ("sketch", "photo", "first", "allowed"),
    [
        ([0, 1, 2], [1, 2, 3], None, "0 to 2 or 1 to 3"),  # each fits alone, in another way
        ([0, 4], [0, 1], None, "0 to 2 or 1 to 3"),
        ([-1, 1], [0, 1], None, "0 to 2 or 1 to 3"),
        ([0, 1], [0, 2], 1, "1 to 3"),
        ([1, 3], [1, 2], 0, "0 to 2"),
    ],
)
def test_labels_out_of_range_are_refused_with_the_range(sketch, photo, first, allowed):
    with pytest.raises(BenchmarkError, match=rf"range for 3 class names, which take {allowed}: those of"):
        by_number({"sketch": np.array(sketch), "photo": np.array(photo)}, 3, first, "here")


def test_first_label_of_the_split_file_is_used(root, open_root, change):
    set_split(root, OWN_SPLIT + "first_label = 1\n")
    with pytest.raises(BenchmarkError, match=r"which take 1 to 4: those of the sketches run from 0 to 3"):
        open_root().index()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.arange(12) / 2, r"must be whole numbers or text, found 0\.5 in row 1"),
        (np.eye(12, 4), r"found \(12, 4\)\. If these are one-hot rows, save labels\.argmax\(axis=1\)"),
        (np.array([np.nan, *range(11)]), r"1 of 12 rows have no label \(first row: 0"),
        (np.array(["ant"] * 11 + [" "]), r"1 of 12 rows have no label \(first row: 11"),
        (np.arange(12) * 1j, r"labels must be numbers or text, found complex"),
    ],
)
def test_labels_of_another_kind_are_refused(root, open_root, change, value, message):
    change("photo", labels=value)
    with pytest.raises(BenchmarkError, match=message):
        open_root().index()


def test_text_in_one_modality_and_numbers_in_the_other_are_refused(root, open_root, change):
    change("photo", labels=np.repeat(["ant", "bee", "cat", "dog"], 3))
    with pytest.raises(BenchmarkError, match="labels of one modality are text, those of the other numbers"):
        open_root().index()


def test_a_class_without_items_of_a_modality_is_named(root, open_root, change):
    change("photo", labels=np.repeat([0, 1, 3], 4))
    with pytest.raises(BenchmarkError, match=r"needs sketches and photos; 1 of 4 have no photos: cat"):
        open_root().index()


def test_without_names_a_class_is_called_by_its_number(root, open_root, change):
    for modality, n in (("sketch", 2), ("photo", 3)):
        change(modality, labels=np.repeat([3, 10, 9, 7], n).astype(float), class_names=None)
    set_split(root, 'unseen = ["10"]\nvalidation = ["3"]\n')
    index = open_root().index()
    assert index.class_names == ("3", "7", "9", "10")
    assert index.sketches.labels.tolist() == [0, 0, 3, 3, 2, 2, 1, 1]


# Names.


def test_text_labels_that_a_list_lacks_are_named(root, open_root, change):
    for modality, n in (("sketch", 2), ("photo", 3)):
        change(modality, labels=np.repeat(["ant", "bee", "Cat", "dog"], n))
    with pytest.raises(BenchmarkError, match=r"1 labels are not among the classes of 'class_names'.*: Cat"):
        open_root().index()


def test_lists_that_differ_are_refused(root, open_root, change):
    (root / "classes.txt").write_text("bee\nant\ncat\ndog\n")
    with pytest.raises(BenchmarkError, match=r"'class_names' of photo\.npz and classes\.txt list other"):
        open_root().index()


@pytest.mark.parametrize("names", ["ant\nbee\nAnt\ndog\n", "ant\n\ncat\ndog\n"])
def test_repeated_and_empty_names_are_refused(root, open_root, change, names):
    for modality in ("sketch", "photo"):
        change(modality, class_names=None)
    (root / "classes.txt").write_text(names)
    with pytest.raises(BenchmarkError, match=r"classes\.txt: its lines must be different texts"):
        open_root().index()


def test_too_few_names_are_an_error(root, open_root, change):
    for modality in ("sketch", "photo"):
        change(modality, class_names=np.array(["ant", "bee", "cat"]))
    with pytest.raises(BenchmarkError, match="out of range for 3 class names"):
        open_root().index()


# The classes of a built-in data set.


@pytest.fixture
def sketchy_root(empty_root):
    """Two sketches and a photo of every class of Sketchy, numbered from 1; its split file names Sketchy."""

    def make(**arrays):
        for modality, n in (("sketch", 2), ("photo", 1)):
            rng = np.random.default_rng(n)
            labels = arrays.get("labels", np.arange(1, 126))
            np.savez(
                empty_root / f"{modality}.npz",
                features=rng.standard_normal((125 * n, 3)),
                labels=np.repeat(labels, n),
                **{name: value for name, value in arrays.items() if name != "labels"},
            )
        set_split(empty_root, 'like = "sketchy"\n')
        return empty_root

    return make


def test_numbers_mean_the_sorted_classes_of_the_data_set_named(sketchy_root, open_root):
    sketchy_root()
    index = open_root().index()
    assert list(index.class_names) == SKETCHY
    assert index.photos.labels.tolist() == list(range(125))
    assert (
        "classes named by sketchy in the order of its sorted folders; 0 of 125 classes have as many"
        in index.found
    )


def test_other_spellings_become_those_of_the_data_set(sketchy_root, open_root):
    said = [name.upper().replace("_", " ").replace("-", " ") for name in SKETCHY]
    assert said != SKETCHY
    sketchy_root(class_names=np.array(said[::-1]))
    assert list(open_root().index().class_names) == SKETCHY[::-1]


def test_text_labels_are_spelt_like_the_data_set_too(sketchy_root, open_root):
    sketchy_root(labels=np.array([name.replace("_", " ") for name in SKETCHY]))
    index = open_root().index()
    assert sorted(index.class_names) == SKETCHY
    assert [index.class_names[label] for label in index.photos.labels] == SKETCHY


def test_a_name_that_is_none_of_its_classes_is_shown_beside_a_close_one(sketchy_root, open_root):
    names = ["zebar" if name == "zebra" else name for name in SKETCHY]
    sketchy_root(class_names=np.array(names))
    with pytest.raises(BenchmarkError, match=r"1 names are no classes of sketchy: 'zebar' \(close: 'zebra'"):
        open_root().index()


def test_all_its_classes_are_needed(sketchy_root, open_root):
    labels = np.array(SKETCHY)
    labels[3] = labels[4]
    sketchy_root(labels=labels)
    with pytest.raises(BenchmarkError, match=rf"1 classes of sketchy are not there: {SKETCHY[3]}\. Its"):
        open_root().index()
