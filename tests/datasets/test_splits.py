"""Committed splits, and what a split file may not say."""

import hashlib
from collections import Counter
from itertools import pairwise

import pytest

from benchmark.errors import BenchmarkError
from datasets.emoji54.concepts import read_concepts
from datasets.splits import SPLITS_DIR, committed_split, committed_split_ids, read_split

EMOJI_CLASSES = sorted({concept.class_name for concept in read_concepts()})
FOLDS = ("fold0", "fold1", "fold2", "fold3")
COMMITTED = [(path.parent.name, path.stem) for path in sorted(SPLITS_DIR.glob("*/*.toml"))]


def written(folder, text):
    path = folder / "split.toml"
    path.write_text(text, encoding="utf-8")
    return path


def read(path):
    return read_split(path, dataset="pets", split_id="split")


def test_emoji54_has_four_folds():
    assert committed_split_ids("emoji54") == FOLDS


def test_every_emoji54_class_is_unseen_in_exactly_one_fold():
    times_unseen = Counter(name for fold in FOLDS for name in committed_split("emoji54", fold).unseen)
    assert times_unseen == dict.fromkeys(EMOJI_CLASSES, 1)


@pytest.mark.parametrize("fold", FOLDS)
def test_a_fold_has_eight_validation_classes_among_the_seen_ones(fold):
    split = committed_split("emoji54", fold)
    assert len(set(split.validation)) == 8
    assert set(split.validation) <= set(split.seen(EMOJI_CLASSES))


def test_classes_that_share_concepts_are_unseen_together():
    mammals = {"animal face", "hoofed animal", "wild animal"}
    assert any(mammals <= set(committed_split("emoji54", fold).unseen) for fold in FOLDS)


def test_folds_are_made_by_the_stated_rule():
    fold_of = {name: i % 4 for i, name in enumerate(EMOJI_CLASSES)}
    for one, other in (("animal face", "aircraft"), ("hoofed animal", "award")):
        fold_of[one], fold_of[other] = fold_of[other], fold_of[one]
    for fold in FOLDS:
        expected = sorted(name for name in EMOJI_CLASSES if f"fold{fold_of[name]}" == fold)
        assert list(committed_split("emoji54", fold).unseen) == expected


@pytest.mark.parametrize(("dataset", "split_id"), COMMITTED)
def test_a_committed_split_is_sorted_has_an_origin_and_states_its_hash(dataset, split_id):
    split = committed_split(dataset, split_id)
    for names in (split.unseen, split.validation):
        assert all(one < other for one, other in pairwise(names))
    assert split.origin != "not stated"
    expected = hashlib.sha256("\n".join(split.unseen).encode()).hexdigest()
    assert f'sha256 = "{expected}"' in (SPLITS_DIR / dataset / f"{split_id}.toml").read_text(encoding="utf-8")


def test_a_tampered_list_is_refused(tmp_path):
    text = (SPLITS_DIR / "emoji54" / "fold0.toml").read_text(encoding="utf-8")
    path = written(tmp_path, text.replace('    "boat",\n', ""))
    with pytest.raises(BenchmarkError, match=r"sha256 says .* the unseen names give .*restore it"):
        read(path)


def test_the_hash_does_not_depend_on_the_order_in_the_file(tmp_path):
    one = read(written(tmp_path, 'unseen = ["cat", "ant"]\nvalidation = ["bee"]'))
    other = read(written(tmp_path, 'unseen = ["ant", "cat"]\nvalidation = ["bee"]'))
    assert one.sha256 == other.sha256


def test_a_misspelt_class_is_named_with_a_close_one():
    split = committed_split("emoji54", "fold0")
    classes = [name.replace("hoofed animal", "hooved animal") for name in EMOJI_CLASSES]
    with pytest.raises(BenchmarkError, match=r"'hoofed animal' \(found 'hooved animal'\)"):
        split.check_against(classes)


def test_a_split_that_leaves_no_class_for_training_is_refused(tmp_path):
    split = read(written(tmp_path, 'unseen = ["ant"]\nvalidation = ["bee"]'))
    with pytest.raises(BenchmarkError, match="leaves no class of data set 'pets' to train on"):
        split.check_against(["ant", "bee"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('unseen = ["ant"]', "`validation` must be a list of at least one class name"),
        ('unseen = []\nvalidation = ["bee"]', "`unseen` must be a list of at least one class name"),
        ('unseen = "ant"\nvalidation = ["bee"]', "`unseen` must be a list .* got 'ant'"),
        ('unseen = ["ant", "ant"]\nvalidation = ["bee"]', "`unseen` names ant more than once"),
        ('unseen = ["ant", "bee"]\nvalidation = ["bee"]', "bee stand in `unseen` and in `validation`"),
        ('unseen = ["ant"', "is not valid TOML"),
    ],
)
def test_a_malformed_split_file_is_refused_with_the_reason(tmp_path, text, message):
    with pytest.raises(BenchmarkError, match=message):
        read(written(tmp_path, text))


def test_a_missing_split_file_is_named_with_what_to_write(tmp_path):
    with pytest.raises(BenchmarkError, match=r"no split file .*split\.toml\. Write one in TOML"):
        read(tmp_path / "split.toml")


def test_an_unknown_split_is_refused_with_the_known_ones():
    with pytest.raises(BenchmarkError, match=r"no split 'fold4'\. Known: fold0, fold1, fold2, fold3"):
        committed_split("emoji54", "fold4")
