"""Where the published copies of a data set keep their parts, and which copy lies under a data root.

Four lineages of code prepared the same archives in four ways. A layout is data; recognising one looks at
folder names only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.checks import require_folder
from datasets.published.names import ClassNames, loose
from datasets.published.parts import Part, first_few

CONTAINERS = frozenset({"data", "dataset", "datasets"})
"""Folders between a root and the data sets' own ones, as in SAKE's `dataset/Sketchy`."""

BESIDE = "../"
"""Begins a candidate that lies beside the data set's own folder instead of in it."""


N_ABOVE = 3
"""Folders above the root that are looked at for a hint."""


@dataclass(frozen=True)
class Layout:
    """One way to lay a data set out.

    users: the code that expects it. folders: part key -> where the part may lie under the data set's own
    folder, one of them. within: folders that divide every part, as `train` and `val` do. has_lists: whether
    file lists in `zeroshot*` say which pictures belong to the data set.
    """

    letter: str
    users: str
    folders: Mapping[str, tuple[str, ...]]
    within: tuple[str, ...] = ("",)
    has_lists: bool = False

    @property
    def title(self) -> str:
        """Letter and users, for a message."""
        return f"layout {self.letter} ({self.users})"


_Look = tuple[Path, Layout, Mapping[str, list[str]]]
"""A folder that may be the data set's own, a layout, and which candidates of each part are there."""


@dataclass(frozen=True)
class Place:
    """A layout found on a disk. home: the data set's own folder. folders: part key -> its folders."""

    layout: Layout
    root: Path
    home: Path
    folders: Mapping[str, tuple[Path, ...]]

    def sentence(self, parts: Sequence[Part]) -> str:
        """How it was recognised, for a person."""
        found = ", ".join(
            f"{part.noun} in {' and '.join(self.shown(folder) for folder in self.folders[part.key])}"
            for part in parts
            if part.key in self.folders
        )
        return f"{self.layout.title}: {found} under {self.root}"

    def shown(self, folder: Path) -> str:
        """A folder as a message names it: from the data root on."""
        return folder.relative_to(self.root).as_posix()


def recognise(
    root: Path, *, homes: Sequence[str], layouts: Sequence[Layout], parts: Sequence[Part], names: ClassNames
) -> Place:
    """Return the one layout that lies under a root.

    homes: what the data set's own folder may be called, as `loose` writes it; the root may be that folder
    itself. Raises BenchmarkError when there is none, saying what was looked for and what is nearest, and when
    there are two.
    """
    require_folder(root, layout=f"\n{described(layouts, parts)}")
    looked = _look(root, homes, layouts, parts, names)
    matches = _whole(looked, parts)
    if not matches:
        above = next(
            (
                one
                for one in root.resolve().parents[:N_ABOVE]
                if _whole(_look(one, homes, layouts, parts, names), parts)
            ),
            None,
        )
        raise BenchmarkError(_nothing_found(root, looked, layouts, parts, above))
    for home, layout, found in matches:
        for part in parts:
            if len(found[part.key]) > 1:
                several = " and ".join(str(home / candidate) for candidate in found[part.key])
                raise BenchmarkError(
                    f"{part.noun} of {layout.title} lie in two places: {several}. Only one can be meant: "
                    "move the other out of the data root."
                )
    places = [
        Place(
            layout,
            root,
            home,
            {key: _folders(home, layout, candidates[0]) for key, candidates in found.items() if candidates},
        )
        for home, layout, found in matches
    ]
    if len(places) > 1:
        found_twice = "; and ".join(place.sentence(parts) for place in places)
        raise BenchmarkError(
            f"two copies of the data set lie under one root. {found_twice}. Name the folder of one of them "
            "as --data-root, or move the other away."
        )
    return places[0]


def _look(
    root: Path, homes: Sequence[str], layouts: Sequence[Layout], parts: Sequence[Part], names: ClassNames
) -> list[_Look]:
    return [
        (home, layout, {part.key: _present(root, home, layout, part, names) for part in parts})
        for home in _homes(root, homes)
        for layout in layouts
    ]


def _whole(looked: Sequence[_Look], parts: Sequence[Part]) -> list[_Look]:
    return [look for look in looked if all(look[2][part.key] for part in parts if part.is_required)]


def described(layouts: Sequence[Layout], parts: Sequence[Part]) -> str:
    """What is looked for in each layout, a line each."""
    return "\n".join(
        f"  {layout.title}: "
        + ", ".join(
            f"{part.noun} in "
            + " or ".join(_candidate_shown(layout, candidate) for candidate in layout.folders[part.key])
            for part in parts
            if part.key in layout.folders
        )
        for layout in layouts
    )


def _candidate_shown(layout: Layout, candidate: str) -> str:
    if candidate.startswith(BESIDE):
        return f"{candidate.removeprefix(BESIDE)} beside it"
    divided = "" if layout.within == ("",) else f"{{{','.join(layout.within)}}}/"
    return divided + candidate


def _homes(root: Path, keys: Sequence[str]) -> list[Path]:
    """Folders that may be the data set's own: the root, and those under it that are called like it."""
    above = [root, *(child for child in _subfolders(root) if child.name.lower() in CONTAINERS)]
    homes = [root, *(child for folder in above for child in _subfolders(folder) if loose(child.name) in keys)]
    distinct: dict[str, Path] = {}
    for home in homes:
        distinct.setdefault(os.path.realpath(home), home)
    return list(distinct.values())


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return []  # a folder that cannot be listed holds nothing that could be recognised


def _present(root: Path, home: Path, layout: Layout, part: Part, names: ClassNames) -> list[str]:
    """Candidates of a part that are there and hold at least one class folder, each once."""
    candidates = [
        candidate
        for candidate in layout.folders.get(part.key, ())
        if (home != root or not candidate.startswith(BESIDE))
        and any(
            names.find(child.name) is not None
            for folder in _folders(home, layout, candidate)
            for child in _subfolders(folder)
        )
    ]
    distinct: dict[str, str] = {}
    for candidate in candidates:
        distinct.setdefault(os.path.realpath(_folders(home, layout, candidate)[0]), candidate)
    return list(distinct.values())


def _folders(home: Path, layout: Layout, candidate: str) -> tuple[Path, ...]:
    above = home.parent if candidate.startswith(BESIDE) else home
    return tuple(above / within / candidate.removeprefix(BESIDE) for within in layout.within)


def _nothing_found(
    root: Path,
    looked: Sequence[_Look],
    layouts: Sequence[Layout],
    parts: Sequence[Part],
    above: Path | None,
) -> str:
    """What is nearest and what lies there, then everything that was looked for. above: where it would do."""
    text = f"no known layout lies under {root}."
    if above is not None:
        text += f" One lies under {above}: name that as --data-root."
    home, layout, found = max(looked, key=lambda look: sum(map(bool, look[2].values())))
    if any(found.values()):
        has = ", ".join(f"{part.noun} ({found[part.key][0]})" for part in parts if found[part.key])
        lacks = [part for part in parts if part.key in layout.folders and not found[part.key]]
        nouns = " and ".join(part.noun + ("" if part.is_required else " (optional)") for part in lacks)
        text += f" Nearest is {layout.title} in {home}: it has {has}, and no {nouns}."
    renderings = sorted(set(_other_renderings(looked)))
    if renderings:
        text += (
            f" There are other renderings of the pictures ({', '.join(renderings)}): published results are "
            "on tx_000000000000."
        )
    lies_there = [child.name for child in _subfolders(root)]
    holds = f"the folders {first_few(lies_there, 10)}" if lies_there else "no folders"
    return f"{text} {root} holds {holds}. Looked for:\n{described(layouts, parts)}"


def _other_renderings(looked: Sequence[_Look]) -> Iterator[str]:
    for home, layout, found in looked:
        for key, candidates in layout.folders.items():
            for candidate in candidates:
                folder = Path(candidate)
                if folder.name.startswith("tx_") and key in found and not found[key]:
                    for child in _subfolders(home / folder.parent):
                        if child.name.startswith("tx_") and child.name != folder.name:
                            yield (folder.parent / child.name).as_posix()
