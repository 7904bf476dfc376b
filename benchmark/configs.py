"""Which hyper-parameters a run uses, and whether they were chosen without looking at its unseen classes."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from datasets.class_vectors import spoken_name
from datasets.splits import ZeroShotSplit

if TYPE_CHECKING:
    from methods.base import RetrievalMethod

CONFIGS_DIR = Path(__file__).parents[1] / "methods" / "configs"
NAMED = ("default", "paper", "smoke")
TABLES = ("config", "tuned_on", "search", "made_with")
"""Tables of a configuration file, the first of which alone is needed."""
TUNED_ON = ("dataset", "split", "split_sha256", "seen_classes")


@dataclass(frozen=True)
class ResolvedConfig:
    """A method's `Config`, where it came from, and the row it belongs to.

    source: "default", "tuned" or a file's stem, with ", then changed" where a suite's variant changed it.
    variant: "" where this is what a suite takes by itself, else the source: such a row has a name of its own.
    tuned_for: `source_sha256` of the method's code that it was searched for with, None if it was not.
    """

    config: Any
    source: str
    variant: str = ""
    tuned_for: str | None = None

    @property
    def values(self) -> dict[str, Any]:
        """All hyper-parameters, the defaults included."""
        return dataclasses.asdict(self.config)


def tuned_path(method: str, dataset: str, split: str) -> Path:
    """Where the configuration tuned on a split's validation classes is kept."""
    return CONFIGS_DIR / method / dataset / f"{split}.toml"


def row_variants(method: str, choice: str, dataset: str) -> frozenset[str]:
    """Return the variants under which `resolve_config` may file a method's runs on a data set."""
    is_tuned = any((CONFIGS_DIR / method / dataset).glob("*.toml"))
    if choice == "default":
        return frozenset({"default", ""} if is_tuned else {""})
    if choice in NAMED:
        return frozenset({choice if (CONFIGS_DIR / method / f"{choice}.toml").is_file() else ""})
    return frozenset({"" if choice == "tuned" else Path(choice).stem})


def resolve_config(
    method: type[RetrievalMethod],
    choice: str,
    split: ZeroShotSplit,
    *,
    width: int,
    changes: dict[str, Any] | None = None,
) -> ResolvedConfig:
    """Find a method's configuration for a split.

    choice: "tuned" (the committed one of this split, else the defaults), "default", "paper" or "smoke" (the
    method's file of that name; a method without one keeps its tuned or default configuration), or the path
    of a configuration file. width is that of the suite, given to methods that are free to choose theirs.
    changes are applied last.

    Raises BenchmarkError for a file tuned on classes that are unseen here, for unknown parameters, and for a
    width that is not the suite's.
    """
    from methods.base import make_config

    path, ordinary = (_file(method.card.id, name, split) for name in (choice, "tuned"))
    values, tuned_for = ({}, None) if path is None else read_config(path, split)
    if method.card.width == "free" and "width" in {field.name for field in dataclasses.fields(method.Config)}:
        if values.get("width", width) != width:
            raise BenchmarkError(
                f"configuration {path} says width = {values['width']}, the suite {width} for all its "
                "methods. Remove it there, or make a suite with that width."
            )
        values["width"] = width
    named = "default" if path is None else path.stem
    source = "tuned" if path is not None and path == ordinary else named
    variant = "" if path == ordinary else source
    if changes:
        source = f"{source}, then changed"
    try:
        config = make_config(method, {**values, **(changes or {})})
    except BenchmarkError as error:
        raise BenchmarkError(f"configuration '{source}' ({path or 'the suite'}): {error}") from error
    return ResolvedConfig(config, source, variant, tuned_for)


def read_config(path: Path, split: ZeroShotSplit) -> tuple[dict[str, Any], str | None]:
    """Read the `[config]` table of a file and refuse what was tuned on this split's unseen classes.

    Also returns the hash of the code that it was tuned for. A file written by `tune` says in `[tuned_on]`
    which classes were looked at; one without that table, such as published values, was not tuned here.
    """
    content = read_file(path)
    if "tuned_on" in content:
        _refuse_overlap(path, content["tuned_on"], split)
    return dict(content["config"]), content.get("made_with", {}).get("method_source_sha256")


def read_file(path: Path) -> dict[str, Any]:
    """Read the tables of a configuration file.

    Raises BenchmarkError for one that is no TOML, lacks `[config]`, has a table that is not known, or leaves
    open what it was tuned on.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"configuration {path} is not valid TOML: {error}") from error
    unknown = [name for name in content if name not in TABLES]
    no_table = [name for name in ("config", *content) if not isinstance(content.get(name), dict)]
    if unknown or no_table:
        fault = f"unknown: {', '.join(unknown)}" if unknown else f"no table [{no_table[0]}]"
        raise BenchmarkError(
            f"configuration {path}: {fault}. The parameters of one method go under [config]; `tune` adds "
            f"{', '.join(f'[{name}]' for name in TABLES[1:])}."
        )
    tuned_on = content.get("tuned_on")
    if tuned_on is not None:
        missing = [name for name in TUNED_ON if name not in tuned_on]
        if missing:
            raise BenchmarkError(
                f"configuration {path}: [tuned_on] lacks {', '.join(missing)}, so what it was tuned on "
                "cannot be checked. Tune it again."
            )
    return content


def check_values(method: str, defaults: Mapping[str, Any], values: Mapping[str, Any], where: str) -> None:
    """Raise BenchmarkError for values that `methods.base.make_config` refuses, in its words.

    defaults: of the method's fields. where: how the message names the place of the values.
    """
    known = ", ".join(f"{name} = {default!r}" for name, default in defaults.items()) or "none"
    for name, value in values.items():
        if name not in defaults:
            raise BenchmarkError(f"{where}: method '{method}' has no parameter '{name}'. It has: {known}.")
        default = defaults[name]
        is_number = type(default) is float and type(value) is int
        if not is_number and type(value) is not type(default):
            raise BenchmarkError(
                f"{where}: method '{method}': {name} = {value!r} is a {type(value).__name__}, "
                f"but its default {default!r} is a {type(default).__name__}."
            )


def _refuse_overlap(path: Path, tuned_on: dict[str, Any], split: ZeroShotSplit) -> None:
    is_same_split = tuned_on["dataset"] == split.dataset and tuned_on["split"] == split.id
    if is_same_split and tuned_on["split_sha256"] != split.sha256:
        raise BenchmarkError(
            f"configuration {path} was tuned on another version of split '{split.id}' (sha256 "
            f"{tuned_on['split_sha256'][:12]}…, now {split.sha256[:12]}…). Tune it again."
        )
    looked_at = {spoken_name(name) for name in tuned_on["seen_classes"]}
    overlap = sorted(name for name in split.unseen if spoken_name(name) in looked_at)
    if overlap:
        raise BenchmarkError(
            f"configuration {path} was tuned on {tuned_on['dataset']} split '{tuned_on['split']}', whose "
            f"seen classes contain {len(overlap)} classes that are unseen in '{split.id}': "
            f"{', '.join(overlap)}. Tune on this split (`tune`), or use --config default."
        )


def config_path(choice: str) -> Path | None:
    """Return the file that a choice of configurations names, None for a word.

    Raises BenchmarkError where it is not there.
    """
    if choice in (*NAMED, "tuned"):
        return None
    path = Path(choice)
    if not path.is_file():
        raise BenchmarkError(
            f"no configuration '{choice}'. Give tuned, {', '.join(NAMED)}, or the path of a .toml file; "
            f"{path.absolute()} is none."
        )
    return path


def _file(method: str, choice: str, split: ZeroShotSplit) -> Path | None:
    if choice == "default":
        return None
    if (path := config_path(choice)) is not None:
        return path
    named, tuned = CONFIGS_DIR / method / f"{choice}.toml", tuned_path(method, split.dataset, split.id)
    return next((path for path in (named, tuned) if path.is_file()), None)
