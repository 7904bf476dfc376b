"""`new-method` writes a plugin that runs and a test that passes, and touches nothing that is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.commands.new_method import new_method, next_commands, write_method
from benchmark.contract import CHECKS
from benchmark.errors import BenchmarkError
from benchmark.registry import METHODS, load_plugin

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("open_registries")


def test_two_files_are_written_beside_each_other(tmp_path):
    plugin, test = write_method("my_method", tmp_path)
    assert (plugin, test) == (tmp_path / "my_method.py", tmp_path / "test_my_method.py")
    assert sorted(tmp_path.iterdir()) == [plugin, test]


def test_no_placeholder_is_left(tmp_path):
    for path in write_method("my_method", tmp_path):
        assert "$" not in path.read_text()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_plugin_keeps_the_contract(tmp_path, check):
    plugin, _ = write_method("my_method", tmp_path)
    load_plugin(plugin)
    check(METHODS.get("my_method"))


def test_the_card_claims_nothing_that_is_not_known(tmp_path):
    plugin, _ = write_method("my_method", tmp_path)
    load_plugin(plugin)
    card = METHODS.get("my_method").card
    assert (card.id, card.title, card.fidelity) == ("my_method", "My method", "baseline")
    assert {card.paper, card.original_code, card.code_licence} == {"unknown"}


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")])
def test_the_plugin_is_clean_for_the_linter(tmp_path, arguments):
    plugin, _ = write_method("my_method", tmp_path)
    command = [
        sys.executable,
        "-m",
        "ruff",
        *arguments,
        "--config",
        str(ROOT / "pyproject.toml"),
        str(plugin),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow  # 6 s: tests in a process of their own, two methods fitted there
def test_the_generated_test_passes_in_the_root_and_fails_for_a_broken_plugin(tmp_path):
    tests = []
    for name in ("good", "broken"):
        plugin, test = write_method(f"{name}_method", tmp_path)
        tests.append(str(test))
    plugin.write_text(plugin.read_text().replace("(batch - self.photo_mean)", "(batch - batch.mean(dim=0))"))
    command = [sys.executable, "-m", "pytest", *tests, "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    n_failed, n_passed = (int(n) for n in re.findall(r"(\d+) (?:failed|passed)", done.stdout))
    assert (n_failed > 0, n_failed + n_passed) == (True, 2 * len(CHECKS))
    assert "good_method" not in done.stdout.partition("short test summary")[2]
    assert "may not depend on the others in its batch" in done.stdout


BAD_NAMES = ["MyMethod", "my-method", "3d", "_x", "a__b", "x_", "a b", "../x", "", "none"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_cannot_be_an_id_is_refused(tmp_path, name):
    with pytest.raises(BenchmarkError, match="cannot be a method's id. Give lower snake case"):
        write_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_taken_id_is_refused_with_its_place(tmp_path):
    message = r"a method 'frozen' exists \(.*frozen\.py:\d+\).* Taken: caae, cca, "
    with pytest.raises(BenchmarkError, match=message):
        write_method("frozen", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["torch", "random", "datasets"])
def test_a_name_that_would_hide_a_module_is_refused(tmp_path, name):
    with pytest.raises(BenchmarkError, match=rf"'{name}' is the name of a Python module"):
        write_method(name, tmp_path)


@pytest.mark.parametrize("existing", ["my_method.py", "test_my_method.py"])
def test_nothing_is_overwritten(tmp_path, existing):
    (tmp_path / existing).write_text("mine")
    with pytest.raises(BenchmarkError, match=rf"{existing} exists and is not overwritten"):
        write_method("my_method", tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BenchmarkError, match="nowhere does not exist. Make it first"):
        write_method("my_method", tmp_path / "nowhere")


def test_the_next_two_commands_are_printed(tmp_path, capsys):
    new_method("my_method", tmp_path)
    wrote, run, test = capsys.readouterr().out.splitlines()
    assert wrote.startswith(f"Wrote {tmp_path / 'my_method.py'} and {tmp_path / 'test_my_method.py'}.")
    plugin = tmp_path / "my_method.py"
    assert run.strip() == (
        f"python run_benchmark.py run --plugin {plugin} --methods centred,my_method --splits fold0"
    )
    assert test.strip() == f"python -m pytest {tmp_path / 'test_my_method.py'}"


def test_where_pytest_is_lacking_it_says_how_to_have_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("benchmark.commands.new_method._refuse_taken", lambda name: None)
    new_method("my_method", tmp_path)
    assert "pytest is not installed here yet: `make test`" in capsys.readouterr().out


def test_from_elsewhere_the_commands_name_whole_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, test = next_commands("m", Path("m.py"), Path("test_m.py"))
    assert f"--plugin {tmp_path / 'm.py'} " in run
    assert test.endswith(str(tmp_path / "test_m.py"))


def test_in_the_root_the_commands_name_the_files_as_they_were_given(monkeypatch):
    monkeypatch.chdir(ROOT)
    run, test = next_commands("m", Path("m.py"), Path("test_m.py"))
    assert "--plugin m.py " in run
    assert test == "python -m pytest test_m.py"


def test_a_plugin_in_the_working_folder_is_no_module_to_hide(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(here))
    write_method("an_own_method", here)
    (here / "a_helper.py").write_text("VALUE = 1\n")
    assert write_method("an_own_method", there)[0] == there / "an_own_method.py"
    with pytest.raises(BenchmarkError, match="'a_helper' is the name of a Python module"):
        write_method("a_helper", there)
