"""Made-up data sets for the findings: a reference, and methods with a known gain in each class."""

import numpy as np
import pytest

from benchmark.reporting.findings.evidence import Evidence

N_EACH = 3


@pytest.fixture
def world(make_run):
    """Return a function from gains to evidence: see `_evidence`."""
    return lambda *given, **named: _evidence(make_run, *given, **named)


def _evidence(make_run, gains, *, dataset="toy", split="fold0", base=0.5, seeds=None, cards=None, **named):
    """Runs of the reference at `base` in every class, and of methods with the gains given for each class.

    gains: row -> one number a class; "zscmr (x)" is variant x. seeds: row -> what each seed adds to every
    value. cards: row -> changed fields of its card.
    """
    n_classes = len(next(iter(gains.values())))
    labels = np.repeat(np.arange(n_classes), N_EACH)
    runs = []
    for row, own in {"centred": np.zeros(n_classes), **gains}.items():
        method, _, variant = row.partition(" (")
        for seed, shift in enumerate((seeds or {}).get(row, (0.0,))):
            values = base + np.repeat(own, N_EACH) + shift
            runs.append(
                make_run(
                    method,
                    split,
                    seed,
                    scores={"map@all": values},
                    labels=labels,
                    variant=variant.rstrip(")"),
                    protocol={"dataset": dataset},
                    card={"is_random": seeds is not None, **(cards or {}).get(row, {})},
                    config_source="default" if row == "centred" else "tuned",
                )
            )
    return Evidence(tuple(runs), **named)
