"""From the name of a class to the words whose vectors stand for it.

The words of a name are averaged, as the scripts of three papers do:

- ZSCMR: the script of its authors that builds `wv_embeddings.mat` from word2vec;
- SEM-PCYC: `src/create_text_emb.py` of its repository;
- open-search: `w2v.py` of its author's repositories shrec-sketches-helpers and domainnet-helpers.

The last two first look for the whole name as one token, such as `alarm_clock`, which GoogleNews has and
other vectors have not; here one rule serves all files, and the whole name is the last resort. SEM-PCYC counts
a word without a vector as zeros, which leaves the direction of the mean to the other words; here the name is
missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

Wording = tuple[str, ...]
"""Words whose mean stands for a name."""

SMALL_WORDS = frozenset({"a", "an", "and", "for", "in", "o", "of", "or", "the", "to", "with"})
"""Left out of a mean, as ZSCMR leaves out the `o` of jack-o-lantern, and open-search the `with` of `flower
with stem` and the `for` of `pipe (for smoking)`. GoogleNews holds no vector for several of them."""

FIRST: Mapping[str, tuple[Wording, ...]] = MappingProxyType(
    {
        "car sedan": (("car",),),  # ZSCMR
        "bear animal": (("bear",),),  # open-search
        # A mean with a letter says little; the vector that open-search publishes is that of one token.
        "t shirt": (("t_shirt",), ("t-shirt",), ("tshirt",)),
    }
)
"""Wordings that are tried before the name's own words."""

OTHERWISE: Mapping[str, tuple[Wording, ...]] = MappingProxyType(
    {
        # GoogleNews knows American spellings only. ZSCMR puts `metal` for axe and for armor, which gives both
        # classes one vector: that is no spelling, and not done here.
        "axe": (("ax",),),  # open-search
        "moustache": (("mustache",),),  # open-search
        "crocodilian": (("crocodile",),),  # ZSCMR
        # ZSCMR writes these five as two words each.
        "hotdog": (("hot", "dog"),),
        "hourglass": (("hour", "glass"),),
        "jellyfish": (("jelly", "fish"),),
        "sailboat": (("sail", "boat"),),
        "wheelchair": (("wheel", "chair"),),
        # open-search
        "beer mug": (("beer_mugs",),),
        "coffee cup": (("coffee_mug",),),
        "parking meter": (("metered_parking",),),
        "soccer ball": (("football",),),
        "string bean": (("green_beans",),),
        "tablelamp": (("table", "lamp"),),
        # Ours, for vectors that lack the compound.
        "lightbulb": (("light", "bulb"),),
        "loudspeaker": (("loud", "speaker"),),
        "rollerblades": (("roller", "blades"),),
        "rollerskates": (("roller", "skates"),),
        "streetlight": (("street", "light"),),
        "walkie talkie": (("walkie-talkie",),),
        "wineglass": (("wine", "glass"),),
        "wristwatch": (("wrist", "watch"),),
    }
)
"""Wordings that are tried where the file lacks one of the name's own words."""


def spoken_name(class_name: str) -> str:
    """Write a class name as a person would say it: separators become blanks, brackets stay.

    >>> spoken_name("car_(sedan)"), spoken_name("jack-o-lantern"), spoken_name("Cell phone")
    ('car (sedan)', 'jack o lantern', 'cell phone')
    """
    return " ".join(class_name.replace("_", " ").replace("-", " ").lower().split())


def plain_name(class_name: str) -> str:
    """Write a class name in letters, digits and single blanks; a genitive's 's is dropped.

    >>> plain_name("pipe_(for_smoking)"), plain_name("potter's wheel")
    ('pipe for smoking', 'potter wheel')
    """
    name = re.sub(r"['’]s\b", "", spoken_name(class_name))
    return " ".join(re.sub(r"[^\w\s]", " ", name).split())


def wordings(class_name: str) -> tuple[Wording, ...]:
    """Return the wordings of a name, the best first, each once.

    >>> wordings("hot-air_balloon")[0], wordings("jack-o-lantern")[0]
    (('hot', 'air', 'balloon'), ('jack', 'lantern'))
    >>> wordings("speed-boat")
    (('speed', 'boat'), ('speed_boat',), ('speedboat',), ('speed-boat',))
    """
    name = plain_name(class_name)
    words = tuple(name.split())
    own = tuple(word for word in words if word not in SMALL_WORDS) or words
    found = [*FIRST.get(name, ()), own, *OTHERWISE.get(name, ())]
    if len(words) > 1:
        # `The_Eiffel_Tower` stands in vectors as Eiffel_Tower.
        whole = words[1:] if words[0] == "the" else words
        found += [(mark.join(whole),) for mark in ("_", "", "-")]
    return tuple(dict.fromkeys(wording for wording in found if wording))


def spellings(word: str) -> tuple[str, ...]:
    """Return how a word may be written in a file that tells cases apart, the usual one first.

    >>> spellings("eiffel_tower")
    ('eiffel_tower', 'Eiffel_tower', 'EIFFEL_TOWER', 'Eiffel_Tower')
    """
    each = "_".join(part[:1].upper() + part[1:] for part in word.split("_"))
    return tuple(dict.fromkeys((word, word[:1].upper() + word[1:], word.upper(), each)))


def letters(class_name: str) -> str:
    """Return a name without what spellings differ in: case, separators, brackets, a leading `the`.

    >>> letters("table_lamp") == letters("tablelamp"), letters("The_Eiffel_Tower")
    (True, 'eiffeltower')
    """
    return plain_name(class_name).removeprefix("the ").replace(" ", "")
