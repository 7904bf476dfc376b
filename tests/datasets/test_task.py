"""The wall: what a task hands out before and after training, in which order, and normalised with what."""

import gc
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.base import DatasetIndex, Items, Roles
from datasets.class_vectors import COMMITTED, ClassVectors, class_vectors
from datasets.seen import Pictures
from datasets.splits import ZeroShotSplit
from datasets.task import PictureSource, ZeroShotTask

CLASSES = ("bird", "boat", "clock", "mail")
SPLIT = ZeroShotSplit("small", "s", unseen=("boat",), validation=("mail",), origin="test")
N_PER_CLASS = 5
N_ITEMS = N_PER_CLASS * len(CLASSES)


class RecordingSource:
    """Rows of an array, and which of them were asked for."""

    def __init__(self, array):
        self.array = array
        self.asked = []

    def rows(self, idx):
        self.asked.append(idx.tolist())
        return self.array[idx]


def items(modality, *, has_instances=True):
    names = tuple(f"{modality}/{name}/{i}" for name in CLASSES for i in range(N_PER_CLASS))
    return Items(
        files=tuple(Path(name) for name in names),
        names=names,
        labels=np.arange(N_ITEMS) // N_PER_CLASS,
        # Named against the order of the classes: a number that followed the name would tell them apart.
        instances=tuple(f"{9 - i // N_PER_CLASS}-{i % N_PER_CLASS}" for i in range(N_ITEMS))
        if has_instances
        else None,
    )


INDEX = DatasetIndex(CLASSES, items("sketch"), items("photo"))
EVERYTHING = Roles(*(np.ones(N_ITEMS, bool) for _ in range(4)))


def numbered(offset=0.0):
    """Row i holds i in its first column, so that a row tells which item it is."""
    array = np.ones((N_ITEMS, 3), np.float32)
    array[:, 0] = np.arange(N_ITEMS) + offset
    return array


def make_task(*, index=INDEX, roles=EVERYTHING, split=SPLIT, sketches=None, photos=None, **terms):
    sources = [RecordingSource(numbered() if array is None else array) for array in (sketches, photos)]
    return ZeroShotTask(index, roles, split, sketches=sources[0], photos=sources[1], **terms)


def rows_of(*class_names):
    return [i for i in range(N_ITEMS) if CLASSES[i // N_PER_CLASS] in class_names]


def test_in_run_all_seen_classes_train_and_the_unseen_ones_test():
    task = make_task(feature_norm="raw")
    seen = task.seen()
    assert seen.class_names == ("bird", "clock", "mail")
    assert seen.sketches[:, 0].tolist() == rows_of("bird", "clock", "mail")
    assert task.answers().gallery.tolist() == rows_of("boat")


def test_in_tune_validation_classes_test_and_unseen_ones_do_not_exist():
    task = make_task(feature_norm="raw", phase="tune")
    seen = task.seen()
    assert seen.class_names == ("bird", "clock")
    assert seen.photos[:, 0].tolist() == rows_of("bird", "clock")
    assert seen.validation_classes == ()
    task.test_items()
    assert task.answers().queries.tolist() == rows_of("mail")
    for source in (task._sources["sketch"], task._sources["photo"]):
        assert not {row for asked in source.asked for row in asked} & set(rows_of("boat"))


def test_labels_are_numbered_over_the_seen_classes():
    seen = make_task().seen()
    assert seen.sketch_labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert seen.photo_labels.dtype == torch.int64
    assert seen.validation_classes == (2,)


def test_class_vectors_are_those_of_the_seen_classes():
    seen = make_task(class_vectors=COMMITTED).seen()
    np.testing.assert_array_equal(seen.class_vectors.numpy(), class_vectors(("bird", "clock", "mail")))


def test_a_class_name_without_a_vector_leaves_all_vectors_out():
    names = ("bird", "boat", "clock", "glorptz")
    index, split = replace(INDEX, class_names=names), replace(SPLIT, validation=("glorptz",))
    task = make_task(index=index, split=split, class_vectors=COMMITTED)
    assert task.seen().class_vectors is None


def test_an_unseen_name_without_a_vector_does_not_matter():
    names = ("bird", "glorptz", "clock", "mail")
    index, split = replace(INDEX, class_names=names), replace(SPLIT, unseen=("glorptz",))
    assert make_task(index=index, split=split, class_vectors=COMMITTED).seen().class_vectors is not None


def test_without_class_vectors_none_are_given():
    seen = make_task().seen()
    assert (seen.class_vectors, seen.teacher_logits, seen.teacher_vectors) == (None, None, None)


def test_the_teacher_is_given_on_the_training_photos_as_it_is():
    wide = np.random.default_rng(0).standard_normal((N_ITEMS, 1000)).astype(np.float32)
    source = RecordingSource(wide)
    seen = make_task(class_vectors=COMMITTED, with_teacher=True, teacher_logits=source).seen()
    np.testing.assert_array_equal(seen.teacher_logits.numpy(), wide[rows_of("bird", "clock", "mail")])
    assert source.asked == [rows_of("bird", "clock", "mail")]
    np.testing.assert_array_equal(seen.teacher_vectors.numpy(), COMMITTED.of_ilsvrc1k_labels())


class FewVectors(ClassVectors):
    """Vectors of the classes, and of no label."""

    id, kind, advice = "few", "few (made up)", "Add more."

    def vector(self, class_name):
        return np.ones(2, np.float32) if class_name in CLASSES else None


def test_a_label_without_a_vector_leaves_the_vectors_of_labels_out():
    seen = make_task(class_vectors=FewVectors(), with_teacher=True).seen()
    assert seen.teacher_vectors is None
    np.testing.assert_allclose(seen.class_vectors.numpy(), np.full((3, 2), 0.5**0.5), rtol=1e-6)


def test_unseen_rows_are_not_read_before_the_test_items_are_opened():
    task = make_task()
    task.seen()
    seen_rows = rows_of("bird", "clock", "mail")
    assert task._sources["sketch"].asked == [seen_rows]
    assert task._sources["photo"].asked == [seen_rows]
    task.test_items()
    assert [sorted(asked) for asked in task._sources["sketch"].asked] == [seen_rows, rows_of("boat")]


def test_test_items_cannot_be_opened_first():
    with pytest.raises(RuntimeError, match=r"call seen\(\) first"):
        make_task().test_items()


def test_a_task_whose_training_classes_hold_an_unseen_one_is_refused():
    task = make_task()
    task.train_classes = (*task.train_classes, "boat")
    with pytest.raises(BenchmarkError, match="unseen classes among the training classes: boat"):
        task.seen()


def test_training_items_keep_file_order_and_their_role():
    is_training = np.ones(N_ITEMS, bool)
    is_training[[0, 3]] = False
    seen = make_task(roles=replace(EVERYTHING, train_sketches=is_training), feature_norm="raw").seen()
    assert seen.sketches[:, 0].tolist() == [i for i in rows_of("bird", "clock", "mail") if i not in (0, 3)]
    assert len(seen.photos) == 15


def test_queries_and_gallery_keep_their_role():
    is_query, is_found = np.zeros(N_ITEMS, bool), np.ones(N_ITEMS, bool)
    is_query[[5, 7]], is_found[6] = True, False
    answers = make_task(roles=replace(EVERYTHING, test_sketches=is_query, test_photos=is_found)).answers()
    assert (answers.queries.tolist(), answers.gallery.tolist()) == ([5, 7], [5, 7, 8, 9])
    assert set(answers.query_labels.tolist()) == {CLASSES.index("boat")}


def test_a_class_without_an_item_left_is_named():
    with pytest.raises(BenchmarkError, match=r"no usable picture is left for the test in boat \(split 's'\)"):
        make_task(roles=replace(EVERYTHING, test_photos=np.zeros(N_ITEMS, bool))).answers()


def large_task():
    """Sixty items a class, so that a shuffle that changes nothing cannot happen by chance."""
    n = 60
    labels = np.arange(n * len(CLASSES)) // n
    names = tuple(f"{i}" for i in range(len(labels)))
    column = Items(tuple(map(Path, names)), names, labels)
    roles = Roles(*(np.ones(len(labels), bool) for _ in range(4)))
    array = np.repeat(np.arange(len(labels), dtype=np.float32)[:, None], 2, axis=1)
    return make_task(
        index=DatasetIndex(CLASSES, column, column),
        roles=roles,
        sketches=array,
        photos=array,
        feature_norm="raw",
    )


def test_test_items_come_in_two_different_shuffled_orders():
    task = large_task()
    task.seen()
    test = task.test_items()
    queries, gallery = test.queries[:, 0].tolist(), test.gallery[:, 0].tolist()
    file_order = list(range(60, 120))
    assert sorted(queries) == sorted(gallery) == file_order
    assert queries != file_order
    assert gallery != file_order
    assert queries != gallery


def test_the_answers_lead_back_to_file_order():
    task = large_task()
    task.seen()
    test, answers = task.test_items(), task.answers()
    restored = np.empty(60)
    restored[answers.query_order] = test.queries[:, 0].numpy()
    assert restored.tolist() == answers.queries.tolist()


def test_the_order_is_the_same_at_every_call():
    task = large_task()
    task.seen()
    assert torch.equal(task.test_items().gallery, task.test_items().gallery)


def test_test_items_are_two_tensors_and_nothing_else():
    task = make_task()
    task.seen()
    test = task.test_items()
    assert [field.name for field in fields(test)] == ["queries", "gallery"]
    for tensor in (test.queries, test.gallery):
        assert type(tensor) is torch.Tensor
        assert tensor._base is None
        assert tensor.untyped_storage().nbytes() == tensor.numel() * 4
        assert not [thing for thing in gc.get_referents(tensor) if not isinstance(thing, type)]


def test_seen_features_are_copies():
    task = make_task(feature_norm="raw")
    task.seen().photos[:] = -1
    task.seen().photo_labels[:] = 0
    assert task.seen().photos.min() >= 0
    assert INDEX.photos.labels.max() == 3


def test_centring_subtracts_the_seen_mean_and_gives_length_1():
    # Seen rows: (0, 0) and (4, 0) beside an unseen (100, 3); the seen mean is (2, 0).
    index = DatasetIndex(
        ("bird", "boat", "mail"),
        *(Items((Path("a"), Path("b"), Path("c")), ("a", "b", "c"), np.array([0, 1, 2])) for _ in range(2)),
    )
    features = np.array([[0, 0], [100, 3], [4, 0]], np.float32)
    roles = Roles(*(np.ones(3, bool) for _ in range(4)))
    task = make_task(index=index, roles=roles, sketches=features, photos=features + 7)
    seen, test = task.seen(), task.test_items()
    assert seen.sketches.tolist() == seen.photos.tolist() == [[-1, 0], [1, 0]]
    length = (98**2 + 3**2) ** 0.5
    np.testing.assert_allclose(test.queries.numpy(), [[98 / length, 3 / length]], rtol=1e-6)
    np.testing.assert_allclose(test.gallery.numpy(), test.queries.numpy(), rtol=1e-6)


@pytest.mark.parametrize("feature_norm", ["centred", "raw"])
@pytest.mark.parametrize(("phase", "hidden"), [("run", ("boat",)), ("tune", ("boat", "mail"))])
def test_an_outlier_among_hidden_items_changes_nothing_in_the_seen_data(phase, hidden, feature_norm):
    outlying = numbered()
    outlying[rows_of(*hidden)] = 1e6
    terms = {"phase": phase, "feature_norm": feature_norm}
    plain = make_task(**terms).seen()
    changed = make_task(sketches=outlying, photos=outlying, **terms).seen()
    assert torch.equal(plain.sketches, changed.sketches)
    assert torch.equal(plain.photos, changed.photos)


def test_instances_become_numbers_that_pair_sketches_with_photos():
    seen = make_task(pairs="instance").seen()
    assert seen.pairs == "instance"
    assert torch.equal(seen.sketch_instances, seen.photo_instances)
    assert sorted(seen.sketch_instances.tolist()) == list(range(15))


def test_numbers_of_instances_do_not_count_unseen_ones():
    # Numbers over all 20 instances would have gaps where the unseen ones stand.
    assert make_task().seen().photo_instances.max() == 14


@pytest.mark.parametrize("lacking", ["sketch", "photo"])
def test_instance_pairs_without_instances_are_refused(lacking):
    column = items(lacking, has_instances=False)
    index = replace(INDEX, **{"sketches" if lacking == "sketch" else "photos": column})
    with pytest.raises(BenchmarkError, match=r'pairs = "instance" needs .* Use pairs = "class"'):
        make_task(index=index, pairs="instance")
    assert make_task(index=index).seen().sketch_instances is None


def test_a_split_of_other_classes_is_refused():
    with pytest.raises(BenchmarkError, match=r"'boats' \(found 'boat'\)"):
        make_task(split=replace(SPLIT, unseen=("boats",)))


def test_pictures_are_decoded_in_the_order_asked_for_and_never_normalised(tmp_path):
    from PIL import Image

    paths = [tmp_path / f"{i}.png" for i in range(N_ITEMS)]
    for i, path in enumerate(paths):
        Image.new("RGB", (5, 5), (i, 10, 255)).save(path)
    column = replace(items("photo"), files=tuple(paths))
    source = PictureSource(column, 4, "photo")
    task = ZeroShotTask(
        DatasetIndex(CLASSES, column, column), EVERYTHING, SPLIT, sketches=source, photos=source
    )
    seen = task.seen()
    assert isinstance(seen.photos, Pictures)
    assert seen.photos.shape == (15, 3, 4, 4)
    reds = (seen.photos[:][:, 0, 0, 0] * 255).round().tolist()
    assert reds == rows_of("bird", "clock", "mail")
    test, answers = task.test_items(), task.answers()
    reds = (test.gallery[:][:, 0, 0, 0] * 255).round().tolist()
    assert reds == answers.gallery[answers.gallery_order].tolist()
