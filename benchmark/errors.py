"""What can go wrong, by whose fault.

A leaf: everybody but `metrics` may import it, it imports nothing of ours.
"""

import difflib
from collections.abc import Iterable


class BenchmarkError(Exception):
    """The user's error: printed as one message without a trace, exit code 1.

    The text says what was wrong, what was seen, what is allowed and what to do next.
    """


class NotRunnable(Exception):  # noqa: N818 - a state, not a fault
    """A method cannot run here (weights, library, class vectors missing); it is listed as skipped.

    The text is the reason a person reads in the table, with the way to mend it.
    """


def close_names(wanted: str, known: Iterable[str]) -> str:
    """Return what a message says of names that are like one that is not known, "" where none is.

    >>> close_names("centrd", ["cca", "centred"])
    ' Close names: centred.'
    """
    close = difflib.get_close_matches(wanted, sorted(known), n=3)
    return f" Close names: {', '.join(close)}." if close else ""
