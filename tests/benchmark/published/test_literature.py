"""The committed numbers: what the mapping makes of the literature, each with its source and known terms."""

from __future__ import annotations

import csv
import io
import os
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.published.make import INPUT_COLUMNS, MAPPING, RESULT, main, published_csv
from benchmark.published.numbers import COLUMNS, PUBLISHED_DIR, UNKNOWN, read_published
from benchmark.registry import DATASETS
from datasets.settings import DIRECTIONS, SETTINGS
from datasets.splits import committed_split_ids
from metrics.definitions import parse

LITERATURE = Path(os.environ.get("ZSBENCH_LITERATURE", "not named")) / "published_canonical.csv"
needs_literature = pytest.mark.skipif(
    not LITERATURE.is_file(),
    reason="set ZSBENCH_LITERATURE to a folder with published_canonical.csv",
)
SPLIT_FOLDERS = {"sketchy": "sketchy", "sketchy_ext": "sketchy"}
LISTS_UNKNOWN = {"100/25, list unknown", "220/30, list unknown"}

LINE = {
    "method": "SAKE",
    "year": "2019",
    "venue": "ICCV",
    "backbone": "CSE-ResNet50",
    "embedding_dim": "64",
    "binary": "true",
    "dataset": "sketchy_ext",
    "split": "shen25",
    "direction": "sketch2image",
    "setting": "zs",
    "metric": "map_all",
    "value": "0.364",
    "source": "a table; https://example.org",
    "confidence": "secondhand",
}
TABLES = {
    "methods": {"SAKE": "sake"},
    "backbones": {"CSE-ResNet50": "CSE-ResNet50"},
    "codes": {"true": "binary"},
    "datasets": {"sketchy_ext": "sketchy_ext"},
    "splits": {"shen25": "100/25, list unknown"},
    "directions": {"sketch2image": "sketch2photo"},
    "settings": {"zs": "zs"},
    "definitions": {"map_all": "map@all/unknown"},
}


def _literature(*lines: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=INPUT_COLUMNS)
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _made(*rules: dict[str, object], **changes: str) -> dict[str, str]:
    text = published_csv(_literature(LINE | changes), {**TABLES, "rule": list(rules)})
    (line,) = csv.DictReader(io.StringIO(text))
    return line


# The committed file.


@needs_literature
def test_the_committed_file_is_what_the_mapping_makes_of_the_literature() -> None:
    mapping = tomllib.loads(MAPPING.read_text(encoding="utf-8"))
    made = published_csv(LITERATURE.read_text(encoding="utf-8"), mapping)
    assert made == RESULT.read_text(encoding="utf-8")
    assert [path.name for path in PUBLISHED_DIR.glob("*.csv")] == [RESULT.name]


@needs_literature
def test_no_number_is_lost_and_name_value_source_and_confidence_stay_as_they_were() -> None:
    def kept(path: Path, name: str) -> Counter[tuple[str, ...]]:
        with path.open(encoding="utf-8", newline="") as file:
            fields = (name, "year", "venue", "value", "source", "confidence")
            lines = [[line[field] for field in fields] for line in csv.DictReader(file)]
            # A number in an index that readers cannot look up is no part of a source.
            return Counter(
                tuple(re.sub(r" \(\w+ id \d+[^)]*\)$", "", text) for text in line) for line in lines
            )

    assert kept(LITERATURE, "method") == kept(RESULT, "name")


def test_there_are_582_numbers_each_with_its_source_and_how_it_was_read() -> None:
    numbers = read_published()
    assert len(numbers) == 582
    assert all(number.source for number in numbers)
    assert Counter(number.confidence for number in numbers) == {"secondhand": 330, "read": 252}


def test_every_term_is_a_known_one_or_said_to_be_unknown() -> None:
    for number in read_published():
        assert 0 < number.value < 1
        assert number.direction in DIRECTIONS
        assert number.setting in (*SETTINGS, "gzs/unknown")
        assert number.gallery in (*DATASETS.get(number.dataset).card.protocols, UNKNOWN)
        folder = SPLIT_FOLDERS.get(number.dataset, number.dataset)
        assert number.split in {*committed_split_ids(folder), *LISTS_UNKNOWN}
        assert number.is_listed == (number.split not in LISTS_UNKNOWN)
        if number.is_defined:
            assert parse(number.definition)
        else:
            assert number.definition == f"{number.metric_name}/unknown"


def test_flags_say_what_the_columns_say() -> None:
    for number in read_published():
        flags = number.flags.split("; ")
        assert ("binary" in flags) == (number.codes == "binary")
        assert ("secondhand" in flags) == number.is_secondhand
        assert (f"width {number.width}" in flags) == (number.width != "64")


def test_the_papers_numbers_are_there_in_four_directions_on_two_data_sets() -> None:
    paper = [number for number in read_published() if number.method == "zscmr"]
    values = {(n.dataset, n.direction, n.metric_name): n.value for n in paper}
    assert len(paper) == len(values) == 16
    assert values["sketchy", "sketch2photo", "map@all"] == 0.467
    assert values["tuberlin_ext", "photo2photo", "p@100"] == 0.653
    assert {(n.dataset, n.gallery) for n in paper} == {("sketchy", "orig"), ("tuberlin_ext", "unknown")}


def test_sake_in_the_slides_is_binary() -> None:
    slides = [n for n in read_published() if n.method == "sake" and "slides" in n.source]
    assert {(n.codes, n.width) for n in slides} == {("binary", "64")}
    assert all("not marked as binary" in n.flags for n in slides)


def test_cvae_in_the_slides_is_what_was_measured_on_the_21_classes() -> None:
    slides = [n for n in read_published() if n.name == "CVAE" and "slides" in n.source]
    assert {(n.split, n.definition, n.value) for n in slides} == {
        ("yelamarthi21", "map@200/k", 0.225),
        ("yelamarthi21", "p@200", 0.333),
    }


def test_methods_whose_classes_no_note_names_stand_on_an_unknown_list() -> None:
    lists = {(n.method, n.split) for n in read_published() if n.dataset == "sketchy_ext"}
    assert ("siamese", "100/25, list unknown") in lists
    assert ("splip", "100/25, list unknown") in lists
    assert {split for method, split in lists if method == "sake"} == {"sake25", "yelamarthi21"}
    assert {split for method, split in lists if method == "sem_pcyc"} == {"sempcyc25", "yelamarthi21"}


def test_every_rule_says_why() -> None:
    rules = tomllib.loads(MAPPING.read_text(encoding="utf-8"))["rule"]
    assert all(len(rule["because"]) > 15 for rule in rules)


# The script.


def test_a_row_comes_out_in_our_names() -> None:
    assert _made() == {
        "method": "sake",
        "name": "SAKE",
        "year": "2019",
        "venue": "ICCV",
        "backbone": "CSE-ResNet50",
        "width": "64",
        "codes": "binary",
        "dataset": "sketchy_ext",
        "split": "100/25, list unknown",
        "gallery": "unknown",
        "direction": "sketch2photo",
        "setting": "zs",
        "definition": "map@all/unknown",
        "value": "0.364",
        "source": "a table; https://example.org",
        "confidence": "secondhand",
        "flags": "binary; secondhand",
    }
    assert tuple(_made()) == COLUMNS


def test_an_empty_width_is_unknown() -> None:
    assert _made(embedding_dim="")["width"] == "unknown"
    assert "width unknown" in _made(embedding_dim="")["flags"]


def test_rules_change_columns_definitions_and_flags_in_their_order() -> None:
    first = {"of": {"method": "sake"}, "becomes": {"split": "sake25"}, "because": "its lists"}
    second = {
        "of": {"split": ["sake25", "sake30"], "source": "a tab"},
        "definitions": ["p@100", "map@all/voc"],
        "flags": ["tuned on unseen classes"],
        "because": "its code",
    }
    line = _made(first, second)
    assert (line["split"], line["definition"]) == ("sake25", "map@all/voc")
    assert line["flags"] == "tuned on unseen classes; binary; secondhand"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "SEKA"}, r"\[methods\] lacks 'SEKA' \(column method\)"),
        ({"split": "shen26"}, r"\[splits\] lacks 'shen26'"),
        ({"metric": "map_300"}, r"\[definitions\] lacks 'map_300' \(column metric\)"),
        ({"dataset": "sketchi"}, r"\[datasets\] has 'sketchy_ext', which no line holds"),
    ],
)
def test_a_name_without_a_mapping_is_an_error_that_names_it(changes: dict[str, str], message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        _made(**changes)


def test_a_rule_that_fits_no_number_is_an_error_that_names_it() -> None:
    with pytest.raises(BenchmarkError, match=r"no number fits the rule of {'method': \['zscmr'\]}"):
        _made({"of": {"method": "zscmr"}, "flags": ["x"], "because": "a typing error"})


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"of": {"colour": "red"}}, r"rule.0.of.colour.*no column 'colour'"),
        ({"of": {}}, r"rule.0.of: "),
        ({"of": "sake"}, r"rule.0.of: .*got 'sake'"),
        ({"of": {"year": 2020}}, r"rule.0.of.year.*got 2020"),
        ({"becomse": {}}, r"rule.0.becomse"),
        ({"because": ""}, r"rule.0.because"),
        ({"flags": "odd"}, r"rule.0.flags: .*list"),
        ({"definitions": "map@all/voc"}, r"rule.0.definitions: .*list"),
        ({"definitions": ["map@all/nonsense"]}, r"rule.0.definitions.0: .*map@all/nonsense"),
    ],
)
def test_a_rule_of_another_form_is_an_error_that_says_where(wrong: dict[str, object], where: str) -> None:
    with pytest.raises(BenchmarkError, match=f"mapping.toml, {where}.*needs `of` and `because`"):
        _made({"of": {"method": "sake"}, "because": "its code", **wrong})


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"metod": {}}, "metod"),
        ({"codes": {"true": 3}}, "codes.true: .*got 3"),
        ({"rule": {"of": {}}}, "rule: .*list"),
        ({"definitions": {"map_all": "map@al"}}, "definitions.map_all: "),
    ],
)
def test_a_mapping_of_another_form_is_an_error_that_says_where(wrong: dict[str, object], where: str) -> None:
    with pytest.raises(BenchmarkError, match=f"mapping.toml, {where}"):
        published_csv(_literature(LINE), {**TABLES, **wrong})


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[methods\n", "mapping.toml is not valid TOML"), (b"\xff", "mapping.toml is not UTF-8")],
)
def test_a_mapping_that_cannot_be_read_is_an_error_and_nothing_is_written(
    content: bytes,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mapping.toml").write_bytes(content)
    (tmp_path / "own.csv").write_text(_literature(LINE))
    monkeypatch.setattr("benchmark.published.make.MAPPING", tmp_path / "mapping.toml")
    monkeypatch.setattr("benchmark.published.make.RESULT", tmp_path / "literature.csv")
    assert main([str(tmp_path / "own.csv")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "literature.csv").exists()


def test_a_file_with_other_columns_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="has method, value; needed are method, year"):
        published_csv("method,value\nSAKE,0.1\n", TABLES)


def test_the_script_needs_one_file_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "LITERATURE.csv" in capsys.readouterr().err
    assert main(["nowhere.csv"]) == 1
    assert "nowhere.csv" in capsys.readouterr().err


# The reader.


def test_a_committed_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("method,value\nzscmr,0.5\n")
    with pytest.raises(ValueError, match=r"x\.csv: columns must be method, name, year"):
        read_published(tmp_path)


def test_an_ambiguous_definition_is_refused_with_the_way_to_say_that_it_is_unknown(tmp_path: Path) -> None:
    text = RESULT.read_text(encoding="utf-8").replace("map@200/unknown", "map@200")
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"'map@200' is ambiguous.*Or 'map@200/unknown'"):
        read_published(tmp_path)


def test_a_source_is_shown_without_its_address() -> None:
    titles = {number.source_title for number in read_published()}
    assert "PSKD, Table 1" in titles
    assert "Chaudhuri et al. CVPRW 2020 slides, slide 8" in titles
    assert "MDVAE (anonymous SIGIR22), Table 2" in titles
    assert not any("http" in title or "find_string" in title for title in titles)
