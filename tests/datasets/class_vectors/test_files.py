"""Which class vectors a name means, and what is said of a file that is none."""

import gzip

import pytest

from benchmark.errors import BenchmarkError
from datasets.class_vectors import COMMITTED, open_class_vectors


def test_the_name_of_the_committed_vectors_is_no_path():
    assert open_class_vectors("all_minilm_l6_v2") is COMMITTED


def test_a_form_is_recognised_by_content_not_by_name(write_word2vec, write_text):
    kinds = [
        open_class_vectors(str(write_word2vec(["cat"], "vectors.txt"))).kind,
        open_class_vectors(str(write_text(["cat", "dog"], "vectors.bin"))).kind,
        open_class_vectors(str(write_text(["cat", "dog"], "vectors", header=True))).kind,
    ]
    assert [kind.partition(" (")[2].partition(",")[0] for kind in kinds] == [
        "word2vec binary",
        "word vectors as text",
        "word vectors as text",
    ]


def test_a_path_may_begin_at_home(write_text, monkeypatch):
    path = write_text(["cat", "dog"])
    monkeypatch.setenv("HOME", str(path.parent))
    assert open_class_vectors("~/tiny.txt").id == "tiny.txt"


@pytest.mark.parametrize("name", ["no such file.bin", ""])
def test_what_is_not_there_is_said_with_all_forms(tmp_path, name):
    message = "(no such file|this is a folder)\\. Give all_minilm_l6_v2 .* word2vec binary .* wv_embeddings"
    with pytest.raises(BenchmarkError, match=message):
        open_class_vectors(str(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"its 0 bytes begin with b'': no form that is read\. Give a word2vec"),
        (b"These are words.\nAnd these.\n", r"begin with b'These are words\.\\nAnd': no form"),
        (b"\x00\x01\x02\x03" * 50, "no form that is read"),
        (gzip.compress(b"2 4\ncat", mtime=0), r"is packed with gzip\. Unpack it first"),
        (b"\xba\x16\x4f\x2f" + bytes(100), r"is a model of fastText.*Give the \.vec file"),
        (b"PK\x03\x04" + bytes(50), "cannot be read"),
        (b"5 0\nword", "no form that is read"),
        (b"3 2\n", "its second line does not hold"),
        (b"2 3\ncat 1.0 2.0\ndog 1.0 2.0\n", "says 2 words of 3 numbers, and its second line does not"),
        (b"cat\t1.0\t2.0\ndog\t1.0\t2.0\n", "no form that is read"),
    ],
)
def test_a_file_of_no_known_form_is_refused(tmp_path, content, message):
    path = tmp_path / "what.dat"
    path.write_bytes(content)
    with pytest.raises(BenchmarkError, match=message):
        open_class_vectors(str(path))


def test_the_archive_in_which_glove_comes_is_said_to_be_one(tmp_path):
    import zipfile

    path = tmp_path / "glove.6B.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("glove.6B.50d.txt", "the 0.1 0.2\n")
    with pytest.raises(BenchmarkError, match=r"holds glove\.6B\.50d\.txt\..* must be unpacked first"):
        open_class_vectors(str(path))
