"""`check-data`: each thing that would make a run wrong is named and gives 1; what would not gives 0."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark import cli
from benchmark.errors import BenchmarkError
from benchmark.registry import DATASETS
from datasets.base import DatasetCard, DatasetIndex, Items, SketchPhotoDataset
from datasets.splits import ZeroShotSplit
from datasets.survey import ClassCount, Finding, Survey

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]
CLASSES = ("circle", "cross", "square", "star", "wave")
N_PICTURES = 30
TABBY, AIRPLANE = "n02123045", "n02691156"  # a class of ILSVRC-1k, and a synset above some


class Shapes(SketchPhotoDataset):
    """The pictures of `picture_root` with a survey of its own that opens none of them."""

    card = DatasetCard("shapes", "Shapes", "", "", "", "", "", protocols=("both", "photos"))
    findings: tuple[Finding, ...] = ()
    published: int | None = 3
    unseen = ("circle", "wave")
    refused: tuple[str, ...] = ()

    def index(self, progress=None):
        return self.survey(progress).require_index()

    def survey(self, progress=None):
        items, counts = [], []
        for part in ("sketch", "photo"):
            files = sorted((self.root / part).rglob("*.*"))
            labels = [CLASSES.index(path.parent.name) for path in files]
            names = [path.relative_to(self.root).as_posix() for path in files]
            items.append(Items(files, names, np.array(labels, np.int64)))
            counts += [ClassCount(c, part, labels.count(i), self.published) for i, c in enumerate(CLASSES)]
        return Survey("in plain folders", DatasetIndex(CLASSES, *items), tuple(counts), self.findings)

    def split_ids(self):
        return ("one", "two")

    def split(self, split_id):
        unseen = {"one": self.unseen, "two": ("cross",)}[split_id]
        return ZeroShotSplit(self.id, split_id, unseen, ("star",), "")

    def roles(self, index, protocol):
        if protocol in self.refused:
            raise BenchmarkError(f"{protocol} cannot be run here")
        return super().roles(index, protocol)


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch, open_registries: None) -> type[Shapes]:
    """A data set class that a test may change."""
    changed = type("Changed", (Shapes,), {})
    DATASETS.add("shapes", changed)
    return changed


@pytest.fixture
def root(picture_root: Path, tmp_path: Path) -> Path:
    """The pictures, to be damaged."""
    return Path(shutil.copytree(picture_root, tmp_path / "shapes"))


@pytest.fixture
def check(root: Path, tmp_path: Path, shapes: type[Shapes], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call `check-data` in process and return its exit code."""

    def call(*flags: str, dataset: str = "shapes") -> int:
        places = ["--data-root", str(root), "--cache-dir", str(tmp_path / "cache")]
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", "check-data", dataset, *places, *flags])
        return cli.main()

    return call


def lines_of(capsys: Captured) -> list[str]:
    return capsys.readouterr().out.splitlines()


def copy(root: Path, source: str, target: str) -> None:
    shutil.copy(root / source, root / target)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_inside(path: Path) -> None:
    content = bytearray(path.read_bytes())
    start = content.index(b"IDAT") + 8
    content[start : start + 8] = bytes(8)
    path.write_bytes(content)


@pytest.mark.parametrize(("dataset", "split"), [("shapes", "one"), ("folder", "split")])
def test_good_data_give_0_and_the_command_to_go_on_with(
    dataset: str, split: str, check: Call, root: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert check(dataset=dataset) == 0
    places = f"--data-root {root} --cache-dir {tmp_path / 'cache'}"
    command = f"run_benchmark.py run --dataset {dataset} {places} --splits {split}"
    assert lines_of(capsys)[-1] == f"Ready: `{command}`"


def test_the_report_goes_from_how_it_was_recognised_to_the_splits(check: Call, capsys: Captured) -> None:
    check()
    lines = lines_of(capsys)
    assert lines[0] == "shapes: in plain folders"
    titles = ["Findings: none", "Pictures", "Corrupt files: none"]
    titles += ["Pictures in seen and unseen classes, split one, two: none", "Splits"]
    assert [line for line in lines if line in titles] == titles
    assert "one\tboth\t2\t6\t6\tunknown\t-" in lines


def test_findings_come_errors_first_one_line_each(
    check: Call, shapes: type[Shapes], capsys: Captured
) -> None:
    shapes.findings = (
        Finding("note", "odd name", "photo/circle", "a note"),
        Finding("error", "no folder", "photo/owl", "an error. " * 30),
        Finding("warning", "extra", "photo", "a warning"),
    )
    assert check() == 1
    lines = lines_of(capsys)
    start = lines.index("level\tkind\twhere\twhat")
    assert [line.split("\t")[0] for line in lines[start + 1 : start + 4]] == ["error", "warning", "note"]
    assert lines[start + 1] == f"error\tno folder\tphoto/owl\t{'an error. ' * 30}"
    assert lines[-1].startswith("1 error: a run on this data would be wrong. Mend what the findings say.")


def test_warnings_and_notes_do_not_fail(check: Call, shapes: type[Shapes], capsys: Captured) -> None:
    shapes.findings = (Finding("warning", "extra", "photo", ""), Finding("note", "odd", "photo", ""))
    assert check() == 0
    assert lines_of(capsys)[-1].startswith("Ready, with 1 warning: `")


def test_fewer_pictures_than_published_are_an_error_and_only_that_class_is_shown(
    check: Call, root: Path, capsys: Captured
) -> None:
    (root / "photo/cross/cross-1.png").unlink()
    assert check() == 1
    lines = lines_of(capsys)
    start = lines.index("part\tclass\tfound\tpublished\tdifference")
    assert lines[start + 1 : start + 5] == [
        "sketch\tall 5 classes\t15\t15\t0",
        "photo\tcross\t2\t3\t-1",
        "photo\tall 5 classes\t14\t15\t-1",
        "sketch: 5 classes are as published; photo: 4 other classes are as published",
    ]
    assert lines[-1].startswith("1 class with fewer pictures than published: a run")


def test_ten_classes_that_differ_are_listed_and_the_others_counted(
    check: Call, shapes: type[Shapes], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes.published = 4
    monkeypatch.setattr("benchmark.commands.check_data.N_SHOWN", 2)
    assert check() == 1
    lines = lines_of(capsys)
    listed = [line.split("\t")[1:] for line in lines if line.startswith("photo\t")]
    assert listed[:2] == [["circle", "3", "4", "-1"], ["cross", "3", "4", "-1"]]
    assert listed[2] == ["3 more that differ (--json lists them)", "9", "12", "-3"]
    assert listed[3] == ["all 5 classes", "15", "20", "-5"]
    # A class that lacks sketches and photos is one class.
    assert lines[-1].startswith("5 classes with fewer pictures than published: ")


@pytest.mark.parametrize("published", [2, None])
def test_more_pictures_than_published_or_no_published_number_are_no_error(
    published: int | None, check: Call, shapes: type[Shapes]
) -> None:
    shapes.published = published
    assert check() == 0


def test_an_empty_class_is_an_error_of_every_protocol(check: Call, root: Path, capsys: Captured) -> None:
    shutil.rmtree(root / "photo" / "wave")
    assert check() == 1
    printed = capsys.readouterr().out
    assert "photo\twave\t0\t3\t-3" in printed
    assert printed.count("\twave") == 1
    assert "error\tprotocol\tphotos\tno usable picture is left for the test in wave" in printed


@pytest.mark.parametrize("dataset", ["shapes", "folder"])
def test_all_corrupt_files_are_listed_not_the_first_alone(
    dataset: str, check: Call, root: Path, capsys: Captured
) -> None:
    names = ["sketch/cross/cross-0.png", "photo/star/star-2.png", "photo/wave/wave-1.png"]
    for name in names:
        cut_short(root / name)
    assert check(dataset=dataset) == 1
    lines = lines_of(capsys)
    assert "Corrupt files: 3" in lines
    start = lines.index("file\twhy") + 1
    assert [line.split("\t")[0] for line in lines[start : start + 3]] == names
    assert all(len(line.split("\t")[1]) > 5 for line in lines[start : start + 3])
    assert lines[-1].startswith("3 corrupt files: a run")


def test_damage_inside_a_file_is_found_by_decoding_only(check: Call, root: Path, capsys: Captured) -> None:
    damage_inside(root / "photo/star/star-2.png")
    assert check() == 0
    assert "beginning and end of 30 files were looked at; --deep decodes every picture" in lines_of(capsys)
    assert check("--deep") == 1
    lines = lines_of(capsys)
    assert "all 30 pictures were decoded" in lines
    assert [line.split("\t")[0] for line in lines if line.startswith("photo/")] == ["photo/star/star-2.png"]


def test_an_odd_ending_that_decodes_is_a_warning(check: Call, root: Path, capsys: Captured) -> None:
    path = root / "photo/star/star-2.bmp"
    Image.open(path.with_suffix(".png")).save(path)
    path.with_suffix(".png").unlink()
    content = bytearray(path.read_bytes())
    content[2:6] = (len(content) + 1000).to_bytes(4, "little")
    path.write_bytes(content)
    assert check() == 0
    assert "warning\todd ending\t1 file\t" in capsys.readouterr().out


def test_another_format_than_the_suffix_says_is_a_note(check: Call, root: Path, capsys: Captured) -> None:
    (root / "photo/star/star-2.png").rename(root / "photo/star/star-2.jpg")
    assert check() == 0
    (note,) = [line for line in lines_of(capsys) if line.startswith("note\t")]
    assert note.split("\t")[1:3] == ["suffix", "1 file"]
    assert "photo/star/star-2.jpg" in note


def test_one_content_in_a_seen_and_an_unseen_class_is_a_leak_of_these_splits_alone(
    check: Call, root: Path, capsys: Captured
) -> None:
    copy(root, "photo/circle/circle-0.png", "photo/star/star-1.png")
    copy(root, "photo/circle/circle-0.png", "sketch/square/square-2.png")
    assert check() == 1
    lines = lines_of(capsys)
    assert "Pictures in seen and unseen classes, split one: 1" in lines
    assert "photo/circle/circle-0.png\tsketch/square/square-2.png and 1 more" in lines
    assert "Pictures in seen and unseen classes, split two: none" in lines
    assert lines[-1].startswith("1 picture in seen and unseen classes: a run")
    assert check("--json") == 1
    assert json.loads(capsys.readouterr().out)["shared"] == [
        {
            "split": "one",
            "unseen": ["photo/circle/circle-0.png"],
            "seen": ["sketch/square/square-2.png", "photo/star/star-1.png"],
        }
    ]


def test_a_leak_of_several_splits_is_one_picture_to_take_away(
    check: Call, root: Path, capsys: Captured
) -> None:
    copy(root, "photo/circle/circle-0.png", "photo/cross/cross-1.png")
    assert check() == 1
    lines = lines_of(capsys)
    assert "photo/circle/circle-0.png\tphoto/cross/cross-1.png" in lines
    assert "photo/cross/cross-1.png\tphoto/circle/circle-0.png" in lines
    assert lines[-1].startswith("1 picture in seen and unseen classes: a run")


def test_ten_leaks_are_listed_and_the_others_counted(
    check: Call, root: Path, shapes: type[Shapes], capsys: Captured
) -> None:
    for i in range(12):
        Image.new("RGB", (20, 20 + i)).save(root / f"photo/circle/extra-{i}.png")
        copy(root, f"photo/circle/extra-{i}.png", f"photo/star/extra-{i}.png")
    assert check() == 1
    lines = lines_of(capsys)
    assert "Pictures in seen and unseen classes, split one: 12" in lines
    assert sum(line.startswith("photo/circle/extra-") for line in lines) == 10
    assert "2 more: --json lists them" in lines
    assert check("--json") == 1
    assert len(json.loads(capsys.readouterr().out)["shared"]) == 12


def test_corrupt_files_of_equal_content_are_no_leak(check: Call, root: Path, capsys: Captured) -> None:
    for name in ("photo/circle/circle-0.png", "photo/star/star-1.png"):
        (root / name).write_bytes(b"")
    assert check() == 1
    assert lines_of(capsys)[-1].startswith("2 corrupt files: a run")


def test_copies_within_a_class_are_a_note_with_their_number(
    check: Call, root: Path, capsys: Captured
) -> None:
    for i in (1, 2):
        copy(root, "photo/circle/circle-0.png", f"photo/circle/circle-{i}.png")
    assert check() == 0
    (note,) = [line.split("\t") for line in lines_of(capsys) if line.startswith("note\t")]
    assert note[1:3] == ["repeated picture", "3 files"]
    assert note[3].startswith("show 1 picture, within one class each: 2 are copies")


def test_a_picture_of_two_classes_on_one_side_of_all_splits_is_a_warning(
    check: Call, root: Path, capsys: Captured
) -> None:
    copy(root, "photo/square/square-0.png", "photo/star/star-0.png")
    assert check() == 0
    (warning,) = [line for line in lines_of(capsys) if line.startswith("warning\t")]
    assert "photo/square/square-0.png and photo/star/star-0.png" in warning


def test_gallery_photos_named_by_an_ilsvrc_synset_are_counted(
    check: Call, root: Path, capsys: Captured
) -> None:
    for i, name in enumerate([f"{TABBY}_5", f"{AIRPLANE}_7", f"my_{TABBY}_5"]):
        (root / f"photo/wave/wave-{i}.png").rename(root / f"photo/wave/{name}.png")
    (root / "photo/star/star-0.png").rename(root / f"photo/star/{TABBY}_1.png")
    (root / "photo/cross/cross-0.png").rename(root / f"photo/cross/{AIRPLANE}_1.png")
    assert check() == 0
    lines = lines_of(capsys)
    assert "one\tboth\t2\t6\t6\t1\t1" in lines
    assert "two\tboth\t1\t3\t3\t0\t0" in lines


def test_a_split_with_a_class_that_is_not_there_is_an_error(
    check: Call, shapes: type[Shapes], capsys: Captured
) -> None:
    shapes.unseen = ("circle", "waves")
    assert check() == 1
    (error,) = [line.split("\t") for line in lines_of(capsys) if line.startswith("error\t")]
    assert error[1:3] == ["split", "one"]
    assert "'waves' (found 'wave')" in error[3]


def test_a_protocol_that_cannot_be_run_is_a_warning_while_another_can(
    check: Call, shapes: type[Shapes], capsys: Captured
) -> None:
    shapes.refused = ("both",)
    assert check() == 0
    lines = lines_of(capsys)
    assert "warning\tprotocol\tboth\tboth cannot be run here" in lines
    assert "one\tphotos\t2\t6\t6\tunknown\t-" in lines
    assert lines[-1].endswith("--protocol photos --splits one`")
    shapes.refused = ("both", "photos")
    assert check() == 1


def test_json_holds_every_class_and_every_protocol(check: Call, capsys: Captured) -> None:
    assert check("--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["is_ready"] is True
    assert (content["dataset"], content["found"]) == ("shapes", "in plain folders")
    assert len(content["counts"]) == 10
    assert content["counts"][0] == {
        "class_name": "circle",
        "part": "sketch",
        "n_found": 3,
        "n_published": 3,
    }
    assert [(facts["split"], facts["protocol"]) for facts in content["splits"]] == [
        ("one", "both"),
        ("two", "both"),
        ("one", "photos"),
        ("two", "photos"),
    ]
    assert content["findings"] == content["corrupt"] == content["shared"] == []


def test_a_root_that_is_not_there_is_an_error_with_what_is_expected(
    check: Call, root: Path, capsys: Captured
) -> None:
    shutil.rmtree(root)
    assert check(dataset="folder") == 1
    printed = capsys.readouterr()
    assert f"{root} does not exist. Expected layout: <root>/sketch/<class>/*" in printed.out
    assert "Corrupt files: not looked for" in printed.out
    assert "Traceback" not in printed.err


def test_on_a_terminal_nothing_is_cut(
    check: Call, shapes: type[Shapes], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    shapes.findings = (Finding("note", "long", "[photo]", "x" * 200),)
    assert check() == 0
    printed = capsys.readouterr().out
    assert printed.count("x") - printed.count("text") >= 200
    assert "…" not in printed
    assert "[photo]" in printed


def test_a_second_call_reads_no_content_again(check: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check() == 0
    monkeypatch.setattr("datasets.ledger.file_sha256", lambda path: pytest.fail(f"{path} was read"))
    assert check() == 0


def test_an_interrupted_deep_check_decodes_only_the_rest_when_called_again(
    check: Call, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("datasets.ledger.FILES_AT_ONCE", 4)
    monkeypatch.setattr("datasets.ledger.os.cpu_count", lambda: 1)
    decoded: list[Path] = []

    def decode(path: Path) -> str:
        if len(decoded) == 10:
            raise KeyboardInterrupt
        decoded.append(path)
        return ""

    monkeypatch.setattr("datasets.ledger.decode_fault", decode)
    assert check("--deep") == 130
    assert "the same command goes on" in capsys.readouterr().err
    again: list[Path] = []
    monkeypatch.setattr("datasets.ledger.decode_fault", lambda path: again.append(path) or "")
    assert check("--deep") == 0
    # Of the ten, eight were in the two parts that were complete.
    assert len(again) == N_PICTURES - 8
    assert not set(again) & set(decoded[:8])
