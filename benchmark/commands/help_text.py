"""From the docstring of a verb to its `--help`: paragraphs flow, examples can be copied at 80 columns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

EXAMPLES = "[bold]Examples[/bold]"
_WIDTH = 76


def help_text(verb: Callable[..., Any]) -> str:
    """Return a docstring for a terminal of any width from 80 columns on.

    Lines of a paragraph are joined: the terminal breaks them, and once. Below "Examples" every paragraph is a
    command; a long one goes on in the next line, as a shell reads it.
    """
    before, mark, examples = inspect.cleandoc(verb.__doc__ or "").partition(EXAMPLES)
    paragraphs = [" ".join(paragraph.split()) for paragraph in before.strip().split("\n\n")]
    if mark:
        commands = [_broken(" ".join(command.split())) for command in examples.strip().split("\n\n")]
        paragraphs += [mark, "\n".join(commands)]
    return "\n\n".join(paragraphs)


def _broken(command: str) -> str:
    """Break a command before a flag, or else before a word, where it is too long for a line."""
    lines, line = [], ""
    for part in _parts(command):
        if line and len(f"{line} {part} \\") > _WIDTH:
            lines.append(f"{line} \\")
            line = f"    {part}"
        else:
            line = f"{line} {part}" if line else part
    return "\n".join([*lines, line])


def _parts(command: str) -> list[str]:
    """A flag together with its value, a redirection with its file, other words alone."""
    parts: list[str] = []
    for word in command.split(" "):
        is_open = parts and parts[-1].startswith(("--", ">")) and " " not in parts[-1]
        if is_open and not word.startswith(("--", ">")):
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts
