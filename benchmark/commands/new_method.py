"""`new-method`: write a method plugin that runs, and a test for it."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from benchmark.errors import BenchmarkError

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "benchmark" / "templates"


def new_method(
    name: Annotated[str, typer.Argument(help="Id of the method, lower snake case, such as my_method.")],
    folder: Annotated[Path, typer.Option(help="Where the two files are written.")] = Path(),
) -> None:
    """Write NAME.py, a small method that runs as it is, and test_NAME.py, which checks it.

    Nothing else is touched: `--plugin NAME.py` hands the method to any verb, from any folder.

    [bold]Examples[/bold]

    run_benchmark.py new-method my_method

    run_benchmark.py new-method my_method --folder ~/plugins
    """
    plugin, test = write_method(name, folder)
    typer.echo(f"Wrote {plugin} and {test}. Next{'' if Path.cwd() == ROOT else f', in {ROOT}'}:")
    for command in next_commands(name, plugin, test):
        typer.echo(f"  {command}")
    if importlib.util.find_spec("pytest") is None:
        typer.echo('pytest is not installed here yet: `make test` or pip install -e ".[test]" does it.')


def write_method(name: str, folder: Path) -> tuple[Path, Path]:
    """Write the plugin and its test and return their paths.

    Raises BenchmarkError for a name that cannot be an id, is taken, or would hide a module, for a folder
    that does not exist, and for a file that is there already: nothing is overwritten.
    """
    class_name = "".join(part.capitalize() for part in name.split("_"))
    if (
        not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
        or keyword.iskeyword(name)
        or keyword.iskeyword(class_name)
    ):
        raise BenchmarkError(
            f"'{name}' cannot be a method's id. Give lower snake case that starts with a letter, "
            "such as my_method."
        )
    if not folder.is_dir():
        raise BenchmarkError(f"folder {folder} does not exist. Make it first, or give another --folder.")
    templates = {folder / f"{name}.py": "method.py.txt", folder / f"test_{name}.py": "test_method.py.txt"}
    for path in templates:
        if path.exists():
            raise BenchmarkError(
                f"{path} exists and is not overwritten. Choose another name or another --folder."
            )
    _refuse_taken(name)
    words = {"name": name, "class_name": class_name, "title": name.replace("_", " ").capitalize()}
    for path, template in templates.items():
        text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)
        path.write_text(text, encoding="utf-8")
    plugin, test = templates
    return plugin, test


def next_commands(name: str, plugin: Path, test: Path) -> tuple[str, str]:
    """Return the commands that run and test the new method, to be given in the repository's root."""
    is_near = Path.cwd() == ROOT
    plugin_text, test_text = (shlex.quote(str(p if is_near else p.resolve())) for p in (plugin, test))
    return (
        f"python run_benchmark.py run --plugin {plugin_text} --methods centred,{name} --splits fold0",
        f"python -m pytest {test_text}",
    )


def _refuse_taken(name: str) -> None:
    from benchmark.method_sources import method_sources
    from benchmark.names import method_ids
    from benchmark.registry import METHODS

    taken = method_ids()
    if name in taken:
        source = method_sources().get(name)
        origin = source.origin if source else METHODS.origin(name)
        raise BenchmarkError(
            f"a method '{name}' exists ({origin}), and ids are unique. Choose another name. "
            f"Taken: {', '.join(taken)}."
        )
    # A file of this name would be imported in the module's place wherever its folder is searched first.
    spec = importlib.util.find_spec(name)
    if spec is not None and not _is_plugin(spec.origin):
        raise BenchmarkError(
            f"'{name}' is the name of a Python module, which {name}.py would hide. Choose another."
        )


def _is_plugin(origin: str | None) -> bool:
    """Whether a module is a plugin in the working folder, such as one written before: nothing imports it."""
    if origin is None or Path(origin).parent != Path.cwd():
        return False
    return "@register_method" in Path(origin).read_text(encoding="utf-8")
