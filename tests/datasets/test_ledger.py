"""Facts about files: read once, kept through interruptions, read again when a file changed."""

import os
import sqlite3
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from benchmark.errors import BenchmarkError
from datasets import ledger as ledger_module
from datasets.ledger import FileLedger


@pytest.fixture
def files(tmp_path):
    """Ten small pictures of different content."""
    paths = [tmp_path / "pictures" / f"{i}.png" for i in range(10)]
    paths[0].parent.mkdir()
    for i, path in enumerate(paths):
        Image.new("RGB", (4, 4 + i)).save(path)
    return paths


@pytest.fixture
def ledger(tmp_path):
    return FileLedger(tmp_path / "cache" / "files.sqlite")


@pytest.fixture
def readings(monkeypatch):
    """Paths that are read, by what is read of them."""
    read = {"file_sha256": [], "decode_fault": []}
    for name, paths in read.items():
        real = getattr(ledger_module, name)
        monkeypatch.setattr(
            ledger_module, name, lambda path, real=real, paths=paths: (paths.append(path), real(path))[1]
        )
    return read


def digest(path):
    return sha256(path.read_bytes()).hexdigest()


def test_digests_are_those_of_the_contents_in_order(ledger, files):
    order = [files[3], files[0], files[7]]
    assert ledger.digests(order) == [digest(path) for path in order]


def test_a_known_file_is_not_read_again(ledger, files, readings, tmp_path):
    first = ledger.digests(files[:4])
    assert FileLedger(tmp_path / "cache" / "files.sqlite").digests(files[:4]) == first
    assert sorted(readings["file_sha256"]) == files[:4]
    ledger.digests(files)
    assert sorted(readings["file_sha256"]) == files


def test_a_path_is_the_same_however_it_is_written(ledger, files, readings, monkeypatch):
    ledger.digests(files)
    monkeypatch.chdir(files[0].parent.parent)
    ledger.digests([Path("pictures", path.name) for path in files])
    assert len(readings["file_sha256"]) == len(files)


@pytest.mark.parametrize("keeps", ["size", "time"])
def test_a_changed_file_is_read_again(keeps, ledger, files, readings):
    path = files[2]
    before = path.stat()
    (old,) = ledger.digests([path])
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"!" if keeps == "size" else content + b"!")
    changed = before.st_mtime_ns + (1_000_000 if keeps == "size" else 0)
    os.utime(path, ns=(before.st_atime_ns, changed))
    (new,) = ledger.digests([path])
    assert new == digest(path) != old
    assert readings["file_sha256"] == [path, path]


def test_two_facts_of_one_file_are_kept_side_by_side(ledger, files, readings):
    for _ in range(2):
        assert ledger.digests(files) == [digest(path) for path in files]
        assert ledger.faults(files) == {}
    assert {name: len(paths) for name, paths in readings.items()} == {"file_sha256": 10, "decode_fault": 10}


def test_a_fact_of_the_old_content_is_forgotten_when_the_other_is_read_anew(ledger, files):
    path = files[0]
    assert ledger.faults([path]) == {}
    path.write_bytes(b"no picture any more")
    assert ledger.digests([path]) == [digest(path)]
    assert list(ledger.faults([path])) == [path]


def test_faults_are_named_in_order_with_their_reasons(ledger, files, readings):
    for i in (7, 2):
        files[i].write_bytes(files[i].read_bytes()[:40])
    for _ in range(2):
        faults = ledger.faults(files)
        assert list(faults) == [files[2], files[7]]
        assert all(reason and "png" not in reason for reason in faults.values())  # no path in it
    assert len(readings["decode_fault"]) == 10


def test_an_unreadable_file_is_a_users_error_that_names_it_and_is_tried_again(ledger, files):
    missing = files[0].with_name("missing.png")
    with pytest.raises(BenchmarkError, match=r"missing\.png cannot be read: No such file"):
        ledger.digests([*files, missing])
    assert list(ledger.faults([missing])) == [missing]
    Image.new("RGB", (4, 4)).save(missing)
    assert ledger.faults([missing]) == {}


def test_an_interrupted_reading_goes_on_where_it_stopped(ledger, files, readings, monkeypatch):
    monkeypatch.setattr(ledger_module, "FILES_AT_ONCE", 3)

    def stop(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.faults(files, stop)
    assert sorted(readings["decode_fault"]) == files[:6]
    ledger.faults(files)
    assert sorted(readings["decode_fault"]) == files


def test_progress_tells_how_many_of_all_are_done(ledger, files, monkeypatch):
    monkeypatch.setattr(ledger_module, "FILES_AT_ONCE", 4)
    told = []
    ledger.digests(files, lambda done, total: told.append((done, total)))
    assert told == [(4, 10), (8, 10), (10, 10)]


@pytest.mark.parametrize("damage", ["text", "other table"])
def test_a_damaged_database_is_put_aside_and_the_files_are_read_again(damage, ledger, files, tmp_path):
    path = tmp_path / "cache" / "files.sqlite"
    expected = ledger.digests(files)
    if damage == "text":
        path.write_text("this is no database. " * 100)
    else:
        path.unlink()
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE facts (other INTEGER)")
        database.close()
    damaged = path.read_bytes()
    assert ledger.digests(files) == expected
    assert path.with_suffix(".damaged").read_bytes() == damaged


def test_damage_in_the_middle_of_a_large_database_costs_only_the_reading(ledger, files, readings, tmp_path):
    path = tmp_path / "cache" / "files.sqlite"
    expected = ledger.digests(files)
    with sqlite3.connect(path) as database:
        rows = [(i.to_bytes(16, "big"), 1, 1, "x" * 64) for i in range(20_000)]
        database.executemany("INSERT INTO facts (path, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)", rows)
    database.close()
    content = bytearray(path.read_bytes())
    content[8192:-8192] = b"?" * (len(content) - 16384)
    path.write_bytes(content)
    assert ledger.digests(files) == expected
    assert path.with_suffix(".damaged").is_file()
    assert len(readings["file_sha256"]) == 2 * len(files)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_damage_anywhere_is_put_aside(share, ledger, files, tmp_path):
    path = tmp_path / "cache" / "files.sqlite"
    expected = ledger.digests(files)
    with sqlite3.connect(path) as database:
        rows = [(sha256(bytes([i % 256, i // 256])).digest()[:16], 1, 1, "x" * 64) for i in range(5_000)]
        database.executemany("INSERT INTO facts (path, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)", rows)
    database.close()
    content = bytearray(path.read_bytes())
    start = int(share * len(content)) // 4096 * 4096
    content[start : start + 4096] = b"?" * 4096
    path.write_bytes(content)
    for _ in range(2):  # files whose rows lie elsewhere may be found in spite of the damage
        assert ledger.digests(files) == expected


def test_what_the_disk_did_not_give_is_tried_again(ledger, files, monkeypatch):
    def fail(path):
        raise OSError(24, "Too many open files", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(ledger_module, "decode_fault", fail)
        assert ledger.faults(files[:2]) == dict.fromkeys(files[:2], "Too many open files")
    assert ledger.faults(files[:2]) == {}


def test_another_version_of_the_decoder_judges_anew(ledger, files, readings, monkeypatch):
    ledger.faults(files[:3])
    monkeypatch.setattr("PIL.__version__", "0.0")
    ledger.faults(files[:3])
    assert len(readings["decode_fault"]) == 6


def test_many_that_find_a_damaged_database_all_get_everything(tmp_path, files):
    path = tmp_path / "cache" / "files.sqlite"
    path.parent.mkdir()
    code = (
        "import sys; from pathlib import Path; from datasets.ledger import FileLedger; "
        "print(*FileLedger(Path(sys.argv[1])).digests([Path(a) for a in sys.argv[2:]]))"
    )
    for _ in range(3):
        path.write_text("this is no database. " * 100)
        running = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(path), *map(str, files)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        outputs = [process.communicate() for process in running]
        assert [out.split() for out, _ in outputs] == [[digest(path) for path in files]] * 4, outputs


def test_two_that_read_at_the_same_time_both_get_everything(tmp_path, files):
    found = {}
    ledgers = [FileLedger(tmp_path / "cache" / "files.sqlite") for _ in range(2)]
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, ledgers[i].digests(files))) for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == [digest(path) for path in files]


def test_the_database_holds_no_path_and_no_name(ledger, files, tmp_path):
    ledger.digests(files)
    content = (tmp_path / "cache" / "files.sqlite").read_bytes()
    assert b"pictures" not in content
    assert digest(files[0]).encode() in content


def test_nothing_is_asked_of_no_files(ledger):
    assert (ledger.digests([]), ledger.faults([])) == ([], {})
