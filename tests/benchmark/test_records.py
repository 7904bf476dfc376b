"""Records: whole or not there at all, readable later, and honest about what is missing."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.records import (
    _HOST,
    PerQuery,
    Protocol,
    Rankings,
    Record,
    read_run,
    stored_runs,
    sweep,
    write_run,
)


def make_protocol(**changes: object) -> Protocol:
    fields = {
        "dataset": "emoji54",
        "protocol": "cross-artist",
        "file_list_sha256": "f" * 64,
        "split": "fold0",
        "split_sha256": "5" * 64,
        "setting": "zs",
        "direction": "sketch2photo",
        "relevance": "category",
        "exclusions": "none",
        "preprocessing": "stretched",
        "feature_norm": "centred",
        "pairs": "class",
        "width": 64,
        "codes": "real",
        "ties": "expected",
        "metric_engine": "1",
    }
    return Protocol(**{**fields, **changes})


def make_record(**changes: object) -> Record:
    protocol = make_protocol()
    fields = {
        "run_id": "seed0-12345678",
        "identity": "12345678" + "0" * 56,
        "status": "complete",
        "started": "2026-01-01T00:00:00.000000+00:00",
        "method": "frozen",
        "seed": 0,
        "backbone": "tiny",
        "weights_sha256": "w" * 64,
        "backbone_preprocessing": "none",
        "source_sha256": "s" * 64,
        "config": {},
        "config_source": "default",
        "card": {"id": "frozen"},
        "protocol": protocol,
        "fingerprint": protocol.fingerprint,
        "environment": {},
    }
    return Record(**{**fields, **changes})


def make_rankings(**instances: object) -> Rankings:
    """Two queries, the first rank of each among two photos."""
    return Rankings(
        top=np.array([[1], [0]], np.int32),
        tied=np.array([[False], [True]]),
        names=np.array(["x", "y"]),
        labels=np.array([0, 1]),
        **instances,
    )


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    record = make_record()
    per_query = PerQuery(
        np.array(["map@all"]), np.ones((1, 2), np.float32), np.array([0, 1]), np.array(["a", "b"])
    )
    rankings = make_rankings(query_instances=np.array(["a", ""]), gallery_instances=np.array(["", "a"]))
    write_run(tmp_path, record, per_query=per_query, rankings=rankings, log="fit: 1 s\n")
    stored = read_run(tmp_path / "emoji54" / "fold0" / "frozen" / "seed0-12345678")
    assert stored.record == record
    assert stored.per_query().names.tolist() == ["a", "b"]
    for name, array in vars(stored.rankings()).items():
        expected = getattr(rankings, name)
        assert array.dtype == expected.dtype
        assert array.tolist() == expected.tolist()
    assert (stored.folder / "log.txt").read_text() == "fit: 1 s\n"


def test_rankings_without_instances_are_read_back_without_them(tmp_path: Path) -> None:
    stored = write_run(tmp_path, make_record(), rankings=make_rankings()).rankings()
    assert (stored.query_instances, stored.gallery_instances) == (None, None)


def test_rankings_of_an_older_version_ask_for_another_run(tmp_path: Path) -> None:
    stored = write_run(tmp_path, make_record(), rankings=make_rankings())
    old = {name: getattr(stored.rankings(), name) for name in ("top", "names")}
    np.savez_compressed(stored.folder / "rankings.npz", **old)
    with pytest.raises(BenchmarkError, match=r"rankings\.npz was written by an older version.*--rerun all"):
        stored.rankings()


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_a_run_that_did_not_finish_has_no_arrays(status: str, tmp_path: Path) -> None:
    stored = write_run(tmp_path, make_record(status=status, reason="broken"))
    for read in (stored.per_query, stored.rankings):
        with pytest.raises(BenchmarkError, match=f"'frozen' is {status} and has no rankings"):
            read()


def test_a_lost_file_is_named(tmp_path: Path) -> None:
    stored = write_run(tmp_path, make_record())
    with pytest.raises(BenchmarkError, match=r"per_query\.npz cannot be read \(No such file.*--rerun all"):
        stored.per_query()


@pytest.mark.parametrize("damage", [b"", b"no archive", None], ids=["empty", "text", "cut off"])
def test_a_damaged_file_is_named(damage: bytes | None, tmp_path: Path) -> None:
    stored = write_run(tmp_path, make_record(), rankings=make_rankings())
    path = stored.folder / "rankings.npz"
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    with pytest.raises(BenchmarkError, match=r"rankings\.npz cannot be read \(.*--rerun all"):
        stored.rankings()


def test_every_protocol_field_changes_the_fingerprint() -> None:
    fingerprint = make_protocol().fingerprint
    changes = {name: 128 if name == "width" else "other" for name in Protocol.model_fields}
    others = {name: make_protocol(**{name: value}).fingerprint for name, value in changes.items()}
    assert [name for name, other in others.items() if other == fingerprint] == []


def test_the_fingerprint_is_the_sha256_of_the_sorted_fields() -> None:
    import hashlib

    protocol = make_protocol()
    text = json.dumps({name: getattr(protocol, name) for name in sorted(Protocol.model_fields)})
    assert protocol.fingerprint == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_a_run_of_the_same_identity_is_replaced(tmp_path: Path) -> None:
    write_run(tmp_path, make_record(status="failed", reason="out of memory"))
    write_run(tmp_path, make_record())
    assert [run.record.status for run in stored_runs(tmp_path)] == ["complete"]


def test_nan_is_refused_and_leaves_no_record(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_run(tmp_path, make_record(phases_s={"fit": float("nan")}))
    assert list(stored_runs(tmp_path)) == []


@pytest.mark.parametrize("text", ["{ half", "[]"])
def test_an_unreadable_record_is_reported_and_left_out(text: str, tmp_path: Path) -> None:
    write_run(tmp_path, make_record())
    broken = write_run(tmp_path, make_record(run_id="seed1-00000000")).folder / "record.json"
    broken.write_text(text)
    warnings: list[str] = []
    assert [run.record.run_id for run in stored_runs(tmp_path, warnings.append)] == ["seed0-12345678"]
    assert str(broken) in warnings[0]


def test_a_record_of_an_older_schema_is_read_and_known_as_such(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_record()).folder
    assert not read_run(folder).record.is_older
    content = json.loads((folder / "record.json").read_text())
    for name in ("files_used", "config_is_for_other_code"):
        del content[name]
    (folder / "record.json").write_text(json.dumps({**content, "schema_version": 1}))
    assert read_run(folder).record.is_older


def test_a_record_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_record()).folder
    content = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**content, "schema_version": 99}))
    with pytest.raises(ValueError, match="schema 99 is newer"):
        read_run(folder)


def test_sweep_removes_what_a_dead_process_left_and_keeps_a_living_ones(tmp_path: Path) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    parent = tmp_path / "emoji54" / "fold0" / "frozen"
    stale, living = (
        parent / f".partial-{_HOST}-{dead.stdout.strip()}-x",
        parent / f".partial-{_HOST}-{os.getppid()}-x",
    )
    stale.mkdir(parents=True)
    living.mkdir()
    assert sweep(tmp_path) == 1
    assert not stale.exists()
    assert living.exists()


def test_a_writer_killed_half_way_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_run(tmp_path, make_record(), model=tmp_path / "no model here")
    assert list(stored_runs(tmp_path)) == []


def test_what_another_machine_is_writing_is_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "emoji54" / "fold0" / "frozen" / ".partial-elsewhere-1-x"
    foreign.mkdir(parents=True)
    assert sweep(tmp_path) == 0
    assert foreign.exists()


def test_two_writers_of_one_run_leave_one_whole_run(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for stored in pool.map(lambda _: write_run(tmp_path, make_record(), log="whole"), range(40)):
            assert stored.record.run_id == "seed0-12345678"
    (run,) = stored_runs(tmp_path)
    assert (run.folder / "log.txt").read_text() == "whole"
