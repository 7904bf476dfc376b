"""The command line from outside: exit codes, where output goes, and what a person reads after a mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import cli
from benchmark.commands import run as run_command

ROOT = Path(__file__).parents[2]

Call = Callable[..., int]
Grid = tuple[object, ...]
WritePlugin = Callable[..., Path]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, open_registries: None) -> Call:
    """Call the command line in process and return its exit code."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *map(str, arguments)])
        return cli.main()

    return run


@pytest.fixture
def grid(picture_root: Path, tmp_path: Path) -> Grid:
    """Flags that run on the small data set and write below tmp_path."""
    places = ("--cache-dir", tmp_path / "cache", "--results-dir", tmp_path / "results")
    return ("run", "--dataset", "folder", "--data-root", picture_root, *places)


@pytest.fixture
def finished(call: Call, grid: Grid, write_plugin: WritePlugin, tmp_path: Path, capsys: Captured) -> Path:
    """Run one method on the small data set and return the results folder; what was printed is taken away."""
    call(*grid, "--plugin", write_plugin("mean_colour"), "--methods", "mean_colour")
    capsys.readouterr()
    return tmp_path / "results"


def test_lists_that_need_no_torch_do_not_import_it() -> None:
    code = """
import sys
from benchmark.cli import main
for kind in ("datasets", "splits", "metrics", "suites", "settings", "preprocessing"):
    sys.argv = ["x", "list", kind]
    assert main() == 0, kind
    assert not {"torch", "matplotlib"} & set(sys.modules), kind
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


WRONG_CALLS = {
    "run --methods centrd": "no method named 'centrd'. Close names: centred",
    "run --methods centred_zscmr": "no method named 'centred_zscmr'",
    "run --method centred": "--methods",
    "tabel": "Did you mean",
    "run --suite defualt": "no suite 'defualt'. Close names: default",
    "run --splits fold9": "no split 'fold9'",
    "run --seeds 0-2": "--seeds 0-2: give whole numbers",
    "run --setting gzs": "no setting 'gzs'",
    "run --bits 32": "--bits 32: only ITQ",
    "run --finetune all": "--finetune all: known are",
    "run --preprocessing squash": "no preprocessing 'squash'",
    "run --backbone resnet51": "no backbone named 'resnet51'. Close names: resnet50",
    "run --device gpu": "--device gpu: torch has no such device",
    "run --device cuda:a": "--device cuda:a: torch has no such device",
    "run --dataset sketchyy": "no data set named 'sketchyy'",
    "run --dataset sketchy": "data set 'sketchy' needs --data-root",
    "run --plugin gone.py": "gone.py: no such file",
    "run --config gone.toml": "no configuration 'gone.toml'",
    "run --methods ridge --config unknown.toml": "method 'ridge' has no parameter 'rigde'",
    "run --methods ridge --config text.toml": "distance = 3 is a int",
    "run --methods ridge --config broken.toml": "not valid TOML",
    "run --suite field.toml": "field 'widht'",
    "run --suite number.toml": "field 'width'",
    "run --results-dir broken.toml": "cannot be written",
    "tune centrd": "no method named 'centrd'",
    "tune ridge --splits fold9": "no split 'fold9'",
    "features --datasets emoji5": "no data set named 'emoji5'",
    "check-data emoji5": "no data set named 'emoji5'",
    "evaluate --queries q.npz --gallery g.npz --device gpu": "--device gpu: torch has no such device",
    "new-method frozen": "a method 'frozen' exists",
    "new-method My-method": "'My-method' cannot be a method's id",
    "new-method random": "'random' is the name of a Python module",
}


def test_a_wrong_call_is_answered_before_torch_is_loaded(tmp_path: Path) -> None:
    files = {
        "unknown.toml": "[config]\nrigde = 3.0\n",
        "text.toml": "[config]\ndistance = 3\n",
        "broken.toml": "[config\n",
        "field.toml": 'title = "t"\nmethods = ["centred"]\nwidht = 3\n',
        "number.toml": 'title = "t"\nmethods = ["centred"]\nwidth = "a"\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    code = f"""
import contextlib, io, json, sys
sys.path.insert(0, {str(ROOT)!r})
from benchmark.cli import main
for call in {list(WRONG_CALLS)!r}:
    sys.argv = ["run_benchmark.py", *call.split()]
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main()
    print(json.dumps([call, code, "torch" in sys.modules, " ".join(said.getvalue().split())]))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [call for call, *_ in answers] == list(WRONG_CALLS)
    for call, code_of_exit, has_torch, said in answers:
        assert (code_of_exit, has_torch) == (1, False), call
        assert WRONG_CALLS[call] in said, call


def test_list_methods_as_json_has_id_status_reason_and_card(call: Call, capsys: Captured) -> None:
    assert call("list", "methods", "--json") == 0
    entries = {entry["id"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert {"frozen", "centred", "cca", "ridge", "sae", "siamese", "triplet", "zscmr"} <= set(entries)
    assert set(entries["zscmr"]) == {"id", "status", "reason", "card"}
    assert entries["zscmr"]["status"] == "runnable"
    assert entries["zscmr"]["card"]["deviations"]


@pytest.mark.parametrize(
    "kind", ["datasets", "splits", "metrics", "suites", "backbones", "settings", "preprocessing"]
)
def test_every_list_is_json_for_machines(kind: str, call: Call, capsys: Captured) -> None:
    assert call("list", kind, "--json") == 0
    assert json.loads(capsys.readouterr().out)


def test_list_datasets_prints_the_attributions(call: Call, capsys: Captured) -> None:
    assert call("list", "datasets") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("OpenMoji", "CC BY-SA 4.0", "Twemoji", "CC BY 4.0", "Noto Emoji"))


def test_a_list_off_a_terminal_is_one_line_an_entry(call: Call, capsys: Captured) -> None:
    call("list", "splits")
    lines = capsys.readouterr().out.splitlines()
    folds = [line for line in lines if line.startswith("emoji54\tfold")]
    assert len(folds) == 4
    assert "wild animal" in folds[0]


def test_a_run_prints_its_table_on_stdout_and_the_paths_last(
    call: Call,
    grid: Grid,
    write_plugin: WritePlugin,
    capsys: Captured,
) -> None:
    assert call(*grid, "--plugin", write_plugin("mean_colour"), "--methods", "mean_colour") == 0
    printed = capsys.readouterr()
    assert "mean_colour" in printed.out
    assert "chance" in printed.out
    assert printed.out.splitlines()[-1].endswith("-retrieval.svg")
    assert "map@all" in printed.err


def test_a_failed_run_gives_exit_code_2_and_its_reason(
    call: Call,
    grid: Grid,
    write_plugin: WritePlugin,
    capsys: Captured,
) -> None:
    plugins = ("--plugin", write_plugin("broken", "1 / 0"), "--plugin", write_plugin("mean_colour"))
    assert call(*grid, *plugins, "--methods", "broken,mean_colour") == 2
    printed = capsys.readouterr()
    assert "ZeroDivisionError" in printed.err
    assert "mean_colour" in printed.out


def test_tables_are_made_from_finished_runs_in_every_format(
    call: Call,
    finished: Path,
    capsys: Captured,
) -> None:
    marks = {
        "markdown": "| mean_colour |",
        "latex": r"mean\_colour",
        "csv": "mean_colour,",
        "json": '"mean_colour"',
    }
    for fmt, mark in marks.items():
        flags = ("--dataset", "folder", "--format", fmt)
        assert call("table", "--results-dir", finished, *flags) == 0
        assert mark in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--methods", "mean_color", "no stored run has it. There are mean_colour"),
        ("--splits", "fold0", "There are split"),
        ("--codes", "itq", "no stored run has it. There are real"),
        ("--reference", "centered", "no such row. There are mean_colour"),
    ],
)
def test_a_table_of_what_is_not_there_is_refused(
    flag: str,
    value: str,
    message: str,
    call: Call,
    finished: Path,
    capsys: Captured,
) -> None:
    arguments = ("--dataset", "folder", flag, value, "--results-dir", finished)
    assert call("table", *arguments) == 1
    assert message in capsys.readouterr().err


def test_plots_are_made_from_finished_runs(
    call: Call,
    finished: Path,
    picture_root: Path,
    capsys: Captured,
) -> None:
    places = ("--results-dir", finished, "--cache-dir", finished.parent / "cache")
    for picture in ("pr", "bars", "retrieval"):
        assert call("plot", picture, "--dataset", "folder", "--data-root", picture_root, *places) == 0
        paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
        assert [path.suffix for path in paths] == [".png", ".svg"]
        assert all(path.stat().st_size > 1000 for path in paths)


def test_show_prints_the_record_of_a_run(
    call: Call,
    finished: Path,
    capsys: Captured,
) -> None:
    assert call("show", "seed0", "--results-dir", finished) == 0
    assert "method: mean_colour" in capsys.readouterr().out


def test_limited_runs_stay_out_of_the_table_and_it_says_so(
    call: Call,
    grid: Grid,
    write_plugin: WritePlugin,
    capsys: Captured,
) -> None:
    assert call(*grid, "--plugin", write_plugin("m"), "--methods", "m", "--limit", 2) == 0
    printed = capsys.readouterr()
    assert "no run is complete; 1 partial (--limit)" in printed.err
    assert "map@all  " not in printed.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--metods", "frozen"), "No such option"),
        (("run", "--methods", "frozzen"), "Close names: frozen"),
        (("run", "--dataset", "sketcy"), "no data set named 'sketcy'"),
        (("run", "--dataset", "folder"), "needs --data-root"),
        (("run", "--splits", "fold9"), "Known: fold0, fold1, fold2, fold3"),
        (("run", "--protocol", "any"), "Known: cross-artist, same-artist"),
        (("run", "--suite", "defualt"), "no suite 'defualt'"),
        (("run", "--seeds", "0,x"), "whole numbers from 0"),
        (("run", "--device", "tpu"), "torch has no such device here"),
        (("run", "--config", "nowhere.toml"), "no configuration 'nowhere.toml'"),
        (("run", "--plugin", "nowhere.py"), "no such file"),
        (("run", "--methods", "frozen", "--backbone", "vgg"), "no backbone named 'vgg'"),
        (("list", "everything"), "everything"),
        (("show", "seed9-none"), "'seed9-none'"),
        (("table", "--dataset", "none"), "no stored run fits"),
        (("run", "--data-root", "somewhere"), "takes no --data-root"),
        (("run", "--suite", "nowhere.toml"), "no suite file nowhere.toml"),
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_1(
    arguments: tuple[str, ...],
    message: str,
    call: Call,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # A mistake must be found before any picture is drawn.
    monkeypatch.setattr("datasets.emoji54.Emoji54.index", lambda *_: pytest.fail("pictures were read"))
    assert call(*arguments) == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_ctrl_c_says_that_the_same_command_goes_on(
    call: Call, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_command.options, "set_up", interrupted)
    assert call("run") == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_a_defect_of_the_program_gives_3_and_a_trace(
    call: Call, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(run_command.options, "set_up", broken)
    assert call("run") == 3
    assert "Traceback" in capsys.readouterr().err


def test_the_version_is_that_of_the_project(call: Call, capsys: Captured) -> None:
    assert call("--version") == 0
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{capsys.readouterr().out.strip()}"' in text


def test_without_a_verb_the_default_suite_is_run(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def stop(name: str) -> None:
        asked.append(name)
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmark.suite.load_suite", stop)
    assert call() == 130
    assert asked == ["default"]
