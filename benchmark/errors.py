"""What can go wrong, by whose fault.

A leaf: everybody but `metrics` may import it, it imports nothing of ours.
"""


class BenchmarkError(Exception):
    """The user's error: printed as one message without a trace, exit code 1.

    The text says what was wrong, what was seen, what is allowed and what to do next.
    """


class NotRunnable(Exception):  # noqa: N818 - a state, not a fault
    """A method cannot run here (weights, library, class vectors missing); it is listed as skipped.

    The text is the reason a person reads in the table, with the way to mend it.
    """
