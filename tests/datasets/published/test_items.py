"""Names, order, instances and content groups of the items, and which of them a protocol takes."""

import shutil

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from datasets.published.sampling import every_nth_of_class


def of_class(items, class_name):
    """Names of a class's items, in their order."""
    return [name for name in items.names if name.split("/")[1] == class_name]


def test_photos_are_ordered_by_class_then_source_then_name(sketchy):
    photos = sketchy.open().index().photos
    assert list(photos.names[:4]) == [
        "ext/airplane/ext_1.jpg",
        "ext/airplane/n00000_7.jpg",
        "orig/airplane/n00000_7.jpg",
        "orig/airplane/n00000_8.jpg",
    ]
    assert photos.sources[:4] == ("ext", "ext", "orig", "orig")
    assert photos.labels.tolist() == sorted(photos.labels.tolist())


def test_classes_are_sorted_and_labels_point_at_them(sketchy):
    index = sketchy.open().index()
    assert list(index.class_names) == sorted(index.class_names)
    for items in (index.sketches, index.photos):
        assert [index.class_names[label] for label in items.labels] == [
            name.split("/")[1] for name in items.names
        ]


def test_files_lie_where_the_names_say(sketchy):
    index = sketchy.open().index()
    for items in (index.sketches, index.photos):
        for path, name in zip(items.files, items.names, strict=True):
            assert path.is_file()
            assert path.as_posix().endswith(name.split("/", 1)[1])


def test_names_have_small_suffixes_and_jpg_for_jpeg(tuberlin):
    folder = tuberlin.folder("photo", "ant")
    (folder / "image_00001.jpg").rename(folder / "image_00001.JPEG")
    photos = tuberlin.open().index().photos
    assert of_class(photos, "ant") == ["photo/ant/52. bread-loaf.desktop.jpg", "photo/ant/image_00001.jpg"]
    assert {path.name for path in photos.files if path.parent.name == "ant"} == {
        "52. bread-loaf.desktop.jpeg",
        "image_00001.JPEG",
    }


def test_a_sketchs_instance_is_the_photo_it_was_drawn_from(sketchy):
    index = sketchy.open().index()
    instance_of = dict(zip(index.photos.names, index.photos.instances, strict=True))
    for name, instance in zip(index.sketches.names, index.sketches.instances, strict=True):
        _, class_name, file_name = name.split("/")
        photo = file_name.rpartition("-")[0]
        assert (
            instance
            == instance_of[f"orig/{class_name}/{photo}.jpg"]
            == instance_of[f"ext/{class_name}/{photo}.jpg"]
        )
    assert instance_of["ext/zebra/ext_1.jpg"] == ""


def test_a_photo_id_in_two_classes_is_two_instances(sketchy):
    photo = sketchy.folder("orig", "ant") / "n00002_7.jpg"
    shutil.copy(photo, sketchy.folder("orig", "bee") / photo.name)
    photos = sketchy.open().index().photos
    instance_of = dict(zip(photos.names, photos.instances, strict=True))
    assert instance_of["orig/ant/n00002_7.jpg"] != instance_of["orig/bee/n00002_7.jpg"]


def test_equal_instances_are_one_object(sketchy):
    index = sketchy.open().index()
    instances = [*index.sketches.instances, *index.photos.instances]
    assert len({id(instance) for instance in instances}) == len(set(instances))


@pytest.mark.parametrize("dataset", [("tuberlin_ext", "B"), ("quickdraw_ext", "A")])
def test_tuberlin_and_quickdraw_have_no_instances(lay_out, dataset):
    index = lay_out(*dataset).open().index()
    assert index.sketches.instances is None
    assert index.photos.instances is None
    assert index.photos.groups is None
    assert set(index.photos.sources) == {"photo"}


def test_an_original_and_its_copy_in_the_extension_are_one_content_group(sketchy):
    photos = sketchy.open().index().photos
    members = {}
    for name, group in zip(photos.names, photos.groups, strict=True):
        members.setdefault(group, []).append(name)
    alone = members.pop("")
    assert len(members) == 125
    assert sorted(members.values())[0] == ["ext/airplane/n00000_7.jpg", "orig/airplane/n00000_7.jpg"]
    assert {name.split("/")[2].partition("_")[0] == "ext" or name.endswith("_8.jpg") for name in alone} == {
        True
    }


def test_sketchy_alone_knows_of_no_repetition(sketchy):
    assert sketchy.open("sketchy").index().photos.groups is None


GALLERIES = {
    "ext+orig": ({"ext", "orig"}, {"ext", "orig"}),
    "ext": ({"ext"}, {"ext"}),
    "orig": ({"ext", "orig"}, {"orig"}),
}


@pytest.mark.parametrize("protocol", GALLERIES)
def test_a_protocol_of_sketchy_ext_names_the_photos_that_train_and_that_are_searched(sketchy, protocol):
    dataset = sketchy.open()
    index = dataset.index()
    roles = dataset.roles(index, protocol)
    sources = np.array(index.photos.sources)
    train, test = GALLERIES[protocol]
    assert roles.train_photos.tolist() == np.isin(sources, sorted(train)).tolist()
    assert roles.test_photos.tolist() == np.isin(sources, sorted(test)).tolist()
    assert roles.train_sketches.all()
    assert roles.test_sketches.all()


def test_the_first_protocol_is_that_of_sake(sketchy):
    assert sketchy.open().card.protocols[0] == "ext+orig"


@pytest.mark.parametrize("layout", ["C", "D"])
@pytest.mark.parametrize("protocol", ["ext+orig", "orig", "ext+orig/zse_subset"])
def test_a_protocol_that_needs_the_original_folder_is_refused_without_it(lay_out, layout, protocol):
    dataset = lay_out("sketchy_ext", layout).open()
    index = dataset.index()
    with pytest.raises(
        BenchmarkError, match=rf"needs the photos 'orig', which .*layout {layout} .*Use --protocol ext,"
    ):
        dataset.roles(index, protocol)
    assert dataset.roles(index, "ext").test_photos.all()


def test_an_unknown_protocol_is_refused(tuberlin):
    dataset = tuberlin.open()
    with pytest.raises(BenchmarkError, match=r"no protocol 'ext'\. Known: standard, standard/zse_subset\."):
        dataset.roles(dataset.index(), "ext")


def test_the_subset_keeps_every_nth_of_each_class_and_trains_on_all():
    labels = np.repeat([0, 1], [45, 7])
    kept = every_nth_of_class(labels, np.ones(52, bool), 20)
    assert np.flatnonzero(kept).tolist() == [0, 20, 40, 45]


def test_the_subset_counts_only_what_the_protocol_tests():
    may_count = np.array([False, True, True, True, True])
    kept = every_nth_of_class(np.zeros(5, np.int64), may_count, 2)
    assert np.flatnonzero(kept).tolist() == [1, 3]


def test_zse_subset_of_tuberlin_keeps_the_first_of_each_three_sketches_and_twenty_photos(tuberlin):
    for i in range(3):
        for class_name, suffix, part in (("ant", "png", "sketch"), ("ant", "jpeg", "photo")):
            folder = tuberlin.folder(part, class_name)
            shutil.copy(next(folder.glob(f"*.{suffix}")), folder / f"9000{i}.{suffix}")
    dataset = tuberlin.open()
    index = dataset.index()
    roles = dataset.roles(index, "standard/zse_subset")
    ant = index.class_names.index("ant")
    assert roles.test_sketches[index.sketches.labels == ant].tolist() == [True, False, False, True, False]
    assert roles.test_photos[index.photos.labels == ant].tolist() == [True, False, False, False, False]
    assert roles.train_photos.all()


def test_published_splits_come_with_the_most_used_one_first(sketchy, tuberlin, lay_out):
    quickdraw = lay_out("quickdraw_ext", "B").open()
    for dataset, first, n_unseen in (
        (sketchy.open(), "sake25", 25),
        (sketchy.open("sketchy"), "sake25", 25),
        (tuberlin.open(), "sake30", 30),
        (quickdraw, "doodle30", 30),
    ):
        assert dataset.split_ids()[0] == first
        split = dataset.split(first)
        assert (split.dataset, len(split.unseen)) == (dataset.id, n_unseen)
        split.check_against(dataset.index().class_names)


def truncate(path):
    path.write_bytes(path.read_bytes()[:40])


def test_index_reads_no_picture(tuberlin, monkeypatch):
    truncate(tuberlin.folder("photo", "ant") / "image_00001.jpg")
    monkeypatch.setattr("datasets.ledger.decode_fault", lambda path: pytest.fail("a picture was read"))
    assert len(tuberlin.open().index().photos) == 500


def test_skip_corrupt_leaves_unreadable_pictures_out_and_names_them(sketchy):
    truncate(sketchy.folder("ext", "ant") / "ext_1.jpg")
    truncate(sketchy.folder("sketch", "bee") / sketchy_name(sketchy, "bee"))
    index = sketchy.open(skip_corrupt=True).index()
    assert index.skipped == (f"sketch/bee/{sketchy_name(sketchy, 'bee')}", "ext/ant/ext_1.jpg")
    assert not set(index.skipped) & {*index.sketches.names, *index.photos.names}
    assert (len(index.sketches), len(index.photos)) == (249, 499)
    assert index.found.startswith("layout B")


def sketchy_name(copy, class_name):
    return sorted(path.name for path in copy.folder("sketch", class_name).iterdir())[0]


def test_a_class_without_a_readable_picture_is_an_error(sketchy):
    for path in sketchy.folder("orig", "ant").iterdir():
        truncate(path)
    with pytest.raises(BenchmarkError, match=r"class 'ant' has no readable original photos in .*: all 2 are"):
        sketchy.open(skip_corrupt=True).index()


def test_looking_reports_how_far_it_is(tuberlin):
    calls = []
    tuberlin.open().index(lambda done, total: calls.append((done, total)))
    assert calls[:2] == [(1, 250), (2, 250)]
    assert calls[-1] == (250, 250)
