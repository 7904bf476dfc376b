"""Training data that cannot hold an unseen class, and pictures that are indexed like a tensor."""

import pytest
import torch

from datasets.seen import Pictures, SeenData


def seen_data(**changes):
    """Three classes; two sketches and one photo of each, whose first feature is the class."""
    sketch_labels, photo_labels = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 1, 2])
    parts = {
        "class_names": ("bird", "boat", "clock"),
        "sketches": torch.stack([sketch_labels, torch.arange(6)], dim=1).float(),
        "photos": torch.stack([photo_labels, torch.arange(3)], dim=1).float(),
        "sketch_labels": sketch_labels,
        "photo_labels": photo_labels,
        "sketch_instances": torch.arange(6),
        "photo_instances": torch.arange(3),
        "class_vectors": torch.eye(3),
        "pairs": "class",
        "validation_classes": (1,),
        "teacher_logits": photo_labels[:, None].float().repeat(1, 1000),
        "teacher_vectors": torch.eye(1000)[:, :3].contiguous(),
    }
    return SeenData(**{**parts, **changes})


@pytest.mark.parametrize("labels", [[0, 1, 3], [-1, 0, 1]])
@pytest.mark.parametrize(
    ("items", "item_labels"), [("photos", "photo_labels"), ("sketches", "sketch_labels")]
)
def test_an_item_of_no_seen_class_is_refused(items, item_labels, labels):
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.2: an item of no seen class is here"):
        seen_data(**{items: torch.zeros(3, 2), item_labels: torch.tensor(labels)})


def test_items_without_a_label_are_refused():
    with pytest.raises(ValueError, match="4 items but 3 labels"):
        seen_data(photos=torch.zeros(4, 2))


def test_a_vector_of_a_class_that_is_not_seen_is_refused():
    with pytest.raises(ValueError, match="4 class vectors for 3 seen classes"):
        seen_data(class_vectors=torch.eye(4))


@pytest.mark.parametrize(
    ("field", "wrong", "message"),
    [
        ("teacher_logits", torch.zeros(2, 1000), r"\(3, 1000\) float32, got \(2, 1000\) torch\.float32"),
        ("teacher_logits", torch.zeros(3, 999), r"\(3, 1000\) float32, got \(3, 999\)"),
        (
            "teacher_logits",
            torch.zeros(3, 1000).double(),
            r"\(3, 1000\) float32, got \(3, 1000\) torch\.float64",
        ),
        ("teacher_vectors", torch.zeros(999, 3), r"\(1000, 3\) float32, got \(999, 3\)"),
        ("teacher_vectors", torch.zeros(1000, 4), r"\(1000, 3\) float32, got \(1000, 4\)"),
        ("teacher_vectors", torch.zeros(1000), r"\(1000, 3\) float32, got \(1000,\)"),
    ],
)
def test_a_teacher_of_another_shape_or_type_is_refused(field, wrong, message):
    with pytest.raises(ValueError, match=f"{field} must be {message}"):
        seen_data(**{field: wrong})


def test_vectors_of_labels_have_any_width_where_classes_have_none():
    assert seen_data(class_vectors=None, teacher_vectors=torch.zeros(1000, 7)).teacher_vectors.shape[1] == 7


def test_holding_out_divides_the_teacher_by_class_of_the_photo():
    training, validation = seen_data().hold_out_validation()
    assert training.teacher_logits[:, 999].tolist() == [0, 2]
    assert validation.teacher_logits[:, 999].tolist() == [1]
    for part in (training, validation):
        assert torch.equal(part.teacher_vectors, torch.eye(1000)[:, :3])


def test_holding_out_divides_by_class():
    training, validation = seen_data().hold_out_validation()
    assert training.class_names == ("bird", "clock")
    assert validation.class_names == ("boat",)
    assert training.sketches[:, 0].tolist() == [0, 0, 2, 2]
    assert validation.sketches[:, 0].tolist() == [1, 1]
    assert training.photos[:, 0].tolist() == [0, 2]


def test_held_out_labels_are_numbered_anew():
    training, validation = seen_data().hold_out_validation()
    assert training.sketch_labels.tolist() == [0, 0, 1, 1]
    assert training.photo_labels.tolist() == [0, 1]
    assert validation.sketch_labels.tolist() == [0, 0]


def test_vectors_and_instances_go_with_their_classes_and_items():
    training, validation = seen_data().hold_out_validation()
    assert training.class_vectors.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert validation.class_vectors.tolist() == [[0, 1, 0]]
    assert training.sketch_instances.tolist() == [0, 1, 4, 5]
    assert validation.photo_instances.tolist() == [1]


def test_holding_out_is_counted():
    seen = seen_data()
    assert seen.n_train_classes == 3
    seen.hold_out_validation()
    assert seen.n_train_classes == 2


def test_without_instances_and_vectors_holding_out_works():
    parts = {"class_vectors": None, "sketch_instances": None, "photo_instances": None}
    training, _ = seen_data(**parts).hold_out_validation()
    assert (training.class_vectors, training.sketch_instances, training.photo_instances) == (None, None, None)


def test_moving_to_a_device_keeps_everything():
    seen = seen_data()
    moved = seen.to("cpu")
    assert moved.class_names == seen.class_names
    assert moved.validation_classes == seen.validation_classes
    for name in (
        "sketches",
        "photos",
        "sketch_labels",
        "photo_labels",
        "sketch_instances",
        "class_vectors",
        "teacher_logits",
        "teacher_vectors",
    ):
        assert torch.equal(getattr(moved, name), getattr(seen, name))


def test_pictures_come_out_as_floats_from_0_to_1():
    pictures = Pictures(torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(3, 1, 1, 1).expand(3, 3, 2, 2))
    batch = pictures[torch.tensor([2, 1])]
    assert batch.dtype == torch.float32
    assert batch[:, 0, 0, 0].tolist() == pytest.approx([1.0, 0.2])
    assert (len(pictures), pictures.shape) == (3, (3, 3, 2, 2))


def test_pictures_are_divided_like_features():
    pixels = torch.arange(3, dtype=torch.uint8).reshape(3, 1, 1, 1).repeat(1, 3, 2, 2)
    training, validation = seen_data(photos=Pictures(pixels)).hold_out_validation()
    assert (training.photos[:][:, 0, 0, 0] * 255).round().tolist() == [0, 2]
    assert (validation.photos[:][:, 0, 0, 0] * 255).round().tolist() == [1]


def test_pixels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"pixels must be \(n, 3, H, W\) uint8, got shape \(2, 5, 5, 3\)"):
        Pictures(torch.zeros(2, 5, 5, 3, dtype=torch.uint8))
