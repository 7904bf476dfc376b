"""`--help`: paragraphs flow, and every example can be copied."""

import pytest

from benchmark import cli
from benchmark.commands.help_text import EXAMPLES, help_text


def a_verb():
    """Do it.

    One sentence that is broken
    in the source.

    [bold]Examples[/bold]

    run_benchmark.py short

    run_benchmark.py verb --methods one,two,three,four,five --dataset sketchy_ext --data-root DIR --dry-run

    run_benchmark.py table --dataset sketchy_ext --metrics map@all,p@100 --format latex > a_table.tex
    """


def test_lines_of_a_paragraph_are_joined():
    assert help_text(a_verb).startswith("Do it.\n\nOne sentence that is broken in the source.\n\n")


def test_examples_stand_line_by_line_and_long_ones_go_on_as_a_shell_reads_them():
    _, examples = help_text(a_verb).split(f"{EXAMPLES}\n\n")
    assert examples.splitlines() == [
        "run_benchmark.py short",
        "run_benchmark.py verb --methods one,two,three,four,five \\",
        "    --dataset sketchy_ext --data-root DIR --dry-run",
        "run_benchmark.py table --dataset sketchy_ext --metrics map@all,p@100 \\",
        "    --format latex > a_table.tex",
    ]


@pytest.mark.parametrize("name", cli.VERBS)
def test_no_example_of_a_verb_is_longer_than_a_line_and_none_is_changed(name):
    text = help_text(cli.VERBS[name])
    examples = text.partition(EXAMPLES)[2].strip()
    assert all(len(line) <= 76 for line in examples.splitlines())
    whole = examples.replace(" \\\n   ", "")
    for command in whole.splitlines():
        assert " ".join(command.split()) in " ".join((cli.VERBS[name].__doc__ or "").split())
