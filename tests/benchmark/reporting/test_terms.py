"""What a table says of settings, directions and relevance, and which of them it refuses to mix."""

import csv
import io
import json
import re

import pytest

from benchmark.errors import BenchmarkError
from benchmark.records import Score
from benchmark.reporting.comparison import compare
from benchmark.reporting.footnotes import footnotes
from benchmark.reporting.table_layout import generalised_table
from benchmark.reporting.tables import render, rich_table

HELD_OUT = {"setting": "gzs/heldout"}


def seen(**values):
    """Scores of queries of seen classes; a metric's at sign and slashes are left out of the keywords."""
    ids = {"map": "map@all", "p": "p@10"}
    return {
        ids[name]: Score(value=value, ci_low=0, ci_high=1, class_balanced=value, chance=0.1, n_queries_used=3)
        for name, value in values.items()
    }


def only_row(comparison):
    (row,) = comparison.rows
    return row


def notes(comparison):
    return {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}


@pytest.mark.parametrize(
    ("unseen", "on_seen", "expected"),
    [(0.5, 0.25, 1 / 3), (0.5, 0.5, 0.5), (0.0, 0.9, 0.0), (0.3, 0.6, 0.4)],
)
def test_the_harmonic_mean_is_twice_the_product_over_the_sum(make_run, unseen, on_seen, expected):
    run = make_run(scores={"map@all": [unseen] * 4}, seen_scores=seen(map=on_seen), protocol=HELD_OUT)
    assert only_row(compare([run])).harmonic("map@all") == pytest.approx(expected)


def test_the_harmonic_mean_is_of_means_over_splits_and_seeds(make_run):
    # Seen: split fold0 (0.1 + 0.3) / 2 = 0.2, fold1 0.6, mean 0.4. Unseen: 0.4 and 0.6, mean 0.5.
    measured = [("fold0", 0, 0.4, 0.1), ("fold0", 1, 0.4, 0.3), ("fold1", 0, 0.6, 0.6)]
    runs = [
        make_run(
            split=split,
            seed=seed,
            scores={"map@all": [unseen] * 4},
            seen_scores=seen(map=own),
            protocol=HELD_OUT,
        )
        for split, seed, unseen, own in measured
    ]
    row = only_row(compare(runs))
    assert row.seen["map@all"] == pytest.approx(0.4)
    assert row.harmonic("map@all") == pytest.approx(2 * 0.5 * 0.4 / 0.9)


def test_a_seed_without_seen_queries_leaves_no_harmonic_mean(make_run):
    runs = [
        make_run(seed=0, seen_scores=seen(map=0.5), protocol=HELD_OUT),
        make_run(seed=1, protocol=HELD_OUT),
    ]
    row = only_row(compare(runs))
    assert dict(row.seen) == {}
    assert row.harmonic("map@all") is None


def test_a_row_that_lacks_a_split_has_no_seen_mean(make_run):
    runs = [
        make_run(split="fold0", seen_scores=seen(map=0.5), protocol=HELD_OUT),
        make_run(split="fold1", status="failed", reason="x", protocol=HELD_OUT),
    ]
    assert dict(only_row(compare(runs)).seen) == {}


def test_the_table_shows_unseen_seen_and_harmonic_for_every_metric(make_run):
    run = make_run(
        scores={"map@all": [0.5] * 4, "p@10": [0.2] * 4},
        seen_scores=seen(map=0.25, p=0.3),
        protocol=HELD_OUT,
    )
    comparison = compare([run])
    table = generalised_table(comparison, comparison.metric_ids)
    headers = ["method", "map@all unseen", "seen", "harmonic", "p@10 unseen", "seen", "harmonic"]
    assert [column.header for column in table.columns] == headers
    (entries,) = table.rows()
    assert [entry.text for entry in entries] == [
        "centred",
        "0.500",
        "0.250",
        "0.333",
        "0.200",
        "0.300",
        "0.240",
    ]


@pytest.mark.parametrize("fmt", ["plain", "markdown", "latex"])
def test_a_generalised_table_stands_beside_the_scores_in_every_format(make_run, fmt):
    run = make_run(seen_scores=seen(map=0.25), protocol=HELD_OUT)
    text = render(compare([run]), fmt, per_fold=False)
    assert "Generalised" in text
    assert re.search(r"centred\W+0\.500\W+0\.250\W+0\.333", text)


def test_the_terminal_shows_it_too(make_run):
    from rich.console import Console

    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    run = make_run(seen_scores=seen(map=0.25), protocol=HELD_OUT)
    console.print(rich_table(compare([run]), width=120))
    assert re.search(r"centred +0\.500 +0\.250 +0\.333", console.file.getvalue())


def test_a_row_without_seen_queries_has_dashes_beside_one_that_has_some(make_run):
    runs = [
        make_run("centred", seen_scores=seen(map=0.25), protocol=HELD_OUT),
        make_run("cca", protocol=HELD_OUT),
    ]
    text = render(compare(runs), "plain", per_fold=False)
    assert re.search(r"^cca +0\.500 +– +–$", text, re.M)


def test_without_seen_queries_there_is_no_generalised_table(make_run):
    text = render(compare([make_run(protocol={"setting": "gzs/all_seen"})]), "plain", per_fold=False)
    assert "Generalised" not in text


def test_the_footnote_on_data_says_what_a_copy_lacks(make_run):
    whole, part = make_run(), make_run(lacking={"sketches": (250, 75_481), "photos": (7, 9)})
    assert "fewer pictures" not in notes(compare([whole]))["Data"]
    assert (
        "fewer pictures than published: 250 of 75,481 sketches, 7 of 9 photos."
        in (notes(compare([part]))["Data"])
    )


def test_the_footnote_counts_copies_that_did_not_train(make_run):
    run = make_run(counts={"n_copies_left_out": 3})
    text = notes(compare([run]))["Left out"]
    assert text == "3 training items of fold0 with the same picture as an item of an unseen class"


def test_csv_holds_seen_and_harmonic_with_the_mean_alone(make_run):
    run = make_run(seen_scores=seen(map=0.25), protocol=HELD_OUT)
    lines = list(csv.DictReader(io.StringIO(render(compare([run]), "csv", per_fold=True))))
    found = {(line["row"], line["split"]): (line["seen"], line["harmonic"]) for line in lines}
    assert [float(value) for value in found["centred", "mean"]] == pytest.approx([0.25, 1 / 3])
    assert found["centred", "fold0"] == found["chance", "mean"] == ("", "")


def test_json_holds_seen_and_harmonic(make_run):
    run = make_run(seen_scores=seen(map=0.25), protocol=HELD_OUT)
    (row,) = json.loads(render(compare([run]), "json", per_fold=True))["rows"]
    assert row["seen"] == {"map@all": 0.25}
    assert row["harmonic"] == {"map@all": pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    ("setting", "holds_training_items"),
    [
        ("gzs/heldout", False),
        ("gzs/all_seen", True),
        ("gzs/sem_pcyc", True),
        ("gzs/open_search", False),
    ],
)
def test_the_footnote_says_where_the_gallery_contains_training_items(make_run, setting, holds_training_items):
    text = notes(compare([make_run(protocol={"setting": setting})]))["Setting"]
    assert text.startswith(f"{setting}: ")
    assert ("the gallery contains training items" in text) == holds_training_items


def test_plain_zero_shot_has_no_footnote_on_its_setting(make_run):
    assert "Setting" not in notes(compare([make_run()]))


def test_the_footnote_explains_queries_and_instances(make_run):
    protocol = {"direction": "photo2photo", "queries": "loo", "relevance": "instance"}
    text = notes(compare([make_run(protocol=protocol)]))["Setting"]
    assert "leave one out" in text
    assert "queries without one are left out" in text
    assert "training items" not in text


@pytest.mark.parametrize(
    ("direction", "gallery"),
    [
        ("sketch2photo", "photos"),
        ("photo2sketch", "sketches"),
        ("sketch2sketch", "sketches"),
        ("photo2photo", "photos"),
    ],
)
def test_sizes_name_what_is_searched(make_run, direction, gallery):
    text = notes(compare([make_run(protocol={"direction": direction})]))["Sizes"]
    assert text.startswith(f"queries / {gallery} / unseen classes / seen classes: fold0 4 / 12 / 2 / 5")


def test_sizes_count_the_queries_of_seen_classes(make_run):
    run = make_run(protocol=HELD_OUT, counts={"n_seen_queries": 1234})
    assert "1,234 queries of seen classes beside them in fold0" in notes(compare([run]))["Sizes"]


def test_the_title_names_terms_that_are_not_the_plain_ones(make_run):
    protocol = {"setting": "gzs/heldout", "direction": "photo2sketch", "relevance": "instance"}
    text = render(compare([make_run(protocol=protocol)]), "plain", per_fold=False)
    assert text.startswith("toy, standard, gzs/heldout, photo2sketch, instance: fold0\n")
    assert render(compare([make_run()]), "plain", per_fold=False).startswith("toy, standard: fold0\n")


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("direction", "sketch2photo", "photo2sketch"),
        ("setting", "zs", "gzs/all_seen"),
        ("queries", "all", "sake10"),
        ("relevance", "category", "instance"),
        ("preprocessing", "stretch: a", "zse: b"),
    ],
)
def test_two_ways_of_testing_do_not_stand_in_one_table(make_run, field, one, other):
    runs = [make_run(protocol={field: one}), make_run("cca", protocol={field: other})]
    message = rf"{field} is '{one}' in 1 \(centred\) and '{other}' in 1 \(cca\)\. Keep one with --{field},"
    with pytest.raises(BenchmarkError, match=message):
        compare(runs)


def test_splits_of_different_origin_do_not_stand_in_one_table(make_run):
    runs = [make_run(split="sempcyc25"), make_run(split="sake25")]
    with pytest.raises(
        BenchmarkError, match=r"different origin \(sake25, sempcyc25\).* Choose with --splits"
    ):
        compare(runs)


def test_a_split_does_not_join_a_family_that_it_is_not_of(make_run):
    runs = [make_run(split="random25_0", split_family="random25"), make_run(split="sake25")]
    with pytest.raises(BenchmarkError, match="different origin"):
        compare(runs)


def test_splits_of_one_family_are_averaged(make_run):
    levels = {"random25_0": 0.2, "random25_1": 0.4, "random25_2": 0.9}
    runs = [
        make_run(split=split, split_family="random25", scores={"map@all": [value] * 4})
        for split, value in levels.items()
    ]
    comparison = compare(runs)
    assert comparison.splits == tuple(levels)
    assert only_row(comparison).mean["map@all"].value == pytest.approx(0.5)
