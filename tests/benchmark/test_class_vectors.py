"""A run with a file of word vectors: what the method is given, what the record and the tables say."""

from __future__ import annotations

import csv
import io
import json
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmark import cli
from benchmark.errors import BenchmarkError
from benchmark.plan import GridCell, plan
from benchmark.prepare import PreparedData, Where
from benchmark.records import Record
from benchmark.suite import Suite, load_suite
from datasets.class_vectors import COMMITTED, vectors_sha256

WORDS = {
    "cross": (3.0, 4.0),
    "square": (0.0, 2.0),
    "star": (1.0, 0.0),
    "circle": (1.0, 1.0),
    "wave": (0.0, 9.0),
}
EXPECTED = "[[0.0, 1.0], [1.0, 0.0]]"  # of square and star, which no test changes

WORDY = '''
"""Mean colour, and a check of the class vectors that it is given."""
import torch

from benchmark.registry import register_method
from methods.base import MethodCard, RetrievalMethod


@register_method(MethodCard(
    id="wordy", title="Wordy", pretraining=(), side_information=("class vectors",), input="images",
    distance="euclidean", fidelity="baseline", deviations=(), is_random=False))
class Wordy(RetrievalMethod):
    def fit(self, seen, *, seed, progress):
        assert seen.class_names == ("cross", "square", "star")
        assert torch.allclose(seen.class_vectors[1:], torch.tensor(EXPECTED))
        return self

    def embed_sketches(self, batch):
        return batch.mean(dim=(2, 3))

    embed_photos = embed_sketches
'''

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]


def word2vec(path: Path, words: Mapping[str, tuple[float, float]]) -> Path:
    content = b"".join(word.encode() + b" " + struct.pack("<2f", *row) for word, row in words.items())
    path.write_bytes(f"{len(words)} 2\n".encode() + content)
    return path


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    return word2vec(tmp_path / "shapes.bin", WORDS)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, open_registries: None) -> Call:
    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *map(str, arguments)])
        return cli.main()

    return run


@pytest.fixture
def run(call: Call, picture_root: Path, tmp_path: Path) -> Call:
    """Run the method on the small data set; arguments are further flags."""
    plugin = tmp_path / "wordy.py"
    plugin.write_text(WORDY.replace("EXPECTED", EXPECTED))
    once = ["--plugin", plugin]  # a second time in one process would register it twice

    def run(*flags: object) -> int:
        places = ("--cache-dir", tmp_path / "cache", "--results-dir", tmp_path / "results")
        data = ("--dataset", "folder", "--data-root", picture_root)
        plugins, once[:] = tuple(once), ()
        return call("run", *data, *places, *plugins, "--methods", "wordy", *flags)

    return run


@pytest.fixture
def records(tmp_path: Path) -> Callable[[], list[Record]]:
    """The records so far, in the order in which their runs started."""

    def read() -> list[Record]:
        paths = (tmp_path / "results" / "runs").glob("*/*/*/*/record.json")
        return sorted(
            (Record.model_validate(json.loads(path.read_text())) for path in paths), key=lambda r: r.started
        )

    return read


def test_a_run_with_a_file_of_word_vectors_says_so(run, records, vectors, capsys: Captured) -> None:
    assert run("--class-vectors", vectors) == 0
    (record,) = records()
    assert (record.status, record.class_vectors) == (
        "complete",
        "shapes.bin (word2vec binary, mean of words)",
    )
    printed = capsys.readouterr().out
    assert "wordy (shapes.bin)" in printed
    assert "class vectors shapes.bin (word2vec binary, mean of words): wordy (shapes.bin)" in " ".join(
        printed.split()
    )


def test_the_table_as_csv_says_which_vectors(run, call, vectors, tmp_path: Path, capsys: Captured) -> None:
    run("--class-vectors", vectors)
    capsys.readouterr()
    call("table", "--dataset", "folder_shapes", "--format", "csv", "--results-dir", tmp_path / "results")
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    kinds = {line["row"]: line["class_vectors"] for line in lines}
    assert kinds == {
        "wordy (shapes.bin)": "shapes.bin (word2vec binary, mean of words)",
        "chance": "",
    }


def test_a_class_without_a_word_skips_the_run_and_is_named(run, records, tmp_path: Path) -> None:
    few = word2vec(tmp_path / "few.bin", {word: WORDS[word] for word in ("star", "circle", "wave")})
    assert run("--class-vectors", few) == 0
    (record,) = records()
    assert record.status == "skipped"
    assert record.reason is not None
    assert record.reason.startswith(
        "needs class vectors, and few.bin (word2vec binary, mean of words) has none for: cross, square. Spell"
    )


def test_a_word_of_an_unseen_class_need_not_be_there(run, records, tmp_path: Path) -> None:
    seen = word2vec(tmp_path / "seen.bin", {word: WORDS[word] for word in ("cross", "square", "star")})
    assert run("--class-vectors", seen) == 0
    assert [record.status for record in records()] == ["complete"]


def test_the_committed_vectors_say_which_classes_they_lack(run, records) -> None:
    assert run() == 0
    (record,) = records()
    assert record.class_vectors == COMMITTED.kind
    assert record.reason is not None
    assert "all-MiniLM-L6-v2 (committed) has none for: " in record.reason


def test_a_run_is_another_one_when_its_vectors_change_and_only_then(run, records, tmp_path: Path) -> None:
    path = tmp_path / "shapes.bin"
    for words, n_records in (
        (WORDS, 1),
        (WORDS, 1),
        ({**WORDS, "dog": (1.0, 1.0)}, 1),
        ({**WORDS, "cross": (1.0, 5.0)}, 2),
    ):
        assert run("--class-vectors", word2vec(path, words)) == 0
        assert len(records()) == n_records
    assert len({record.class_vectors_sha256 for record in records()}) == 2


def test_the_same_vectors_in_another_file_are_a_run_under_its_name(
    run, records, vectors, tmp_path: Path
) -> None:
    text = tmp_path / "shapes.txt"
    text.write_text("".join(f"{word} {row[0]} {row[1]}\n" for word, row in WORDS.items()))
    assert run("--class-vectors", vectors) == run("--class-vectors", text) == 0
    assert sorted(record.own_vectors for record in records()) == ["shapes.bin", "shapes.txt"]


@pytest.mark.parametrize("flag", [(), ("--dry-run",)])
def test_a_wrong_file_is_refused_before_any_picture_is_read(
    run, records, tmp_path: Path, capsys: Captured, flag
) -> None:
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(b"no vectors at all")
    assert run("--class-vectors", wrong, *flag) == 1
    assert "no form that is read" in " ".join(capsys.readouterr().err.split())
    assert not records()
    assert not (tmp_path / "cache" / "ledger.sqlite").exists()


def test_runs_with_committed_vectors_keep_the_identity_of_their_file(
    picture_root: Path, tmp_path: Path
) -> None:
    from methods.ridge import Ridge

    where = Where(tmp_path / "cache", tmp_path / "results", picture_root)
    data = PreparedData(Suite(name="t", title="t", dataset="folder", methods=("ridge",)), where)
    assert data.class_vectors_sha256(Ridge.card) == vectors_sha256()
    assert data.class_vectors is COMMITTED


def test_a_method_without_class_vectors_is_the_same_run_under_any(
    picture_root: Path, vectors: Path, tmp_path: Path
) -> None:
    from benchmark.configs import ResolvedConfig
    from methods.frozen import Frozen

    identities = set()
    for name in ("all_minilm_l6_v2", str(vectors)):
        suite = Suite(name="t", title="t", dataset="folder", methods=("frozen",), class_vectors=name)
        data = PreparedData(suite, Where(tmp_path / "cache", tmp_path / "results", picture_root))
        (split,) = data.splits()
        cell = GridCell(Frozen, "", split, ResolvedConfig(Frozen.Config(), "default"), False)
        (planned,) = plan([cell], data)
        identities.add(planned.identity)
    assert len(identities) == 1


def test_grids_that_differ_in_their_vectors_are_named_by_them(tmp_path: Path, vectors: Path) -> None:
    text = f'title = "t"\nmethods = ["ridge"]\n[[grid]]\n[[grid]]\nclass_vectors = "{vectors}"\n'
    (tmp_path / "two.toml").write_text(text)
    assert [suite.part for suite in load_suite(str(tmp_path / "two.toml"))] == ["", "shapes.bin"]


def test_grids_of_one_data_set_share_the_words_that_were_read(
    picture_root: Path, vectors: Path, tmp_path: Path
) -> None:
    where = Where(tmp_path / "cache", tmp_path / "results", picture_root)
    suite = Suite(name="t", title="t", dataset="folder", methods=("ridge",), class_vectors=str(vectors))
    first = PreparedData(suite, where)
    assert PreparedData(suite, where, alike=first).class_vectors is first.class_vectors
    other = suite.model_copy(update={"class_vectors": "all_minilm_l6_v2"})
    assert PreparedData(other, where, alike=first).class_vectors is COMMITTED


def test_a_file_that_went_away_is_an_error_in_words(
    picture_root: Path, vectors: Path, tmp_path: Path
) -> None:
    from methods.ridge import Ridge

    suite = Suite(name="t", title="t", dataset="folder", methods=("ridge",), class_vectors=str(vectors))
    data = PreparedData(suite, Where(tmp_path / "cache", tmp_path / "results", picture_root))
    vectors.unlink()
    with pytest.raises(BenchmarkError, match=r"shapes\.bin: no such file"):
        data.class_vectors_sha256(Ridge.card)
