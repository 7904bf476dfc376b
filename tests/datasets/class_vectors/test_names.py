"""From class names to words, against what published scripts do with them."""

import csv

import pytest

import datasets.vectors.make as make
from datasets.class_vectors import spoken_name
from datasets.class_vectors.names import OTHERWISE, SMALL_WORDS, plain_name, wordings

EVERY_NAME = sorted(
    {row["class"] for row in csv.DictReader(make.NAMES_FILE.open(encoding="utf-8", newline=""))}
)

# The words that the script of ZSCMR's authors averages for Sketchy's classes of several words.
ZSCMR = {
    "alarm_clock": ("alarm", "clock"),
    "hermit_crab": ("hermit", "crab"),
    "hot-air_balloon": ("hot", "air", "balloon"),
    "hotdog": ("hot", "dog"),
    "hourglass": ("hour", "glass"),
    "jack-o-lantern": ("jack", "lantern"),
    "jellyfish": ("jelly", "fish"),
    "pickup_truck": ("pickup", "truck"),
    "sailboat": ("sail", "boat"),
    "sea_turtle": ("sea", "turtle"),
    "teddy_bear": ("teddy", "bear"),
    "wading_bird": ("wading", "bird"),
    "wheelchair": ("wheel", "chair"),
    "wine_bottle": ("wine", "bottle"),
    "car_(sedan)": ("car",),
    "crocodilian": ("crocodile",),
}

# What open-search's helpers put where word2vec lacks the name as one token.
OPEN_SEARCH = {
    "pipe (for smoking)": ("pipe", "smoking"),
    "parking meter": ("metered_parking",),
    "door handle": ("doorhandle",),
    "bear (animal)": ("bear",),
    "race car": ("racecar",),
    "axe": ("ax",),
    "tablelamp": ("table", "lamp"),
    "beer-mug": ("beer_mugs",),
    "flower with stem": ("flower", "stem"),
    "wrist-watch": ("wristwatch",),
    "soccer ball": ("football",),
}


@pytest.mark.parametrize(("name", "words"), [*ZSCMR.items(), *OPEN_SEARCH.items()])
def test_a_published_wording_is_among_those_of_its_name(name, words):
    assert words in wordings(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dog", ("dog",)),
        ("book or paper", ("book", "paper")),
        ("bowl of food", ("bowl", "food")),
        ("lock and key", ("lock", "key")),
        ("mouse (animal)", ("mouse", "animal")),
        ("potter's wheel", ("potter", "wheel")),
        ("jack-o'-lantern", ("jack", "lantern")),
        ("bicycle-built-for-two", ("bicycle", "built", "two")),
        ("a", ("a",)),
    ],
)
def test_the_first_wording_is_the_words_that_mean_something(name, words):
    assert wordings(name)[0] == words


@pytest.mark.parametrize("name", EVERY_NAME)
def test_every_class_of_the_built_in_data_sets_has_wordings_of_plain_words(name):
    for wording in wordings(name):
        assert wording
        assert all(word and not set(word) & set(" ()'") for word in wording)
    assert not set(wordings(name)[0]) & SMALL_WORDS


def test_names_with_wordings_of_their_own_are_written_as_they_are_looked_up():
    assert all(plain_name(name) == name for name in OTHERWISE)


def test_spellings_of_one_name_have_the_same_wordings():
    assert wordings("Hot_Air_Balloon") == wordings("hot-air balloon")
    assert spoken_name("Hot_Air_Balloon") == "hot air balloon"
