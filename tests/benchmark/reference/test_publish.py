"""The README, the pages and the figures say what the reference results say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.reference.blocks import BLOCKS, with_blocks
from benchmark.reference.pages import DOCS, PAGES, PICTURES
from benchmark.reference.publish import differences, publish
from benchmark.reference.store import FOLDER, ROOT, read_references, reference_datasets, reference_path

MIB = 1024 * 1024


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what is made, and of what it is made from."""
    shutil.copy(ROOT / "README.md", tmp_path)
    for folder in (FOLDER, DOCS):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_nothing_differs_from_the_reference_results() -> None:
    assert differences() == ()


def test_an_altered_number_a_lost_page_and_a_foreign_figure_are_named(checkout: Path) -> None:
    readme, page, figure = checkout / "README.md", checkout / PAGES[0].path, checkout / PICTURES[1].path
    text = readme.read_text()
    line = next(line for line in text.splitlines() if line.startswith("| procrustes "))
    number = re.search(r"0\.\d\d\d", line)
    assert number is not None
    readme.write_text(text.replace(line, line.replace(number[0], "0.999", 1), 1))
    page.unlink()
    shutil.copy(checkout / PICTURES[-1].path, figure)
    altered, lost, foreign = differences(checkout)
    assert lost == f"{PAGES[0].path}, which is not there"
    n_line = text.splitlines().index(line) + 1
    assert altered.startswith(f"README.md, line {n_line}: has ")
    assert "0.999" in altered
    assert number[0] in altered.partition("give")[2]
    assert foreign.startswith(f"{PICTURES[1].path}: drawn from ")
    assert f"{PICTURES[-1].datasets[-1]}.json" in foreign.partition(", not from")[0]
    assert set(publish(checkout)) == {readme, page, figure}
    assert (readme.read_text(), page.read_bytes()) == (text, (ROOT / PAGES[0].path).read_bytes())


def _marks(*names: str) -> str:
    return "".join(f"<!-- reference:{name} -->\n<!-- /reference -->\n" for name in names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_marks(*BLOCKS, "mine"), r"Not so: mine \(1 times\)"),
        (_marks(*list(BLOCKS)[:-1]), r"Not so: codes \(0 times\)"),
        (_marks(*BLOCKS, "codes"), r"Not so: codes \(2 times\)"),
        (_marks(*BLOCKS) + "<!-- reference:codes -->\n", "6 marks .* and 5 marks .* of which 5 belong"),
        (_marks(*BLOCKS).replace("<!-- ref", "<!--ref", 1), "4 marks .* and 5 marks .* of which 4 belong"),
    ],
)
def test_a_document_has_every_block_once(text: str, message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        with_blocks(text, {}, "README.md")


@pytest.mark.parametrize("dataset", reference_datasets())
def test_files_are_small(dataset: str) -> None:
    assert reference_path(dataset).stat().st_size < 2 * MIB
    assert all((ROOT / picture.path).stat().st_size < 400 * 1024 for picture in PICTURES)


def test_references_are_those_of_every_data_set_of_suite_full() -> None:
    assert list(read_references()) == ["emoji54", "doodle101"]
