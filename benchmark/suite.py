"""What to run: a suite is a TOML file that names data, splits, methods and the terms they share.

A suite is one grid of runs, or several (`[[grid]]`), each of which is measured and tabled by itself.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from benchmark.codes.term import CodeKind, Codes
from benchmark.errors import BenchmarkError, close_names
from datasets.class_vectors import CLASS_VECTORS_ID
from datasets.finetuning.recipe import DEFAULT, Recipe
from datasets.settings import Direction, Queries, Relevance, Setting, Terms

FineTune = Literal["none", "seen"]
OF_PICTURES = ("backbone", "weights", "finetune", "preprocessing")
"""Fields that say how pictures become features: they mean nothing where a data set brings features."""
BEFORE_FINE_TUNING = "before fine-tuning"
"""Variant of `frozen` that reads the backbone as it was."""
SUITES_DIR = Path(__file__).parent / "suites"
_NAMING = (
    "dataset",
    "splits",
    "protocol",
    "setting",
    "direction",
    "queries",
    "relevance",
    "preprocessing",
    "backbone",
    "weights",
    "finetune",
    "feature_norm",
    "pairs",
    "class_vectors",
    "width",
    "codes",
    "bits",
    "config",
)
"""Fields that name a grid among the others of its suite."""


CHOOSING = ("dataset", "protocol", "setting", "direction", "queries", "relevance", "splits", "codes")
"""Flags that choose among the grids of a suite, where some grid meets them."""


class Variant(BaseModel):
    """One row of a suite that is not a method as it is: a name and what it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    name: str
    config: dict[str, Any] = {}


class Suite(BaseModel):
    """One grid of runs under equal terms. name: that of the file. part: which of its grids; "" for one alone.

    methods: ids, or "all" for every registered method. splits: ids, "all" for every split of the data set, or
    "default" for its first one with those of the same family, such as all folds.
    seeds: a method without randomness runs the first only. config: "tuned" (the committed configuration of
    the split, else the defaults), "default", "paper", "smoke", or the path of a configuration file.
    setting, direction, queries, relevance: how it is tested (`datasets.settings`). preprocessing: a preset.
    backbone: its id; weights: "published", "random" or a file. finetune "seen": one copy of the backbone a
    modality is first fine-tuned on the seen classes, as `finetuning` says; `frozen` stands in the table
    before that and after.
    class_vectors: "all_minilm_l6_v2", the committed ones, or the path of a file (`datasets.class_vectors`).
    width: embedding width of the methods that are free to choose it. codes: what embeddings become before
    they are compared; ITQ is random, so that every method runs every seed. bits: length of an ITQ code.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    part: str = ""
    dataset: str = "emoji54"
    protocol: str | None = None
    setting: Setting = "zs"
    direction: Direction = "sketch2photo"
    queries: Queries | None = None
    relevance: Relevance = "category"
    preprocessing: str = "stretch"
    splits: tuple[str, ...] | Literal["all", "default"] = "default"
    methods: tuple[str, ...] | Literal["all"]
    variants: tuple[Variant, ...] = ()
    seeds: tuple[NonNegativeInt, ...] = Field(default=(0,), min_length=1)
    backbone: str = "efficientnet_lite0"
    weights: str = "published"
    finetune: FineTune = "none"
    finetuning: Recipe = DEFAULT
    feature_norm: Literal["centred", "raw"] = "centred"
    pairs: Literal["class", "instance"] = "class"
    class_vectors: str = CLASS_VECTORS_ID
    width: int = Field(default=64, ge=1)
    codes: CodeKind = CodeKind.REAL
    bits: int = Field(default=64, ge=1)
    config: str = "tuned"
    reference: str = "centred"

    @property
    def terms(self) -> Terms:
        """Setting, direction, queries and relevance. Raises BenchmarkError where they do not fit."""
        return Terms(self.setting, self.direction, self.queries, self.relevance)

    @property
    def file_name(self) -> str:
        """What its tables and figures are called: no other grid of the suite is called the same."""
        words = re.sub(r"[^a-z0-9+]+", "_", self.part.lower()).strip("_")
        return f"{self.name}-{words}" if words else self.name

    def of_family(self, family: str) -> Suite:
        """Return the grid under the name of those of its splits that are of one family."""
        return self.model_copy(update={"part": ", ".join(filter(None, (self.part, family)))})

    @field_validator("bits")
    @classmethod
    def _are_of_itq(cls, bits: int, info: ValidationInfo) -> int:
        codes = info.data.get("codes", CodeKind.ITQ)  # lacking where it is refused itself
        if not codes.is_itq:
            raise ValueError(f'only ITQ has a number of bits, and codes = "{codes}"')
        return bits


def meets(suite: Suite, name: str, value: object) -> bool:
    """Whether a grid is what a flag of CHOOSING asks for. Codes: the kind, or the words of a record."""
    if name == "codes":
        return value in (suite.codes, str(Codes(suite.codes, suite.bits)))
    own = suite.terms.queries_name if name == "queries" else getattr(suite, name)
    return bool(own == value)


@dataclass(frozen=True)
class SuiteRow:
    """One row of the suite's table before splits and seeds: a method, under a name, with changes.

    is_finetuned: whether it reads the backbone after fine-tuning.
    """

    method: str
    variant: str
    changes: dict[str, Any]
    is_finetuned: bool


def suite_rows(suite: Suite, all_methods: tuple[str, ...]) -> Iterator[SuiteRow]:
    """Methods first, then variants, in the order of the file; at last `frozen` before fine-tuning, if any."""
    is_finetuned = suite.finetune == "seen"
    for method in methods_of(suite, all_methods):
        yield SuiteRow(method, "", {}, is_finetuned)
    for change in suite.variants:
        yield SuiteRow(change.method, change.name, change.config, is_finetuned)
    if is_finetuned:
        yield SuiteRow("frozen", BEFORE_FINE_TUNING, {}, is_finetuned=False)


def methods_of(suite: Suite, all_methods: tuple[str, ...]) -> tuple[str, ...]:
    """Return the methods of a suite, each once; with fine-tuning `frozen` is among them."""
    methods = all_methods if suite.methods == "all" else suite.methods
    return tuple(dict.fromkeys((*methods, "frozen") if suite.finetune == "seen" else methods))


def suite_names() -> tuple[str, ...]:
    """Names of the suites in this repository, sorted."""
    return tuple(sorted(path.stem for path in SUITES_DIR.glob("*.toml")))


def load_suite(name: str) -> tuple[Suite, ...]:
    """Read the grids of a suite by its name, or by the path of a TOML file.

    The fields of the file are those of every grid; each table `[[grid]]` adds fields of its own. A grid whose
    `direction` is a list stands for one grid a direction.

    Raises BenchmarkError naming the known suites, or the field at fault.
    """
    path = Path(name) if name.endswith(".toml") else SUITES_DIR / f"{name}.toml"
    if not path.is_file():
        if name.endswith(".toml"):
            raise BenchmarkError(
                f"no suite file {path}. Suites of the repository: {', '.join(suite_names())}."
            )
        known = suite_names()
        raise BenchmarkError(
            f"no suite '{name}'.{close_names(name, known)} Known: {', '.join(known)}; or give the path of a "
            ".toml file."
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = _grids(content, path)
        return tuple(
            Suite(**{**table, "name": path.stem, "part": part})
            for table, part in zip(tables, names_apart(tables), strict=True)
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"suite {path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise BenchmarkError(f"suite {path}: {first_fault(error, Suite)}") from error


def _grids(content: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """The fields of every grid, directions one by one."""
    shared = {name: value for name, value in content.items() if name != "grid"}
    grids = content.get("grid", [{}])
    if not isinstance(grids, list) or not grids or not all(isinstance(own, dict) for own in grids):
        raise BenchmarkError(f"suite {path}: field 'grid' must be tables, each under a line [[grid]].")
    tables = []
    for own in grids:
        table = {**shared, **own}
        directions = table.get("direction")
        for direction in directions if directions and isinstance(directions, list) else [directions]:
            tables.append({**table, **({} if direction is None else {"direction": direction})})
    return tables


def names_apart(tables: list[dict[str, Any]]) -> list[str]:
    """Name grids, given by their fields, by what sets each apart from the others, else by number."""
    parts = [_part(table, tables) for table in tables]
    return [
        part if parts.count(part) == 1 else ", ".join(filter(None, (part, f"grid {number}")))
        for number, part in enumerate(parts, start=1)
    ]


def _part(table: dict[str, Any], tables: list[dict[str, Any]]) -> str:
    words = []
    for field in _NAMING:
        values = [str(other.get(field)) for other in tables]
        value = table.get(field)
        if len(set(values)) > 1 and value is not None:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            if field == "class_vectors":
                text = Path(text).name
            words.append(f"{field} {text}" if isinstance(value, int) else text)
    return ", ".join(words)


def first_fault(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in one line which field a validation refused, and why."""
    fault = error.errors()[0]
    field = ".".join(str(part) for part in fault["loc"])
    for part in fault["loc"][:-1]:  # of a table within the file, such as [finetuning]
        own = model.model_fields[part].annotation if part in model.model_fields else None
        if isinstance(own, type) and issubclass(own, BaseModel):
            model = own
    known = ", ".join(model.model_fields)
    return f"field '{field}': {fault['msg']} (got {fault.get('input')!r}). Known fields: {known}."
