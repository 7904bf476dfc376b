"""Tables as LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.reporting.footnotes import Note
from benchmark.reporting.table_layout import Table, Text, has_marks

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"$<$",
        ">": r"$>$",
        "|": r"\textbar{}",
        '"': "''",
        "–": "--",
        "…": r"\ldots{}",
        "Δ": r"$\Delta$",
        "±": r"$\pm$",
    }
)
_MARKS = {"best": r"\textbf{%s}", "second": r"\underline{%s}", "": "%s"}


def escape(text: str) -> str:
    r"""Text that LaTeX prints as it is.

    >>> escape("sem_pcyc: 95 %")
    'sem\\_pcyc: 95 \\%'
    """
    # Two hyphens, as in a flag's name, would become a dash.
    return text.replace("--", "-\0-").translate(_ESCAPES).replace("\0", "{}")


def latex(tables: Sequence[Table], notes: Sequence[Note]) -> str:
    """Write one `table` environment a table, then the footnotes as a list."""
    lines = [r"% needs \usepackage{booktabs,graphicx}", ""]
    for table in tables:
        lines += _environment(table)
    marks = "Best of a column in bold, second best underlined, as printed." if has_marks(tables) else ""
    lines += [rf"{{\footnotesize {marks}".rstrip(), r"\begin{itemize}"]
    lines += [rf"\item \textbf{{{escape(note.label)}:}} {escape(note.text)}" for note in notes]
    return "\n".join([*lines, r"\end{itemize}}"]) + "\n"


def _environment(table: Table) -> list[str]:
    rows = [" & ".join(_entry(entry) for entry in row) + r" \\" for row in table.rows()]
    if table.n_set_apart:
        rows.insert(len(rows) - table.n_set_apart, r"\midrule")
    spec = "".join("l" if column.is_words else "r" for column in table.columns)
    return [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{escape(table.title)}}}",
        # Shrinks a table that is too wide and leaves others alone.
        r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{spec}}}",
        r"\toprule",
        " & ".join(escape(column.header) for column in table.columns) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
        "",
    ]


def _entry(entry: Text) -> str:
    text = _MARKS[entry.mark] % escape(entry.text)
    return rf"{text} {{\scriptsize {escape(entry.aside)}}}" if entry.aside else text
