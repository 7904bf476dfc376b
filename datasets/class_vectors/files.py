"""Which class vectors a suite means: the committed ones, or a file that is recognised by what it holds."""

from __future__ import annotations

import codecs
import functools
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.class_vectors.arrays import read_npy, read_npz
from datasets.class_vectors.base import ClassVectors
from datasets.class_vectors.committed import CLASS_VECTORS_ID, COMMITTED
from datasets.class_vectors.matlab import read_mat
from datasets.class_vectors.text_vectors import header_numbers, read_text, text_layout
from datasets.class_vectors.word2vec_binary import read_binary
from datasets.class_vectors.words import WordVectors

FORMS = (
    "a word2vec binary file (.bin), GloVe or fastText as text (.txt, .vec), an .npz with names and vectors, "
    "SEM-PCYC's .npy or ZSCMR's wv_embeddings.mat"
)
_HEAD = 1 << 18
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z"}
_FASTTEXT_MODEL = (793712314).to_bytes(4, "little")  # the number with which fastText begins its own .bin


def open_class_vectors(name: str) -> ClassVectors:
    """Return the class vectors that a name stands for: `all_minilm_l6_v2`, or the path of a file.

    Of a large file only the beginning is read, and the words when names are asked for. Raises BenchmarkError
    for a file that is not there or of no known form.
    """
    if name == CLASS_VECTORS_ID:
        return COMMITTED
    path = Path(name).expanduser()
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "no such file"
        raise BenchmarkError(
            f"--class-vectors {name}: {what}. Give {CLASS_VECTORS_ID} for the committed vectors, or {FORMS}."
        )
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise BenchmarkError(f"--class-vectors {name} cannot be read: {error.strerror or error}.") from error
    if head.startswith(b"PK\x03\x04"):
        return read_npz(path)
    if head.startswith(b"\x93NUMPY"):
        return read_npy(path)
    if path.suffix.lower() == ".mat" or head.startswith((b"MATLAB", _HDF5)):
        return read_mat(path)
    _refuse_known(path, head)
    whole_lines = head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1]
    if layout := text_layout(whole_lines):
        return WordVectors(path, "word vectors as text", functools.partial(read_text, layout=layout))
    numbers = header_numbers(head.removeprefix(codecs.BOM_UTF8)[:100].partition(b"\n")[0])
    if numbers and all(numbers):
        if not _is_binary(head):
            raise BenchmarkError(
                f"--class-vectors {path}: its first line says {numbers[0]:,} words of {numbers[1]} numbers, "
                f"and its second line does not hold a word with {numbers[1]} numbers. The file is damaged: "
                "fetch it again."
            )
        return WordVectors(path, "word2vec binary", read_binary)
    raise BenchmarkError(
        f"--class-vectors {path}: its {path.stat().st_size:,} bytes begin with {head[:20]!r}: no form that "
        f"is read. Give {FORMS}."
    )


def _is_binary(head: bytes) -> bool:
    """Whether what follows the first line is numbers as bytes: no UTF-8, or with control characters."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head.partition(b"\n")[2])
    except UnicodeDecodeError:
        return True
    return any(ord(character) < 32 and character not in "\t\r\n" for character in text)


def _refuse_known(path: Path, head: bytes) -> None:
    """Say more of files that people are likely to give."""
    packing = next((name for start, name in _PACKED.items() if head.startswith(start)), None)
    if packing:
        raise BenchmarkError(f"--class-vectors {path} is packed with {packing}. Unpack it first.")
    if head.startswith(_FASTTEXT_MODEL):
        raise BenchmarkError(
            f"--class-vectors {path} is a model of fastText, not a table of vectors. Give the .vec file that "
            "is published beside it."
        )
