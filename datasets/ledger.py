"""What reading a picture file has shown, remembered: its content's digest, and whether it can be decoded.

Kept by path, size and time of change in one SQLite file of the cache folder, so that a file is read again
only when it changed. Written every few hundred files: an interrupted call is continued by the next one.
Paths are kept as hashes: who lists the cache learns no class of a picture that can be read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import PIL
from filelock import FileLock

from benchmark.errors import BenchmarkError
from datasets.pictures import decode_fault, file_sha256
from datasets.progress import Progress
from datasets.threads import n_threads

FILES_AT_ONCE = 512
"""Looked up, read and written together; an interrupted call loses no more than their reading."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
    path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 TEXT, fault TEXT, decoder TEXT
) WITHOUT ROWID
"""

N_ATTEMPTS = 4
"""Another process may put a damaged file aside while this one reads it; then the new one is read."""

Fact = Literal["sha256", "fault"]
Stamp = tuple[int, int]
Reading = tuple[str, bool]
"""What a file showed, and whether it will stay so: the failure of a disk or of permissions may pass."""


class FileLedger:
    """Facts about files, computed once.

    path: the SQLite file. Several processes may use it; a fact that two compute is written twice. A file
    that is no database any more is put aside: nothing is lost but the time to read the pictures again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def digests(self, files: Sequence[Path], progress: Progress | None = None) -> list[str]:
        """Return the hex sha256 of every file, in order. Raises BenchmarkError naming an unreadable file."""
        return self._facts("sha256", lambda path: (file_sha256(path), True), files, progress)

    def faults(self, files: Sequence[Path], progress: Progress | None = None) -> dict[Path, str]:
        """Decode every file; return those that cannot be decoded, in order, each with the reason.

        Verdicts of the decoder are kept; a file that the disk did not give is tried again next time.
        """
        reasons = self._facts("fault", _fault, files, progress)
        return {path: reason for path, reason in zip(files, reasons, strict=True) if reason}

    def _facts(
        self, fact: Fact, read: Callable[[Path], Reading], files: Sequence[Path], progress: Progress | None
    ) -> list[str]:
        for attempt in range(N_ATTEMPTS):
            is_last = attempt == N_ATTEMPTS - 1
            try:
                return self._read(fact, read, files, progress)
            except sqlite3.OperationalError as error:
                if is_last or not any(text in str(error) for text in ("readonly", "disk I/O")):
                    raise BenchmarkError(self._cannot_be_used(error)) from error
                time.sleep(0.1 * (attempt + 1))
            except sqlite3.DatabaseError as error:
                if is_last:
                    raise BenchmarkError(self._cannot_be_used(error)) from error
                self._put_aside(unless_whole=attempt == 0)
        raise AssertionError("every attempt returns or raises")

    def _put_aside(self, *, unless_whole: bool) -> None:
        """Move a damaged file away. unless_whole: another process may have done so meanwhile."""
        with FileLock(self._path.with_suffix(".lock")):
            try:
                with contextlib.closing(sqlite3.connect(self._path, timeout=60)) as database:
                    _prepare(database)
                    is_whole = database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            except sqlite3.OperationalError:
                return  # locked, say: the next attempt tells
            except sqlite3.DatabaseError:
                is_whole = False
            if not (is_whole and unless_whole):
                self._path.replace(self._path.with_suffix(".damaged"))

    def _cannot_be_used(self, error: sqlite3.Error) -> str:
        text = str(error)
        advice = "Name another folder with --cache-dir."
        if "full" in text:
            advice = "Free the disk, or name another folder with --cache-dir."
        elif "locked" in text:
            advice = "Another process writes to it: wait for it, or name another folder with --cache-dir."
        return f"{self._path} cannot be used: {text}. {advice}"

    def _read(
        self, fact: Fact, read: Callable[[Path], Reading], files: Sequence[Path], progress: Progress | None
    ) -> list[str]:
        found: list[str] = []
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with (
            contextlib.closing(sqlite3.connect(self._path, timeout=60)) as database,
            ThreadPoolExecutor(n_threads()) as pool,
        ):
            _prepare(database)
            for part in _parts(files):
                stamps = _stamped(part)
                known = _remembered(database, fact, stamps)
                unknown = [path for path in part if _key(path) not in known]
                new = dict(zip(map(_key, unknown), _read_all(pool, read, unknown), strict=True))
                _remember(
                    database, fact, {key: value for key, (value, stays) in new.items() if stays}, stamps
                )
                known |= {key: value for key, (value, _) in new.items()}
                found += [known[_key(path)] for path in part]
                if progress is not None and unknown:
                    progress(len(found), len(files))
        return found


def _prepare(database: sqlite3.Connection) -> None:
    """Make the table. Raises sqlite3.DatabaseError for a file that is none of ours."""
    try:
        database.execute(_SCHEMA)
        database.execute("SELECT path, size, mtime_ns, sha256, fault, decoder FROM facts LIMIT 1").fetchall()
    except sqlite3.OperationalError as error:
        if "no such column" in str(error):  # another table of that name: not ours to write into
            raise sqlite3.DatabaseError(str(error)) from error
        raise


def _parts(files: Sequence[Path]) -> Iterator[list[Path]]:
    for start in range(0, len(files), FILES_AT_ONCE):
        yield list(files[start : start + FILES_AT_ONCE])


def _key(path: Path) -> bytes:
    return hashlib.blake2b(os.fsencode(os.path.abspath(path)), digest_size=16).digest()  # noqa: PTH100 - resolve() asks the disk


def _stamped(files: Sequence[Path]) -> dict[bytes, Stamp]:
    """Size and time of change by key; a file that cannot be asked has none and is read again."""
    stamps = {}
    for path in files:
        try:
            status = path.stat()
        except OSError:
            continue
        stamps[_key(path)] = (status.st_size, status.st_mtime_ns)
    return stamps


def _remembered(database: sqlite3.Connection, fact: Fact, stamps: Mapping[bytes, Stamp]) -> dict[bytes, str]:
    marks = ",".join("?" * len(stamps))
    by = "" if fact == "sha256" else "AND decoder = ?"  # what one version refuses another may read
    rows = database.execute(
        f"SELECT path, size, mtime_ns, {fact} FROM facts WHERE path IN ({marks}) AND {fact} IS NOT NULL {by}",
        [*stamps, *([PIL.__version__] if by else [])],
    )
    return {key: value for key, size, mtime_ns, value in rows if stamps[key] == (size, mtime_ns)}


def _remember(
    database: sqlite3.Connection, fact: Fact, new: Mapping[bytes, str], stamps: Mapping[bytes, Stamp]
) -> None:
    decoder = PIL.__version__ if fact == "fault" else None
    rows = [(key, *stamps[key], value, decoder) for key, value in new.items() if key in stamps]
    if not rows:
        return
    with database:
        # The other fact of a file stays only while it is the same file.
        other = "fault" if fact == "sha256" else "sha256"
        database.executemany(
            f"INSERT INTO facts (path, size, mtime_ns, {fact}, decoder) VALUES (?, ?, ?, ?, ?) "
            f"ON CONFLICT (path) DO UPDATE SET {fact} = excluded.{fact}, "
            f"{other} = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns THEN {other} END, "
            "decoder = coalesce(excluded.decoder, decoder), "
            "size = excluded.size, mtime_ns = excluded.mtime_ns",
            rows,
        )


def _fault(path: Path) -> Reading:
    try:
        return decode_fault(path), True
    except MemoryError:
        return "not enough memory to decode it", False
    except OSError as error:
        return error.strerror or str(error), False


def _read_all(
    pool: ThreadPoolExecutor, read: Callable[[Path], Reading], files: Sequence[Path]
) -> list[Reading]:
    """Read files in threads, several a task: hashing and decoding release Python's lock."""
    size = max(1, len(files) // (4 * n_threads()))
    tasks = [files[start : start + size] for start in range(0, len(files), size)]
    return [fact for part in pool.map(lambda task: [read(path) for path in task], tasks) for fact in part]
