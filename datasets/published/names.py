"""Class folders as archives spell them, and the one class that each of them means."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence


def loose(name: str) -> str:
    """A name without what archives spell differently: case, blanks, hyphens, underscores, brackets.

    >>> loose("Hot-air_Balloon") == loose("hot air balloon") == "hotairballoon"
    True
    """
    return "".join(character for character in name.casefold() if character.isalnum())


class ClassNames:
    """The classes of a data set, found by any known spelling of their names.

    spellings: folder names that differ by more than `loose` forgives, such as typos, with the class meant.
    Raises ValueError when a spelling would mean two classes, or a class that there is not.

    >>> names = ClassNames(("giraffe", "t-shirt"), {"griaffe": "giraffe"})
    >>> names.find("TShirt"), names.find("griaffe"), names.find("zebra")
    ('t-shirt', 'giraffe', None)
    """

    def __init__(self, class_names: Sequence[str], spellings: Mapping[str, str] | None = None) -> None:
        self.class_names = tuple(sorted(class_names))
        self._class_of: dict[str, str] = {}
        for spelling, name in (*zip(class_names, class_names, strict=True), *(spellings or {}).items()):
            if name not in self.class_names:
                raise ValueError(f"'{spelling}' is to mean '{name}', which is no class")
            if self._class_of.setdefault(loose(spelling), name) != name:
                raise ValueError(f"'{spelling}' means '{self._class_of[loose(spelling)]}' and '{name}'")

    def find(self, folder_name: str) -> str | None:
        """The class that a folder name means, None where it means none."""
        return self._class_of.get(loose(folder_name))

    def nearest(self, folder_name: str) -> str | None:
        """The class whose name is spelt most like an unknown one, None where none is near."""
        # The default of 0.6 takes `rocket` for `cake`.
        close = difflib.get_close_matches(loose(folder_name), self._class_of, n=1, cutoff=0.75)
        return self._class_of[close[0]] if close else None
