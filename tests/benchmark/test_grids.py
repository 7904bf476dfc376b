"""Grids of a suite: how a file names several, how flags choose among them, how splits divide them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.codes.term import CodeKind
from benchmark.commands.flagged_grids import changed, fitting, given, is_of, own_name
from benchmark.errors import BenchmarkError
from benchmark.prepare import PreparedData, Where
from benchmark.records import digest
from benchmark.registry import register_dataset
from benchmark.runner import grids_of
from benchmark.suite import Suite, load_suite, meets
from datasets.base import DatasetCard, SketchPhotoDataset
from datasets.splits import ZeroShotSplit

Write = Callable[[str], tuple[Suite, ...]]
FAMILIES = {"sake": "", "drawn0": "drawn", "other": "", "drawn1": "drawn"}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Load a suite file of two fixed lines and the given ones."""

    def load(text: str) -> tuple[Suite, ...]:
        path = tmp_path / "mine.toml"
        path.write_text(f'title = "x"\nmethods = ["frozen"]\n{text}')
        return load_suite(str(path))

    return load


@pytest.fixture
def divide(open_registries: None, tmp_path: Path) -> Callable[..., tuple[Suite, ...]]:
    """Divide one grid on a data set whose four splits are of three families."""

    class Listed(SketchPhotoDataset):
        card = DatasetCard("listed", "", "", "", "", "", "", needs_root=False)

        def index(self, progress: object = None) -> None:  # type: ignore[override]
            pytest.fail("pictures were read")

        def split_ids(self) -> tuple[str, ...]:
            return tuple(FAMILIES)

        def split(self, split_id: str) -> ZeroShotSplit:
            if split_id not in FAMILIES:
                raise BenchmarkError(f"no split '{split_id}'")
            return ZeroShotSplit("listed", split_id, ("a",), ("b",), "test", FAMILIES[split_id])

    register_dataset(Listed)

    def call(splits: object, part: str = "") -> tuple[Suite, ...]:
        suite = Suite(name="s", title="t", dataset="listed", part=part, methods=("frozen",), splits=splits)  # type: ignore[arg-type]
        return grids_of([suite], Where(tmp_path / "cache", tmp_path / "results"))

    return call


def test_a_file_without_grids_is_one_grid_without_a_part(write: Write) -> None:
    (suite,) = write('setting = "gzs/all_seen"')
    assert (suite.part, suite.file_name, suite.setting) == ("", "mine", "gzs/all_seen")


def test_every_grid_has_the_fields_of_the_file_and_its_own(write: Write) -> None:
    first, second = write(
        'seeds = [3]\nsetting = "zs"\n[[grid]]\ndataset = "folder"\n[[grid]]\nsetting = "gzs/heldout"\n'
    )
    assert (first.dataset, first.setting, first.seeds) == ("folder", "zs", (3,))
    assert (second.dataset, second.setting, second.seeds) == ("emoji54", "gzs/heldout", (3,))


@pytest.mark.parametrize("place", ["", "[[grid]]\n"])
def test_a_list_of_directions_is_one_grid_each(write: Write, place: str) -> None:
    grids = write(f'{place}direction = ["sketch2photo", "photo2sketch"]')
    assert [grid.direction for grid in grids] == ["sketch2photo", "photo2sketch"]
    assert [grid.part for grid in grids] == ["sketch2photo", "photo2sketch"]


def test_a_part_names_what_differs_and_nothing_else(write: Write) -> None:
    grids = write(
        'protocol = "same-artist"\n[[grid]]\nsetting = "zs"\nsplits = ["fold0", "fold1"]\n'
        '[[grid]]\nsetting = "gzs/heldout"\nsplits = ["fold2"]\n'
    )
    assert [grid.part for grid in grids] == ["fold0, fold1, zs", "fold2, gzs/heldout"]
    assert [grid.file_name for grid in grids] == ["mine-fold0_fold1_zs", "mine-fold2_gzs_heldout"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('dataset = "folder"', ""),
        ('splits = ["fold0"]', 'splits = ["fold1"]'),
        ('protocol = "same-artist"', ""),
        ('setting = "gzs/heldout"', 'setting = "gzs/all_seen"'),
        ('direction = "photo2photo"', 'direction = "photo2photo"\nqueries = "sake10"'),
        ('relevance = "instance"', ""),
        ('preprocessing = "zse"', 'preprocessing = "sake"'),
        ('backbone = "b"', ""),
        ('codes = "itq"\nbits = 16', 'codes = "itq"\nbits = 32'),
        ('feature_norm = "raw"', ""),
        ("width = 32", "width = 16"),
        ('config = "paper"', ""),
        ('methods = ["cca"]', ""),
        ("seeds = [0]", "seeds = [1]"),
        ("", ""),
    ],
)
def test_no_two_grids_of_a_suite_are_called_the_same(write: Write, one: str, other: str) -> None:
    grids = write(f"[[grid]]\n{one}\n[[grid]]\n{other}\n")
    assert len({grid.part for grid in grids}) == 2
    assert len({grid.file_name for grid in grids}) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[grid]\nsetting = "zs"', r"field 'grid' must be tables, each under a line \[\[grid\]\]"),
        ("grid = []", "field 'grid' must be tables"),
        ('[[grid]]\nsettings = "zs"', "field 'settings'"),
        ('direction = ["sketch2photo", "up"]', "field 'direction'"),
        ("direction = []", "field 'direction'"),
        ('[[grid]]\nrelevance = "any"', "field 'relevance'"),
    ],
)
def test_a_wrong_grid_is_refused_by_its_field(write: Write, text: str, message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        write(text)


def test_terms_that_do_not_fit_together_are_refused(write: Write) -> None:
    (suite,) = write('direction = "photo2photo"\nqueries = "all"')
    with pytest.raises(BenchmarkError, match="'all' do not fit direction photo2photo"):
        _ = suite.terms


TWO_DATA_SETS = '[[grid]]\ndataset = "emoji54"\n[[grid]]\ndataset = "folder"\n'


@pytest.mark.parametrize("dataset", ["emoji54", "folder"])
def test_a_data_set_that_some_grids_have_chooses_these(write: Write, dataset: str) -> None:
    grids = write(TWO_DATA_SETS)
    assert changed(grids, given(dataset=dataset)) == tuple(grid for grid in grids if grid.dataset == dataset)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("setting", "gzs/heldout"),
        ("direction", "photo2sketch"),
        ("protocol", "same-artist"),
        ("splits", ("x",)),
        ("codes", "itq"),
    ],
)
def test_a_flag_that_one_grid_meets_chooses_it_unchanged(write: Write, flag: str, value: object) -> None:
    written = '["x"]' if flag == "splits" else f'"{value}"'
    grids = write(f"[[grid]]\n[[grid]]\n{flag} = {written}\n")
    assert changed(grids, given(**{flag: value})) == (grids[1],)


def test_codes_choose_a_grid_whose_bits_may_then_be_changed(write: Write) -> None:
    grids = write('[[grid]]\n[[grid]]\ncodes = "itq"\nmethods = ["cca"]\n')
    assert changed(grids, given(codes=CodeKind.REAL)) == (grids[0],)
    (itq,) = changed(grids, given(codes=CodeKind.ITQ, bits=16))
    assert (itq.methods, itq.bits) == (("cca",), 16)
    assert [meets(grid, "codes", "itq, 64 bits") for grid in grids] == [False, True]


def test_a_flag_that_no_grid_meets_changes_them_all(write: Write) -> None:
    grids = changed(write(TWO_DATA_SETS), given(setting="gzs/heldout"))
    assert [(grid.dataset, grid.setting) for grid in grids] == [
        ("emoji54", "gzs/heldout"),
        ("folder", "gzs/heldout"),
    ]


def test_a_flag_that_is_no_choice_among_grids_changes_them_all(write: Write) -> None:
    grids = changed(
        write('[[grid]]\npreprocessing = "zse"\n[[grid]]\n'), given(preprocessing="zse", seeds=(4,))
    )
    assert [(grid.preprocessing, grid.seeds) for grid in grids] == [("zse", (4,))]


def test_grids_that_flags_make_equal_are_one(write: Write) -> None:
    grids = changed(write('direction = ["sketch2photo", "photo2sketch"]'), given(direction="photo2photo"))
    assert [grid.direction for grid in grids] == ["photo2photo"]


def test_grids_that_do_not_fit_a_flag_can_be_told(write: Write) -> None:
    grids = write('[[grid]]\nprotocol = "a"\n[[grid]]\nprotocol = "b"\n')
    assert fitting(grids, given(protocol="a")) == ((grids[0],), ("protocol",))
    assert fitting(grids, given(protocol="a", splits=("x",))) == ((grids[0],), ("protocol",))
    assert fitting(grids, given(protocol="c")) == (grids, ())
    assert fitting(grids, {}) == (grids, ())


def test_queries_choose_too_and_a_grid_that_was_so_before_comes_first(write: Write) -> None:
    text = 'direction = ["sketch2photo", "photo2photo"]\n[[grid]]\n[[grid]]\nqueries = "sake10"\n'
    grids = write(text)
    assert changed(grids, given(queries="sake10", direction="photo2photo")) == (grids[3],)
    (suite,) = changed(grids, given(relevance="instance", direction="photo2photo", queries="loo"))
    assert (suite.queries, suite.relevance) == ("loo", "instance")
    twins = write('[[grid]]\npreprocessing = "zse"\n[[grid]]\n')
    assert changed(twins, given(preprocessing="stretch")) == (twins[1],)


def test_a_changed_grid_bears_no_title_or_part_of_what_it_was(write: Write) -> None:
    grids = write('[[grid]]\nprotocol = "a"\nsplits = ["x"]\n[[grid]]\nprotocol = "b"\nsplits = ["y"]\n')
    found = changed(grids, given(protocol="c", methods=("cca",)))
    assert [grid.part for grid in found] == ["x", "y"]
    assert {grid.title for grid in found} == {"changed by --protocol, --methods"}
    (alone,) = changed(grids, given(protocol="a", methods=("cca",)))
    assert (alone.part, alone.title) == ("", "changed by --protocol, --methods")


def test_all_stands_for_every_method_and_split() -> None:
    assert given(methods=("all",), splits=("all",), seeds=None) == {"methods": "all", "splits": "all"}


def test_without_flags_nothing_changes(write: Write) -> None:
    grids = write(TWO_DATA_SETS)
    assert changed(grids, given(setting=None, methods=None)) == grids


def test_another_data_set_takes_its_own_splits_and_protocol(write: Write) -> None:
    grids = write('splits = ["fold0"]\nprotocol = "same-artist"')
    (suite,) = changed(grids, given(dataset="folder"))
    assert (suite.dataset, suite.splits, suite.protocol) == ("folder", "default", None)


def test_another_direction_takes_the_queries_that_fit_it(write: Write) -> None:
    grids = write('direction = "photo2photo"\nqueries = "loo"')
    (suite,) = changed(grids, given(direction="sketch2photo"))
    assert (suite.queries, suite.terms.queries_name) == (None, "all")


def test_another_direction_keeps_queries_that_fit_every_one(write: Write) -> None:
    (suite,) = changed(write('queries = "sake10"'), given(direction="photo2photo"))
    assert (suite.queries, suite.terms.queries_name) == ("sake10", "sake10")


def test_the_direction_that_a_grid_has_keeps_its_queries(write: Write) -> None:
    grids = write('queries = "sake10"\ndirection = ["sketch2photo", "photo2photo"]')
    (suite,) = changed(grids, given(direction="photo2photo"))
    assert (suite.direction, suite.queries) == ("photo2photo", "sake10")


@pytest.mark.parametrize("flags", [{"queries": "loo"}, {"setting": "gzs"}, {"relevance": "class"}])
def test_flags_that_make_no_test_are_refused(write: Write, flags: dict[str, str]) -> None:
    with pytest.raises(BenchmarkError, match=next(iter(flags.values()))):
        changed(write(""), given(**flags))


def test_splits_of_other_families_become_grids_of_their_own(divide: Callable[..., tuple[Suite, ...]]) -> None:
    assert [grid.splits for grid in divide("all")] == [("sake",), ("drawn0", "drawn1"), ("other",)]
    assert [grid.part for grid in divide("all")] == ["sake", "drawn", "other"]


def test_divided_grids_keep_the_part_they_had(divide: Callable[..., tuple[Suite, ...]]) -> None:
    grids = divide(("other", "drawn0"), "zs")
    assert [grid.part for grid in grids] == ["zs, other", "zs, drawn"]
    assert [grid.file_name for grid in grids] == ["s-zs_other", "s-zs_drawn"]


def test_results_of_a_divided_grid_bear_its_name_and_those_of_chosen_splits_do_not(
    divide: Callable[..., tuple[Suite, ...]],
) -> None:
    grid = Suite(name="s", title="t", dataset="listed", methods=("frozen",), splits="all")
    assert [is_of(own, grid) for own in (grid, *divide("all"))] == [True] * 4
    assert not is_of(divide(("sake",))[0], grid)
    assert not is_of(divide("all")[0].model_copy(update={"setting": "gzs/heldout"}), grid)


def test_tables_made_by_flags_keep_the_names_they_had_before_there_were_backbones_to_choose() -> None:
    suite = Suite(name="s", title="t", methods=("frozen",), splits=("fold0",))
    data = PreparedData(suite, Where(Path("cache"), Path("results")))
    data.__dict__["file_list_sha256"] = "-"  # which a name does not hold
    newer = ("class_vectors", "weights", "finetune", "finetuning")
    terms = suite.model_dump(mode="json", exclude={"name", "title", "part", *newer})
    assert own_name(data) == f"emoji54-fold0-cross_artist-{digest(terms)[:6]}"
    other = PreparedData(suite.model_copy(update={"weights": "random"}), data.where)
    other.__dict__["file_list_sha256"] = "-"
    assert own_name(other) != own_name(data)


def test_splits_of_one_family_stay_one_grid(divide: Callable[..., tuple[Suite, ...]]) -> None:
    (suite,) = divide(("drawn0", "drawn1"), "zs")
    assert (suite.splits, suite.part) == (("drawn0", "drawn1"), "zs")


@pytest.mark.parametrize(
    ("order", "expected"),
    [(("sake", "drawn0", "drawn1"), ("sake",)), (("drawn1", "sake", "drawn0"), ("drawn1", "drawn0"))],
)
def test_default_splits_are_the_first_one_with_its_family(
    divide: Callable[..., tuple[Suite, ...]],
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[str, ...],
    expected: tuple[str, ...],
) -> None:
    (suite,) = divide("default")
    data = PreparedData(suite, Where(Path("cache"), Path("results")))
    monkeypatch.setattr(type(data.dataset), "split_ids", lambda self: order)
    assert tuple(split.id for split in data.splits()) == expected


def test_an_unknown_split_is_refused_before_any_picture_is_read(
    divide: Callable[..., tuple[Suite, ...]],
) -> None:
    with pytest.raises(BenchmarkError, match="no split 'fold0'"):
        divide(("fold0",))
