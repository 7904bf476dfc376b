"""Numbers and names in sentences and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmark.reporting.conclusions import p_text, signed
from benchmark.reporting.fold_values import Interval
from benchmark.reporting.pairwise import Pair
from benchmark.reporting.rows import Row
from benchmark.reporting.table_layout import DASH, DIGITS


def code(name: str) -> str:
    """An id, as code.

    >>> code("centred")
    '`centred`'
    """
    return f"`{name}`"


def row_code(row: Row) -> str:
    """A row, marked where its ranking of a photo takes the rest of the gallery."""
    return row.marked(code(row.name))


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"]), listed([])
    ('a', 'a and b', 'a, b and c', 'none')
    """
    given = list(words)
    if not given:
        return "none"
    return given[0] if len(given) == 1 else f"{', '.join(given[:-1])} and {given[-1]}"


def counted(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "class", "classes"), counted(1200, "query", "queries"), counted(2, "method")
    ('1 class', '1,200 queries', '2 methods')
    """
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def number(value: float) -> str:
    """A score or the size of a difference."""
    return f"{value:.{DIGITS}f}"


def interval(found: Interval) -> str:
    """A difference with its interval."""
    return f"{signed(found.value)} [{signed(found.ci_low)}, {signed(found.ci_high)}]"


def evidence(pair: Pair) -> str:
    """Difference, interval, p and classes of one comparison."""
    return (
        f"{interval(pair.difference)}, p = {p_text(pair.p_holm)}, better in {pair.n_better} and worse in "
        f"{pair.n_worse} of {counted(pair.n_classes, 'class', 'classes')}"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, n_words: int = 1) -> str:
    """A Markdown table. n_words: leading columns of words, the others are numbers."""
    rule = ["---" if i < n_words else "---:" for i in range(len(header))]
    return "\n".join(f"| {' | '.join(cell or DASH for cell in line)} |" for line in (header, rule, *rows))
