"""Finding a few drawings in a large file, and one fault for each thing that can be wrong."""

import gzip
import json

import pytest

from datasets.doodle101 import quickdraw
from datasets.doodle101.quickdraw import drawings_file, read_drawings

STROKES = [[(0, 10), (255, 20)], [(3, 4)]]
ID, OTHER = "4516109313114112", "4764019103629312"


def line(word="crab", key_id=ID, drawing=(((0, 255), (10, 20)), ((3,), (4,)))):
    return json.dumps({"word": word, "recognized": True, "key_id": key_id, "drawing": drawing})


def written(tmp_path, *lines):
    path = tmp_path / "crab.ndjson"
    path.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
    return path


def test_a_drawing_is_found_by_its_id(tmp_path):
    path = written(tmp_path, line(key_id=OTHER, drawing=(((1,), (1,)),)), line())
    found = read_drawings(path, "crab", [ID])
    assert found.strokes == {ID: STROKES}
    assert found.faults == []


@pytest.mark.parametrize("change", [(": ", ":"), (f'"{ID}"', ID)])
def test_blanks_and_ids_without_quotes_do_not_matter(tmp_path, change):
    assert read_drawings(written(tmp_path, line().replace(*change)), "crab", [ID]).strokes == {ID: STROKES}


def test_only_lines_with_a_wanted_id_are_parsed(tmp_path, monkeypatch):
    parsed = []
    loads = json.loads
    monkeypatch.setattr(quickdraw.json, "loads", lambda text: parsed.append(text) or loads(text))
    path = written(tmp_path, line(key_id=OTHER), "{broken", "", line())
    assert read_drawings(path, "crab", [ID]).strokes == {ID: STROKES}
    assert len(parsed) == 1


def test_an_id_inside_another_number_is_not_taken_for_it(tmp_path):
    found = read_drawings(written(tmp_path, line(key_id=f"{ID}7"), line(word=ID, key_id=OTHER)), "crab", [ID])
    assert found.strokes == {}


def test_what_follows_the_last_wanted_drawing_is_not_read(tmp_path):
    path = tmp_path / "crab.ndjson.gz"
    path.write_bytes(gzip.compress(f"{line()}\n".encode() * 3)[:-8])  # its end is cut off
    assert read_drawings(path, "crab", [ID]).faults == []


def test_ids_that_are_not_there_are_named_with_the_length_of_the_file(tmp_path):
    found = read_drawings(written(tmp_path, line(), line(key_id="1")), "crab", [ID, OTHER])
    assert found.strokes.keys() == {ID}
    (fault,) = found.faults
    assert fault.endswith(f"crab.ndjson has 2 lines and not these 1 of 2 drawings: {OTHER}")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (line()[:-20], "Expecting|delimiter"),
        (line(word="lobster"), "the word is 'lobster', not 'crab'"),
        (line(drawing=(((0, 1), (2, 3), (0, 40)),)), "take the simplified drawings, not the raw"),
        (line(drawing=(((0, 800), (2, 3)),)), "outside 0..255: take the simplified"),
        (line(drawing=(((0, 1), (2,)),)), "shorter|longer"),
        (line(drawing=(((0, None), (2, 3)),)), "NoneType"),
        (line(drawing=()), "the drawing is empty"),
        (line(drawing=None), "it has no `drawing`"),
    ],
)
def test_a_line_that_is_not_a_simplified_drawing_is_a_fault_with_its_number(tmp_path, text, fault):
    found = read_drawings(written(tmp_path, line(key_id=OTHER), text), "crab", [ID])
    assert found.strokes == {}
    (said,) = found.faults
    assert f"crab.ndjson, line 2 (key_id {ID}): " in said
    assert any(part in said for part in fault.split("|"))


def test_a_packed_file_that_is_cut_short_is_a_fault_that_says_where(tmp_path):
    path = tmp_path / "crab.ndjson.gz"
    whole = gzip.compress("".join(f"{line(key_id=str(i))}\n" for i in range(2000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    faults = read_drawings(path, "crab", [ID]).faults
    assert len(faults) == 2
    assert "cannot be read on after line" in faults[0]


@pytest.mark.parametrize(
    "name", ["cell phone.ndjson", "cell phone.ndjson.gz", "full_simplified_cell phone.ndjson"]
)
def test_a_file_is_found_under_the_names_that_downloads_have(tmp_path, name):
    assert drawings_file(tmp_path, "cell phone") is None
    (tmp_path / name).touch()
    assert drawings_file(tmp_path, "cell phone") == tmp_path / name
