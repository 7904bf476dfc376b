"""The command line: verbs, and what each kind of error looks like from outside."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmark.commands import (
    check_data,
    compare,
    evaluate,
    features,
    listing,
    new_method,
    plot,
    prepare,
    reference,
    run,
    show,
    table,
    tune,
)
from benchmark.commands.help_text import help_text
from benchmark.errors import BenchmarkError

DONE, USER_ERROR, DEFECT, INTERRUPTED = 0, 1, 3, 130  # 2, a run failed, is what `run` returns

app = typer.Typer(
    name="run_benchmark.py",
    help=(
        "Zero-shot sketch-based image retrieval: methods on one enforced split, with one metric.\n\n"
        "Without a verb, the default suite runs: eight methods on the embedded data set, four folds."
    ),
    epilog=(
        "Exit codes: 0 done, 1 an error of the call, 2 a run failed, 3 a defect of this program, 130 Ctrl-C."
    ),
    add_completion=False,
    no_args_is_help=False,
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
VERBS: dict[str, Callable[..., Any]] = {
    "run": run.run,
    "table": table.table,
    "plot": plot.plot,
    "compare": compare.compare,
    "show": show.show,
    "list": listing.list_things,
    "check-data": check_data.check_data,
    "features": features.features,
    "prepare": prepare.prepare,
    "reference": reference.reference,
    "evaluate": evaluate.evaluate,
    "tune": tune.tune,
    "new-method": new_method.new_method,
}
for _name, _verb in VERBS.items():
    app.command(_name, help=help_text(_verb))(_verb)


@app.callback()
def _door(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        from benchmark.environment import harness_version

        print(harness_version())  # noqa: T201
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.Exit(run.run())


def main() -> int:
    """Run the command line and return its exit code."""
    # Before torch and numpy are loaded: waiting threads that spin slow a fit tenfold where others use the
    # machine too, and those of a matrix product the ranking that follows it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    errors = Console(stderr=True, emoji=False)  # ids hold colons

    def say(text: str) -> None:
        errors.print(text, style="red", markup=False, highlight=False, soft_wrap=True)

    try:
        code = typer.main.get_command(app).main(prog_name="run_benchmark.py", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BenchmarkError as error:
        say(str(error))
        code = USER_ERROR
    except Exception as error:
        # A wrong flag arrives as an exception of typer's parser, whose class moved between its versions.
        if hasattr(error, "format_message"):
            say(f"{error.format_message()} See `--help`.")
            code = USER_ERROR
        else:
            say(traceback.format_exc())
            say("This is a defect of the benchmark, not of your call. Please report it with the text above.")
            code = DEFECT
    if code == INTERRUPTED:  # typer turns Ctrl-C into an exception or into this code, as its version likes
        say("Interrupted. What was finished is kept: the same command goes on from there.")
    return int(code or DONE)
