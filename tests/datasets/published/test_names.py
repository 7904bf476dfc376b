"""Class folders in every spelling that archives use, each of one class."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.published.names import ClassNames, loose
from datasets.quickdraw_ext import QuickDrawExt
from datasets.sketchy import SketchyExt
from datasets.tuberlin_ext import TuBerlinExt


def names_of(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    return kind(root=folder, cache_dir=folder).class_names()


@pytest.fixture(scope="module")
def all_names(tmp_path_factory):
    return {
        kind.card.id: names_of(kind, tmp_path_factory) for kind in (SketchyExt, TuBerlinExt, QuickDrawExt)
    }


@pytest.mark.parametrize("dataset_id", ["sketchy_ext", "tuberlin_ext", "quickdraw_ext"])
def test_every_class_name_means_itself(all_names, dataset_id):
    names = all_names[dataset_id]
    assert [names.find(name) for name in names.class_names] == list(names.class_names)


@pytest.mark.parametrize("dataset_id", ["sketchy_ext", "tuberlin_ext", "quickdraw_ext"])
@given(data=st.data())
def test_case_and_separators_do_not_matter(all_names, dataset_id, data):
    names = all_names[dataset_id]
    name = data.draw(st.sampled_from(names.class_names))
    spelt = ""
    for character in name:
        if character.isalnum():
            spelt += data.draw(st.sampled_from([character.lower(), character.upper()]))
            spelt += data.draw(st.sampled_from(["", "", "", "_", "-", " "]))
        else:
            spelt += data.draw(st.sampled_from(["", "_", "-", " ", character]))
    assert names.find(spelt) == name


@pytest.mark.parametrize(
    ("folder", "class_name"),
    [
        ("griaffe", "giraffe"),
        ("spidar", "spider"),
        ("chandeler", "chandelier"),
        ("diamod", "diamond"),
        ("tromobone", "trombone"),
        ("spacesshuttle", "space shuttle"),
        ("wristwatching", "wrist-watch"),
        ("mouse", "mouse (animal)"),
        ("computermouse", "computer-mouse"),
        ("pipe", "pipe (for smoking)"),
        ("bearanimal", "bear (animal)"),
        ("teddybear", "teddy-bear"),
        ("carsedan", "car (sedan)"),
        ("cranemachine", "crane (machine)"),
        ("tshirt", "t-shirt"),
        ("t_shirt", "t-shirt"),
        ("flowerwithstem", "flower with stem"),
        ("bear_(animal)", "bear (animal)"),
        ("hotairballoon", "hot air balloon"),
        ("headphones", "head-phones"),
    ],
)
def test_tuberlin_folders_of_the_photo_archive_and_of_sem_pcyc(all_names, folder, class_name):
    assert all_names["tuberlin_ext"].find(folder) == class_name


@pytest.mark.parametrize("folder", ["hot_air_balloon", "hot-air_balloon"])
def test_sketchy_folders_of_sem_pcyc(all_names, folder):
    assert all_names["sketchy_ext"].find(folder) == "hot-air_balloon"
    assert all_names["sketchy_ext"].find("jack_o_lantern") == "jack-o-lantern"


@pytest.mark.parametrize("folder", ["palm_tree", "palm tree"])
def test_quickdraw_palm_tree_in_both_spellings(all_names, folder):
    assert all_names["quickdraw_ext"].find(folder) == "palm tree"


@pytest.mark.parametrize("folder", ["", "bears", "bear", "mouse (computer)", "crane", "animals", "()"])
def test_a_name_of_no_class_means_none(all_names, folder):
    assert all_names["tuberlin_ext"].find(folder) is None


def test_the_nearest_class_is_told(all_names):
    assert all_names["sketchy_ext"].nearest("aeroplane") == "airplane"
    assert all_names["sketchy_ext"].nearest("xxxxxxxx") is None


def test_a_spelling_of_two_classes_is_refused():
    with pytest.raises(ValueError, match="'hot dog' means 'hotdog' and 'hot dog'"):
        ClassNames(("hotdog", "hot dog"))
    with pytest.raises(ValueError, match="'mouse' means 'mouse' and 'rat'"):
        ClassNames(("mouse", "rat"), {"mouse": "rat"})


def test_a_spelling_of_no_class_is_refused():
    with pytest.raises(ValueError, match="'griaffe' is to mean 'giraffe', which is no class"):
        ClassNames(("zebra",), {"griaffe": "giraffe"})


@given(st.text(max_size=20))
def test_loose_is_done_once(name):
    assert loose(loose(name)) == loose(name)


def test_folders_in_the_photo_archives_spelling_are_found(tuberlin):
    for class_name, folder in (
        ("giraffe", "griaffe"),
        ("mouse (animal)", "mouse"),
        ("palm tree", "palmtree"),
    ):
        path = tuberlin.folder("photo", class_name)
        path.rename(path.with_name(folder))
    index = tuberlin.open().index()
    assert "photo/mouse (animal)/image_00001.jpg" in set(index.photos.names)
    assert "photo/giraffe/image_00001.jpg" in set(index.photos.names)
    assert any(path.parent.name == "griaffe" for path in index.photos.files)
