"""The split file of a root of features."""

import pytest

from benchmark.errors import BenchmarkError
from datasets.splits import committed_split, committed_split_ids

OWN = 'unseen = ["ant"]\nvalidation = ["bee"]\n'


@pytest.fixture
def with_file(empty_root, open_root):
    """Open a root with this split file."""

    def opened(text):
        (empty_root / "split.toml").write_text(text, encoding="utf-8")
        return open_root()

    return opened


def test_a_split_of_its_own_is_called_split(with_file):
    dataset = with_file(OWN)
    assert dataset.split_ids() == ("split",)
    split = dataset.split("split")
    assert (split.dataset, split.unseen, split.validation) == ("precomputed_my_features", ("ant",), ("bee",))


def test_like_a_data_set_it_has_the_committed_splits_the_default_one_first(with_file):
    dataset = with_file('like = "sketchy"')
    assert dataset.split_ids()[0] == "sake25"
    assert sorted(dataset.split_ids()) == sorted(committed_split_ids("sketchy"))
    for split_id in dataset.split_ids():
        own, committed = dataset.split(split_id), committed_split("sketchy", split_id)
        assert (own.sha256, own.validation) == (committed.sha256, committed.validation)
        assert own.dataset == "precomputed_my_features"


def test_a_split_of_its_own_goes_before_the_committed_ones(with_file):
    dataset = with_file('unseen = ["zebra"]\nvalidation = ["bat"]\nlike = "sketchy"')
    assert dataset.split_ids()[:2] == ("split", "sake25")
    assert dataset.split("split").unseen == ("zebra",)


def test_an_unknown_split_is_refused_with_the_known_ones(with_file):
    with pytest.raises(BenchmarkError, match=r"no split 'sake25'\. Known: split .*With like = \"sketchy\""):
        with_file(OWN).split("sake25")


def test_a_missing_file_is_told_with_what_may_stand_in_it(empty_root, open_root):
    (empty_root / "split.toml").unlink()
    with pytest.raises(BenchmarkError, match=r"no split file .*split\.toml\..*like = \"sketchy\".*tuberlin"):
        open_root().split_ids()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unseen = [", r"split\.toml is not valid TOML"),
        ('supervised_on = "imagenet1k"', r"names no split: write the lists"),
        (OWN + 'superviced_on = "x"', r"nothing reads `superviced_on`\. Did you mean `supervised_on`\?"),
        (
            OWN + 'like = "skechy"',
            r"like = 'skechy' is no data set whose classes are known\. .*sketchy",
        ),
        (OWN + 'like = "emoji54"', r"like = 'emoji54' is no data set whose classes are known"),
        (OWN + "like = 3", r"`like` is a text, got 3"),
        (OWN + 'supervised_on = ""', r"`supervised_on` is a text, got ''"),
        (OWN + "first_label = 2", r"first_label is the number of the first class, 0 or 1, got 2"),
        (OWN + "first_label = true", r"0 or 1, got True"),
    ],
)
def test_what_cannot_be_meant_is_refused(with_file, text, message):
    with pytest.raises(BenchmarkError, match=message):
        with_file(text).split_ids()


def test_half_a_split_is_refused(with_file):
    with pytest.raises(BenchmarkError, match="`validation` must be a list of at least one class name"):
        with_file('unseen = ["ant"]').split("split")
