"""Claims on runs: one holder at a time, and none after its process is gone."""

import subprocess
import sys
import time
from pathlib import Path

from benchmark.claims import claimed

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from benchmark.claims import claimed
with claimed(Path(sys.argv[1]), "one") as is_ours:
    print(is_ours, flush=True)
    time.sleep(60)
"""


def test_one_of_two_holds_a_claim_and_both_hold_different_ones(tmp_path):
    with (
        claimed(tmp_path, "one") as first,
        claimed(tmp_path, "one") as second,
        claimed(tmp_path, "two") as other,
    ):
        assert (first, second, other) == (True, False, True)
    with claimed(tmp_path, "one") as again:
        assert again


def test_a_claim_is_given_back_when_the_work_fails(tmp_path):
    try:
        with claimed(tmp_path, "one"):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    with claimed(tmp_path, "one") as is_ours:
        assert is_ours


def test_the_claim_of_a_killed_process_expires(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with claimed(tmp_path, "one") as is_ours:
        assert not is_ours
    holder.kill()
    holder.wait()
    deadline = time.monotonic() + 10
    is_ours = False
    while not is_ours and time.monotonic() < deadline:
        with claimed(tmp_path, "one") as is_ours:
            time.sleep(0.01)
    assert is_ours
