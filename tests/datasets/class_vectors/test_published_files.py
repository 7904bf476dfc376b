"""Real word2vec vectors, as a published repository ships them: every class of the data sets is found."""

import csv
import os
import struct
from pathlib import Path

import numpy as np
import pytest

import datasets.vectors.make as make
from datasets.class_vectors import open_class_vectors


@pytest.fixture
def folder():
    data = os.environ.get("ZSBENCH_DATA")
    if not data or not (Path(data) / "class_vectors").is_dir():
        pytest.skip("set ZSBENCH_DATA to a folder that holds class_vectors")
    return Path(data) / "class_vectors"


def class_names(dataset):
    with make.NAMES_FILE.open(encoding="utf-8", newline="") as file:
        return [row["class"] for row in csv.DictReader(file) if row["dataset"] == dataset]


@pytest.mark.parametrize(
    ("file", "dataset", "n_classes", "missing"),
    [
        ("word2vec_sketchy.npz", "sketchy", 125, ()),
        ("word2vec_tuberlin.npz", "tuberlin_ext", 250, ()),
        ("word2vec_domainnet345.npz", "doodle101", 49, ()),
        # DomainNet calls it motorbike, which is another word.
        ("word2vec_domainnet345.npz", "quickdraw_ext", 110, ("motorcycle",)),
    ],
)
def test_every_class_is_found(folder, file, dataset, n_classes, missing):
    names = class_names(dataset)
    vectors = open_class_vectors(str(folder / file))
    assert len(names) == n_classes
    assert vectors.missing(names) == missing
    found = vectors.of([name for name in names if name not in missing])
    assert (found.shape, found.dtype) == ((n_classes - len(missing), 300), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("file", "name"),
    [("word2vec_domainnet345.npz", "baseball bat"), ("word2vec_tuberlin.npz", "computer-mouse")],
)
def test_the_mean_of_two_words_is_the_published_one(folder, tmp_path, file, name):
    with np.load(folder / file) as stored:
        table = dict(zip(stored["names"].tolist(), stored["vectors"], strict=True))
    with np.load(folder / "word2vec_domainnet345.npz") as stored:
        table |= dict(zip(stored["names"].tolist(), stored["vectors"], strict=True))
    words = {word: row for word, row in table.items() if word.isalpha()}
    path = tmp_path / "words.bin"
    content = b"".join(word.encode() + b" " + struct.pack("<300f", *row) for word, row in words.items())
    path.write_bytes(f"{len(words)} 300\n".encode() + content)
    whole = open_class_vectors(str(folder / file))
    np.testing.assert_allclose(open_class_vectors(str(path)).of([name]), whole.of([name]), atol=1e-6)


def test_names_of_one_thing_are_close(folder):
    crab, lobster, piano = open_class_vectors(str(folder / "word2vec_sketchy.npz")).of(
        ["crab", "lobster", "piano"]
    )
    assert crab @ lobster > crab @ piano + 0.2
