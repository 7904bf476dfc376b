"""The parts that a published data set is made of, and the names that its files have there."""

from __future__ import annotations

import re
from dataclasses import dataclass

SKETCH = "sketch"


@dataclass(frozen=True)
class Part:
    """The sketches, or the photos of one source.

    key: "sketch" or the photos' source; item names begin with it. noun: what to call its pictures in a
    message. stems: what file names look like without suffix, None where anything goes; its group, where it
    takes part, names the photographed object. example: such a file name. left_out: stems of files that lie in
    the folder and are no part of this data set, with the reason. known_strays: `<class>/<file>` that fit no
    pattern in the published data either.
    """

    key: str
    noun: str
    stems: re.Pattern[str] | None = None
    example: str = ""
    is_required: bool = True
    left_out: re.Pattern[str] | None = None
    left_out_reason: str = ""
    known_strays: frozenset[str] = frozenset()

    @property
    def is_sketch(self) -> bool:
        """Whether its pictures query, rather than being searched."""
        return self.key == SKETCH

    @property
    def label(self) -> str:
        """Name in tables of counts: "sketch", "photo", "photo ext"."""
        return self.key if self.key in (SKETCH, "photo") else f"photo {self.key}"

    @property
    def names_instances(self) -> bool:
        """Whether its file names tell which object they show."""
        return self.stems is not None and self.stems.groups > 0


def stem(file_name: str) -> str:
    """A file name without its last suffix.

    >>> stem("52. sourdough-bread.desktop.jpeg")
    '52. sourdough-bread.desktop'
    """
    return file_name.rpartition(".")[0]


def canonical_file_name(file_name: str) -> str:
    """A file name as every copy of a data set has it: suffix in lower case, `jpg` for `jpeg`.

    Returns the same object where nothing changes, so that paths and names share their texts.

    >>> canonical_file_name("n07753592_7382.JPEG")
    'n07753592_7382.jpg'
    """
    before, _, suffix = file_name.rpartition(".")
    plain = "jpg" if suffix.lower() == "jpeg" else suffix.lower()
    return file_name if plain == suffix else f"{before}.{plain}"


def first_few(names: list[str], n_shown: int = 5) -> str:
    """The first names of a list, for a message."""
    return ", ".join(names[:n_shown]) + (", …" if len(names) > n_shown else "")
