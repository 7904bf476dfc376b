"""Suites: TOML files that say what to run, and what is said when one is wrong."""

from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.suite import load_suite, suite_names, suite_rows


def test_the_four_suites_are_there() -> None:
    assert {"default", "smoke", "full", "zscmr-ablation"} <= set(suite_names())


def test_the_default_suite_names_its_eight_methods_and_four_folds() -> None:
    suite = load_suite("default")[0]
    assert suite.methods == ("frozen", "centred", "cca", "ridge", "sae", "siamese", "triplet", "zscmr")
    assert suite.splits == ("fold0", "fold1", "fold2", "fold3")
    assert suite.seeds == (0,)


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_loads_and_has_rows(name: str) -> None:
    assert list(suite_rows(load_suite(name)[0], ("frozen",)))


def test_all_methods_means_all_registered_ones() -> None:
    rows = list(suite_rows(load_suite("full")[0], ("a", "b")))
    assert [row.method for row in rows] == ["a", "b"]


def test_variants_follow_the_methods_and_carry_their_changes() -> None:
    last = list(suite_rows(load_suite("zscmr-ablation")[0], ()))[-1]
    assert (last.method, last.changes) == ("zscmr", {"topology": "distances"})


def test_an_unknown_suite_names_the_known_ones() -> None:
    with pytest.raises(
        BenchmarkError, match=r"no suite 'defualt'. Close names: default. Known: codes, default, doodle101"
    ):
        load_suite("defualt")[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("methods = [", "not valid TOML"),
        ('methods = ["frozen"]', "field 'title'"),
        ('title = "x"\nmethods = ["frozen"]\nsplit = ["fold0"]', "field 'split'"),
        ('title = "x"\nmethods = ["frozen"]\nfeature_norm = "none"', "'centred' or 'raw'"),
        ('title = "x"\nmethods = ["frozen"]\nseeds = []', "field 'seeds'"),
        (
            'title = "x"\nmethods = ["frozen"]\n[finetuning]\nmax_epoch = 1',
            "field 'finetuning.max_epoch': .*Known fields: max_epochs, patience",
        ),
    ],
)
def test_a_wrong_suite_file_is_refused_by_its_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BenchmarkError, match=message):
        load_suite(str(path))[0]
