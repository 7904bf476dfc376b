"""Where methods, data sets and backbones are found by id, without an edit anywhere else.

A leaf: everybody but `metrics` may import it, it imports nothing of ours but `benchmark.errors` and
`benchmark.opened`.
A plugin is found in three ways: as a module of its package, as a file given with `--plugin`, or through
the entry-point group of an installed package.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from benchmark.errors import BenchmarkError, close_names
from benchmark.opened import watched

T = TypeVar("T", bound=type)
_PLUGIN = "zs_sbir_plugin_"
"""What names of modules begin with that are plugin files."""


class Registry(Generic[T]):
    """Classes of one kind by their permanent id.

    noun: what an entry is called in messages. package: the package whose modules register entries when they
    are imported. entry_point_group: installed packages may add entries under this group.
    """

    def __init__(self, noun: str, *, package: str, entry_point_group: str | None = None) -> None:
        self.noun = noun
        self._package = package
        self._group = entry_point_group
        self._entries: dict[str, T] = {}
        self._origins: dict[str, str] = {}
        self._is_discovered = False
        self._is_frozen = False

    def add(self, entry_id: str, entry: T) -> None:
        """Register a class under its id.

        Raises BenchmarkError when the id is taken, naming both places, and after `freeze`.
        """
        origin = _origin(entry)
        if self._is_frozen:
            raise BenchmarkError(
                f"{self.noun} '{entry_id}' ({origin}) registered after the first run had started: "
                "import it before, with --plugin FILE or an entry point."
            )
        if entry_id in self._entries and self._origins[entry_id] != origin:
            raise BenchmarkError(
                f"two {self.noun}s are called '{entry_id}': {self._origins[entry_id]} and {origin}. "
                "Ids are permanent and unique: rename the newer one."
            )
        self._entries[entry_id] = entry
        self._origins[entry_id] = origin

    def discover(self) -> None:
        """Import every module of the package and every entry point, once."""
        if self._is_discovered:
            return
        self._is_discovered = True
        with watched():
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__):
                if not module.name.startswith("_"):
                    importlib.import_module(f"{self._package}.{module.name}")
            for point in self._points():
                try:
                    point.load()
                except Exception as error:
                    raise BenchmarkError(
                        f"the installed plugin '{point.name}' ({point.value}) could not be imported: "
                        f"{type(error).__name__}: {error}. Mend or uninstall the package that declares it."
                    ) from error

    def _points(self) -> EntryPoints | tuple[()]:
        return entry_points(group=self._group) if self._group else ()

    def get(self, entry_id: str) -> T:
        """Return the class with this id. Raises BenchmarkError with close names and all known ids."""
        self.discover()
        if entry_id not in self._entries:
            raise self.unknown(entry_id, self.ids())
        return self._entries[entry_id]

    def unknown(self, entry_id: str, known: Sequence[str]) -> BenchmarkError:
        """Return the error for an id that is not among the known ones."""
        plugin = " A method of yours comes with --plugin FILE." if self.noun == "method" else ""
        return BenchmarkError(
            f"no {self.noun} named '{entry_id}'.{close_names(entry_id, known)} Known: "
            f"{', '.join(known) or 'none'}.{plugin}"
        )

    def ids_beside(self, in_source: Iterable[str]) -> tuple[str, ...]:
        """All known ids, sorted, importing as little as tells. in_source: those that the source names."""
        if self._is_discovered or self._points():
            return self.ids()
        return tuple(sorted({*self._entries, *in_source}))

    def ids(self) -> tuple[str, ...]:
        """All known ids, sorted."""
        self.discover()
        return tuple(sorted(self._entries))

    def origin(self, entry_id: str) -> str:
        """Where the entry was written, as `file:line`."""
        self.get(entry_id)
        return self._origins[entry_id]

    def freeze(self) -> None:
        """Refuse new entries from now on, so that one suite sees one set of plugins."""
        self.discover()
        self._is_frozen = True


METHODS: Registry[Any] = Registry("method", package="methods", entry_point_group="zs_sbir.methods")
DATASETS: Registry[Any] = Registry("data set", package="datasets", entry_point_group="zs_sbir.datasets")
BACKBONES: Registry[Any] = Registry(
    "backbone", package="datasets.backbones", entry_point_group="zs_sbir.backbones"
)


def register_method(card: Any) -> Callable[[T], T]:
    """Class decorator: `@register_method(MethodCard(...))` on a `RetrievalMethod`."""

    def register(method: T) -> T:
        method.card = card  # type: ignore[attr-defined]
        METHODS.add(card.id, method)
        return method

    return register


def register_dataset(dataset: T) -> T:
    """Class decorator on a `SketchPhotoDataset`, which carries its facts as `card`."""
    DATASETS.add(dataset.card.id, dataset)  # type: ignore[attr-defined]
    return dataset


def register_backbone(backbone: T) -> T:
    """Class decorator on a `Backbone`, which says as `family` what its ids begin with."""
    BACKBONES.add(backbone.family, backbone)  # type: ignore[attr-defined]
    return backbone


def load_plugin(path: Path) -> None:
    """Import one plugin file; its decorators register what it holds.

    Raises BenchmarkError when the file is missing or fails to import, with the reason.
    """
    path = path.resolve()
    if not path.is_file():
        raise BenchmarkError(f"--plugin {path}: no such file. Give the path of one Python file.")
    # Named by its whole path: of two files of one name, each keeps its own source for `inspect`.
    name = f"{_PLUGIN}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BenchmarkError(f"--plugin {path}: not a Python file (.py).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with watched():
            spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        if isinstance(error, BenchmarkError):
            raise
        raise BenchmarkError(
            f"--plugin {path} could not be imported: {type(error).__name__}: {error}. "
            "`new-method NAME` writes a file that works."
        ) from error


def plugin_file(entry: type) -> Path | None:
    """Return the file that `load_plugin` found a class in, None for a class of an importable module.

    Another process cannot import the module by its name: it calls `load_plugin` first.
    """
    name = entry.__module__
    return Path(str(sys.modules[name].__file__)) if name.startswith(_PLUGIN) else None


def _origin(entry: type) -> str:
    file = inspect.getsourcefile(entry) or "unknown"
    try:
        line = inspect.getsourcelines(entry)[1]
    except OSError:
        line = 0
    return f"{file}:{line}"
