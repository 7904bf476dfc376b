"""The class folders of Caltech-101, wherever unpacking the download has put them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

WITHIN = (".", "101_ObjectCategories", "caltech-101/101_ObjectCategories")
"""Where the class folders lie under the folder that a person names: the archive holds an archive."""
ARCHIVES = ("101_ObjectCategories.tar.gz", "caltech-101/101_ObjectCategories.tar.gz", "caltech-101.zip")


def class_folders_in(folder: Path, sources: Collection[str]) -> Path | None:
    """Return the folder that holds most of the class folders `sources`, None where none of them is found.

    folder: holds `airplanes/image_0001.jpg`, or a folder `101_ObjectCategories` that does.
    """
    places = [folder / within for within in WITHIN]
    n_found = {place: sum((place / source).is_dir() for source in sources) for place in places}
    best = max(places, key=n_found.__getitem__)
    return best if n_found[best] else None


def not_found_text(folder: Path) -> str:
    """Say what was seen instead of class folders and what to do."""
    if not folder.is_dir():
        seen = "is a file, not a folder" if folder.exists() else "does not exist"
        return f"--caltech101 {folder} {seen}"
    archive = next((name for name in ARCHIVES if (folder / name).is_file()), None)
    if archive is not None:
        return f"--caltech101 {folder} holds {archive}, not unpacked: unpack it there"
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    seen = ", ".join(names[:5]) + (", …" if len(names) > 5 else "") if names else "nothing"
    return (
        f"--caltech101 {folder} holds no class folder such as airplanes or 101_ObjectCategories/airplanes; "
        f"it holds {seen}"
    )
