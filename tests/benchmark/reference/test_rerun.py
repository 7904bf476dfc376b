"""The reference results are what the code gives: one closed-form and one trained method, run again.

Equal machines, versions and thread counts give equal bits, of which the file keeps multiples of 1/60000.
Another processor sums in another order, and features differ by rounding. A closed-form method passes that on:
photos that lie almost equally far change places. Training enlarges it, at most to about what another seed
does, which on this split moves `siamese` by less than 0.01.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.commands.options import cache_folder
from benchmark.display import SuiteDisplay
from benchmark.prepare import Where
from benchmark.reference.store import read_reference
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite

SPLIT, SEED = "fold0", 0
TOLERANCES = {"procrustes": 0.001, "siamese": 0.01}
"""Of means over the queries of the split."""
METRICS = ("map@all", "p@100")


def test_two_methods_run_again_give_the_stored_numbers(tmp_path: Path) -> None:
    suite = Suite(name="again", title="again", methods=tuple(TOLERANCES), splits=(SPLIT,), seeds=(SEED,))
    display = SuiteDisplay(Console(file=open(os.devnull, "w")))  # noqa: SIM115, PTH123
    where = Where(cache_folder(None), tmp_path)
    again = run_suite(prepare_suite(suite, where, display), display).runs
    stored = {
        run.record.method: run.record
        for run in read_reference("emoji54").runs
        if run.record.protocol.split == SPLIT and run.record.seed == SEED
    }
    assert {run.record.method for run in again} == set(TOLERANCES)
    for run in again:
        record = stored[run.record.method]
        assert run.record.status == "complete"
        assert run.record.protocol == record.protocol
        assert run.record.config == record.config
        for metric in METRICS:
            found, wanted = run.record.scores[metric].value, record.scores[metric].value
            assert found == pytest.approx(wanted, abs=TOLERANCES[run.record.method]), (record.method, metric)
