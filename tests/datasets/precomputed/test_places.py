"""Which array is what, in every layout in which people keep features."""

import numpy as np
import pytest
import scipy.io

from benchmark.errors import BenchmarkError
from datasets.precomputed.places import modality_of

CLASSES = ["ant", "bee", "cat", "dog"]
LABELS = {"sketch": [0, 0, 1, 1, 2, 2, 3, 3], "photo": [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]}


@pytest.fixture
def require_whole(open_root, features_of):
    """Check that everything was found: rows, labels, names."""

    def check(first=0):
        dataset = open_root()
        index = dataset.index()
        assert list(index.class_names) == CLASSES
        for modality, labels in LABELS.items():
            items = index.items(modality)
            assert items.labels.tolist() == labels
            rows = dataset.given_features().source(items, modality).rows(np.arange(len(items)))
            np.testing.assert_array_equal(rows, features_of(modality))
            assert rows.dtype == np.float32
        assert f"labels counted from {first}" in index.found or "named by the labels" in index.found
        return index.found

    return check


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".mat 7.3"])
@pytest.mark.parametrize("kind", ["numbers from 0", "numbers from 1", "text"])
def test_one_file_a_modality_in_every_format(empty_root, save, features_of, require_whole, suffix, kind):
    for modality, labels in LABELS.items():
        own = np.array(labels, float) + (kind == "numbers from 1")
        save[suffix](
            empty_root / f"{modality}{suffix[:4]}",
            features=features_of(modality).astype(float),
            labels=[CLASSES[label] for label in labels] if kind == "text" else own,
            class_names=CLASSES,
        )
    require_whole(int(kind == "numbers from 1"))


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".mat 7.3"])
def test_one_file_of_both(empty_root, save, features_of, require_whole, suffix):
    save[suffix](
        empty_root / f"everything{suffix[:4]}",
        sketch_features=features_of("sketch"),
        sketch_labels=np.array(LABELS["sketch"]),
        photo_features=features_of("photo"),
        photo_labels=np.array(LABELS["photo"]),
        class_names=CLASSES,
    )
    require_whole()


@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize("suffix", [".mat", ".mat 7.3"])
def test_the_files_of_zscmr_are_read_in_either_orientation(
    empty_root, save, features_of, require_whole, is_transposed, suffix
):
    for stem, modality, label in (
        ("sketchmatnew", "sketch", "label_sk"),
        ("imagematnew", "photo", "label_im"),
    ):
        rows = features_of(modality).astype(float)
        save[suffix](empty_root / f"{stem}.mat", feature=rows.T if is_transposed else rows)
        save[suffix](empty_root / f"{label}.mat", **{label: np.array([LABELS[modality]], float) + 1})
    # What lies beside them in that repository and is no feature of a sketch or a photo.
    scipy.io.savemat(empty_root / "wv_embeddings.mat", {"features": np.ones((4, 300))})
    scipy.io.savemat(empty_root / "names_images.mat", {"data": np.ones((3, 3))})
    (empty_root / "classes.txt").write_text("ant\nbee\r\ncat\ndog\n\n")
    found = require_whole(1)
    assert found.startswith(
        "named as ZSCMR's authors do: 8 sketches (5-d) from 'feature' of sketchmatnew.mat and"
    )
    assert "'label_im' of label_im.mat" in found


def test_a_label_that_is_a_path_means_its_folder(empty_root, features_of, require_whole):
    for stem, modality in (("sketchmat2048", "sketch"), ("photomat2048", "photo")):
        paths = [f"{CLASSES[label]}/n0{row}_7.jpg" for row, label in enumerate(LABELS[modality])]
        scipy.io.savemat(empty_root / f"{stem}.mat", {"feature": features_of(modality), "label": paths})
    assert "named by the labels" in require_whole()


def test_labels_may_lie_in_another_file_whose_name_says_the_modality(
    empty_root, save, features_of, require_whole
):
    for modality, labels in LABELS.items():
        np.savez(empty_root / f"{modality}_vgg.npz", embeddings=features_of(modality))
        np.savez(empty_root / f"{modality}-classes.npz", labels=[CLASSES[label] for label in labels])
    require_whole()


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        *[(name, "sketch") for name in ("sketch", "Sketches_train", "sketchmat2048", "feat_sk", "SK")],
        *[(name, "photo") for name in ("photo", "Imgmat", "images", "label_im", "vggphoto4096")],
        *[(name, None) for name in ("features", "sketch_photo", "skeleton", "dim", "simple", "mask")],
    ],
)
def test_a_modality_is_a_word_and_one_of_two_letters_stands_alone(name, modality):
    assert modality_of(name) == modality


def test_an_empty_root_is_told_how_features_are_saved(empty_root, open_root):
    with pytest.raises(BenchmarkError, match=r"holds no \.npz and no \.mat file\. Save features as np\.save"):
        open_root().index()


def test_features_of_no_modality_are_listed_with_what_is_there(empty_root, open_root):
    np.savez(empty_root / "train.npz", features=np.ones((3, 2)), y=[0, 1, 2])
    with pytest.raises(
        BenchmarkError,
        match=r"no features of the sketches found\. There are train\.npz \(features, y\)\. N",
    ):
        open_root().index()


def test_two_files_that_could_be_meant_are_named(root, open_root):
    (root / "photo_old.npz").write_bytes((root / "photo.npz").read_bytes())
    with pytest.raises(
        BenchmarkError,
        match=r"features of the photos could be 'features' of photo\.npz or 'features' of photo_old\.npz\. K",
    ):
        open_root().index()


def test_missing_labels_are_named(root, open_root, change):
    change("photo", labels=None)
    with pytest.raises(BenchmarkError, match=r"no labels of the photos found.*photo\.npz \(features, class"):
        open_root().index()


def test_labels_of_the_other_modality_are_not_taken(root, open_root, change, empty_root):
    change("photo", labels=None, sketch_labels=np.zeros(12))
    with pytest.raises(BenchmarkError, match=r"no labels of the photos found"):
        open_root().index()


@pytest.mark.parametrize("content", [b"", b"not an archive"])
def test_a_damaged_file_is_named(root, open_root, content):
    (root / "photo.npz").write_bytes(content)
    with pytest.raises(BenchmarkError, match=r"'precomputed_my_features': .*photo\.npz: cannot be read"):
        open_root().index()


def test_a_wrong_number_of_rows_is_told_with_both_sizes(root, open_root, change):
    change("photo", features=np.ones((11, 5)))
    with pytest.raises(
        BenchmarkError, match=r"photo\.npz: there are 12 labels, and features has shape \(11, 5\)"
    ):
        open_root().index()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(12), r"features must have shape \(items, dimensions\), found \(12,\)"),
        (np.ones((12, 5)) * 1j, r"features must be real numbers, found complex128"),
        (np.full((12, 5), "a"), r"features must be real numbers, found <U1"),
    ],
)
def test_features_of_another_kind_are_refused(root, open_root, change, value, message):
    change("photo", features=value)
    with pytest.raises(BenchmarkError, match=message):
        open_root().index()
