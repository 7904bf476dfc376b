"""Published numbers beside measured ones, with what keeps each from being compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmark.published.numbers import FLAG_SEPARATOR, UNKNOWN, PublishedNumber, read_published
from benchmark.reporting.comparison import Comparison
from benchmark.reporting.fold_values import Cell
from benchmark.reporting.rows import Row

WHOLE = ("", "default", "paper")
"""Variants that are the method as it is, under a configuration of a name."""


@dataclass(frozen=True)
class Obstacle:
    """Why two numbers have no difference. is_stated: terms differ; else one of them is not known."""

    text: str
    is_stated: bool = True


@dataclass(frozen=True)
class Beside:
    """A published number and the row of ours that it stands beside, None where none is of its method.

    metric, measured: ours of the same definition, or of the nearest one that was measured; None without.
    """

    number: PublishedNumber
    row: Row | None
    metric: str | None
    measured: float | None
    obstacles: tuple[Obstacle, ...]

    @property
    def difference(self) -> float | None:
        """Ours minus theirs, where nothing keeps them from being compared."""
        if self.measured is None or self.obstacles:
            return None
        return self.measured - self.number.value

    @property
    def reason(self) -> str:
        """Why there is no difference; empty where there is one."""
        return "; ".join(obstacle.text for obstacle in self.obstacles)


def beside(comparison: Comparison, numbers: Sequence[PublishedNumber] | None = None) -> tuple[Beside, ...]:
    """Put every published number beside the row of its method, where there is one.

    Numbers of our methods come first, those of the comparison's data set before others, then in the order of
    the rows. A row is the method as it is, not a variant of its losses.
    """
    rows = [row for row in comparison.rows if row.variant in WHOLE]
    found = []
    for number in read_published() if numbers is None else numbers:
        of_method = [row for row in rows if row.method == number.method]
        found += [_beside(number, row, comparison) for row in of_method or (None,)]

    def order(one: Beside) -> tuple[bool, bool, int, str, str, str]:
        number, place = one.number, rows.index(one.row) if one.row else 0
        is_other = number.dataset != comparison.protocol.dataset
        return one.row is None, is_other, place, number.method, number.dataset, number.split

    return tuple(sorted(found, key=order))


def as_far_as_stated(found: Sequence[Beside]) -> tuple[Beside, ...]:
    """Those of our methods whose stated terms are all those of the comparison."""
    return tuple(one for one in found if one.row and not any(o.is_stated for o in one.obstacles))


def published_note(comparison: Comparison) -> str:
    """What stands below a comparison that shows published numbers; empty where it shows none."""
    found = as_far_as_stated(beside(comparison))
    if not found:
        return ""
    text = (
        "numbers of the literature of which no stated term is another one here; a difference only where "
        "class list, gallery and definition are known. `table --published` shows the others."
    )
    flags = flags_by_method(found)
    return f"{text} Flags: {flags}." if flags else text


def headline(
    found: Sequence[Beside], comparison: Comparison, metric_ids: Sequence[str] | None
) -> tuple[Beside, ...]:
    """What a reader needs first: our methods, in the comparison's direction and kind of setting.

    Average precision, or the metrics named, under any definition. Where there are numbers of the
    comparison's data set, only those.
    """
    protocol = comparison.protocol
    names = None if metric_ids is None else {metric.partition("/")[0] for metric in metric_ids}
    chosen = [
        one
        for one in found
        if one.row
        and one.number.direction == protocol.direction
        and _kind(one.number.setting) == _kind(protocol.setting)
        and (one.number.metric_name in names if names else one.number.definition.startswith("map@"))
    ]
    same = [one for one in chosen if one.number.dataset == protocol.dataset]
    return tuple(same or chosen)


def by_method(found: Sequence[Beside], kinds: Callable[[Beside], Iterable[str]]) -> str:
    """Name what numbers have in common, and the methods they are of."""
    methods_of: dict[str, dict[str, None]] = {}
    for one in found:
        for kind in kinds(one):
            methods_of.setdefault(kind, {})[one.number.method] = None
    return "; ".join(f"{kind}: {', '.join(methods)}" for kind, methods in methods_of.items())


def flags_by_method(found: Sequence[Beside]) -> str:
    """The flags that no column of a narrow table shows, each with its methods."""

    def flags(one: Beside) -> list[str]:
        in_columns = ("", "binary", f"width {one.number.width}")
        return [flag for flag in one.number.flags.split(FLAG_SEPARATOR) if flag not in in_columns]

    return by_method(found, flags)


def _kind(setting: str) -> str:
    return setting.partition("/")[0]


def _beside(number: PublishedNumber, row: Row | None, comparison: Comparison) -> Beside:
    if row is None:
        return Beside(number, None, None, None, (Obstacle("no run of this method here"),))
    metric = _nearest(number, row.mean)
    obstacles = (*_terms(number, comparison), *_embedding(number, row, comparison), *_metric(number, metric))
    return Beside(number, row, metric, row.mean[metric].value if metric else None, obstacles)


def _nearest(number: PublishedNumber, cells: Mapping[str, Cell]) -> str | None:
    """The metric of ours that is the number's, or has its name."""
    named = [metric for metric in cells if metric.partition("/")[0] == number.metric_name]
    first = (number.definition, number.metric_name)
    return next((metric for metric in (*first, *named) if metric in cells), None)


def _terms(number: PublishedNumber, comparison: Comparison) -> Iterator[Obstacle]:
    """What was ranked."""
    protocol = comparison.protocol
    if number.dataset != protocol.dataset:
        yield Obstacle(f"another data set: {number.dataset}")
    else:
        if not number.is_listed:
            yield Obstacle("class list unknown", is_stated=False)
        elif number.split not in comparison.splits:
            yield Obstacle(f"another class list: {number.split}")
        if number.gallery == UNKNOWN:
            yield Obstacle("gallery unknown", is_stated=False)
        elif number.gallery != protocol.protocol:
            yield Obstacle(f"another gallery: {number.gallery}, here {protocol.protocol}")
        if "/" in protocol.protocol:
            yield Obstacle(f"a part of queries and gallery here: {protocol.protocol}")
        if any(fold.lacking for fold in comparison.folds):
            yield Obstacle("this copy of the data is not whole", is_stated=False)
    if number.setting != protocol.setting:
        is_unknown = number.setting.endswith(f"/{UNKNOWN}") and _kind(protocol.setting) != "zs"
        yield Obstacle(f"setting {number.setting}, here {protocol.setting}", is_stated=not is_unknown)
    if number.direction != protocol.direction:
        yield Obstacle(f"another direction: {number.direction}")
    if protocol.queries not in ("all", "loo"):
        yield Obstacle(f"queries {protocol.queries} here")
    if protocol.relevance != "category":
        yield Obstacle(f"relevance by {protocol.relevance} here")


def _embedding(number: PublishedNumber, row: Row, comparison: Comparison) -> Iterator[Obstacle]:
    """What ranked it."""
    is_binary = comparison.protocol.codes != "real" or row.card.get("distance") == "hamming"
    if (number.codes == "binary") != is_binary:
        yield Obstacle(f"{number.codes} codes, here {'binary' if is_binary else 'real'}")
    if number.width not in (UNKNOWN, str(row.embedding_width)):
        yield Obstacle(f"width {number.width}, here {row.embedding_width}")
    name = comparison.backbone.partition("@")[0]
    if not number.backbone.startswith(UNKNOWN) and number.backbone != name:
        yield Obstacle(f"backbone {number.backbone}, here {name}")


def _metric(number: PublishedNumber, metric: str | None) -> Iterator[Obstacle]:
    """How the ranking was graded."""
    if not number.is_defined:
        yield Obstacle(f"definition of {number.metric_name} unknown", is_stated=False)
    elif metric != number.definition:
        yield Obstacle(f"{number.definition} not measured here")
