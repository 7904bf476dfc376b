"""What the figures say: labels, numbers, order. How they look is for eyes."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from benchmark.errors import BenchmarkError
from benchmark.reporting.comparison import compare
from benchmark.reporting.plots import bars, pr_curves, save_figure
from benchmark.reporting.retrieval_plot import retrieval
from datasets.base import DatasetIndex, Items

CLASS_NAMES = ("apple", "jack_o_lantern_with_a_long_name", "pear")


@pytest.fixture
def index(tmp_path):
    """Three classes of two sketches and four photos."""

    def items(kind, n_each):
        names = [f"{kind}/{label}-{i}.png" for label in range(3) for i in range(n_each)]
        for name in names:
            path = tmp_path / "pictures" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 8), (60 * int(path.stem[0]), 90, 200)).save(path)
        files = tuple(tmp_path / "pictures" / name for name in names)
        return Items(files, tuple(names), np.repeat(np.arange(3), n_each))

    return DatasetIndex(CLASS_NAMES, items("sketch", 2), items("photo", 4))


@pytest.fixture
def run(make_run, index):
    """Six queries; the query at row i ranks the photos in order, starting at photo i."""
    return make_run(
        "zscmr",
        scores={"map@all": [0.9, 0.8, 0.6, 0.5, 0.2, 0.1]},
        labels=index.sketches.labels,
        names=list(index.sketches.names),
        photo_names=list(index.photos.names),
        top=[np.roll(np.arange(12), -i) for i in range(6)],
    )


def _texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def _legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_curves_stand_best_first_in_the_legend_and_chance_last(comparison):
    names = [label.split("  ")[0] for label in _legend(pr_curves(comparison))]
    assert names[:2] == ["ZSCMR", "SAKE"]
    assert names[-1] == "all photos tied (R/N)"


def test_curves_are_those_of_the_rows(comparison):
    lines = pr_curves(comparison).axes[0].get_lines()
    np.testing.assert_allclose(lines[0].get_xdata(), np.arange(11) / 10)
    np.testing.assert_allclose(lines[0].get_ydata(), comparison.rows[0].pr_curve)
    np.testing.assert_allclose(lines[-1].get_ydata(), np.linspace(0.2, 0.08, 11))


def test_curves_name_axes_data_and_splits(comparison):
    axes = pr_curves(comparison).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Recall", "Precision (interpolated)")
    assert axes.get_title(loc="left") == "emoji54, standard: mean of fold0, fold1, fold2, fold3"


def test_a_row_looks_the_same_whatever_its_rank(make_run):
    def colours(values):
        runs = [make_run(name, scores={"map@all": [value] * 4}) for name, value in values.items()]
        lines = pr_curves(compare(runs)).axes[0].get_lines()
        return {line.get_label().split("  ")[0]: line.get_color() for line in lines}

    first, then = colours({"cca": 0.9, "sae": 0.5}), colours({"cca": 0.2, "sae": 0.5})
    assert first == then
    assert len(set(first.values())) == len(first)


def test_no_two_rows_look_alike(comparison):
    lines = pr_curves(comparison).axes[0].get_lines()
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}) == len(lines)
    assert len({line.get_marker() for line in lines}) == len(lines)


def test_rows_of_one_colour_have_other_dashes(make_run):
    runs = [make_run(f"method{i}", scores={"map@all": [0.5] * 4}) for i in range(12)]
    lines = pr_curves(compare(runs)).axes[0].get_lines()[: len(runs)]  # the last one is that of chance
    # What get_linestyle tells of dashes is "--" for all.
    looks = {(line.get_color(), str(line._dash_pattern)) for line in lines}
    assert len(looks) == len(lines)


def test_of_many_rows_the_best_and_those_that_others_are_held_against_are_told_apart(make_run):
    values = {f"method{i}": 0.5 - i / 100 for i in range(13)} | {"centred": 0.2, "frozen": 0.1}
    runs = [make_run(name, scores={"map@all": [value] * 4}) for name, value in values.items()]
    figure = pr_curves(compare(runs))
    names = [label.split("  ")[0] for label in _legend(figure)]
    best = [f"METHOD{i}" for i in range(7)]
    assert names == [*best, "CENTRED", "FROZEN", "6 others", "all photos tied (R/N)"]
    assert _legend(figure)[-2] == "6 others  0.380 to 0.430"
    assert len(figure.axes[0].get_lines()) == len(values) + 1


@pytest.mark.parametrize("draw", [pr_curves, bars])
def test_a_row_that_needs_the_rest_of_the_gallery_is_marked(make_run, draw):
    card = {"title": "ICFRR", "is_transductive": True}
    texts = _texts(draw(compare([make_run("icfrr", card=card)])))
    assert any(text.startswith("ICFRR (transductive)") for text in texts)


@pytest.mark.parametrize("draw", [pr_curves, bars])
def test_rows_without_a_mean_are_named_below(comparison, draw):
    assert "Not shown, no value in every split: cca, zse_sbir" in _texts(draw(comparison))


def test_long_titles_are_broken_and_variants_named(make_run):
    title = "SEM-PCYC: semantically tied paired cycle consistency"
    figure = bars(compare([make_run("sem_pcyc", card={"title": title}, variant="smoke")]))
    label = figure.axes[0].get_yticklabels()[0].get_text()
    assert label.replace("\n", " ") == f"{title} (smoke)"
    assert max(map(len, label.splitlines())) <= 30


def test_bars_stand_in_order_of_their_values(comparison):
    axes = bars(comparison, "p@10").axes[0]
    ordered = sorted(
        ((tick.get_position()[1], tick.get_text()) for tick in axes.get_yticklabels()), reverse=True
    )
    assert [text for _, text in ordered][:2] == ["ZSCMR", "SAKE"]


def test_bars_print_values_and_chance(make_run):
    runs = [make_run("centred"), make_run("zscmr", scores={"map@all": [0.75] * 4})]
    texts = _texts(bars(compare(runs)))
    assert {"0.750", "0.500", "chance 0.100"} <= set(texts)


def test_bars_draw_the_interval(comparison):
    cell = comparison.rows[0].mean["map@all"]
    ends = [tuple(line.get_xdata()) for line in bars(comparison).axes[0].get_lines()]
    assert (cell.ci_low, cell.ci_high) in ends


def test_bars_highlight_the_reference(comparison):
    labels = [label.get_text() for label in bars(comparison).axes[0].get_yticklabels()]
    assert [label for label in labels if "(reference)" in label] == ["Centred features\n(reference)"]


def test_bars_of_an_unknown_metric_are_refused(comparison):
    with pytest.raises(BenchmarkError, match=r"no row has p@7 in every split\. The runs hold: map@all"):
        bars(comparison, "p@7")


def test_curves_need_a_row_with_every_split(make_run):
    runs = [make_run("centred", "fold0"), make_run("cca", "fold1")]
    with pytest.raises(BenchmarkError, match="no row has a precision-recall curve in every split"):
        pr_curves(compare(runs))


@pytest.fixture
def small_figure():
    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([0, 1], marker="o", label="a line")
    figure.axes[0].set_title("some_text", fontsize=6)
    return figure


def test_files_are_written_whole_and_are_equal_when_written_again(small_figure, tmp_path):
    first = save_figure(small_figure, tmp_path / "a" / "v1.2")
    second = save_figure(small_figure, tmp_path / "b" / "v1.2")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["v1.2.png", "v1.2.svg"]


def test_text_stays_text_in_svg(small_figure, tmp_path):
    content = save_figure(small_figure, tmp_path / "figure")[1].read_text(encoding="utf-8")
    assert ">some_text</text>" in content
    assert "<dc:date>" not in content


def test_retrieval_shows_sketch_class_ap_and_ranks(run, index):
    axes = retrieval(run, index, queries=[3], top=4).axes
    assert axes[0].get_xlabel() == "jack o lantern wi…\nAP 0.50"
    assert [axis.get_title() for axis in axes] == ["sketch", "1", "2", "3", "4"]


def test_retrieval_marks_right_and_wrong_photos(run, index):
    # Query 3 is of class 1; its photos 3, 4, 5, 6 are of the classes 0, 1, 1, 1.
    axes = retrieval(run, index, queries=[3], top=4).axes[1:]
    assert [axis.texts[0].get_text() for axis in axes] == ["✗", "✓", "✓", "✓"]
    assert [axis.get_xlabel() for axis in axes] == ["apple", *["jack o lantern wi…"] * 3]
    styles = [axis.spines["left"].get_linestyle() for axis in axes]
    assert styles[0] != styles[1]


def test_retrieval_spreads_one_query_of_each_class_from_good_to_bad(run, index):
    figure = retrieval(run, index, n_queries=3, top=2)
    sketches = [axis.get_xlabel().split("\n") for axis in figure.axes[::3]]
    assert [name for name, _ in sketches] == ["apple", "jack o lantern wi…", "pear"]
    values = [float(text.removeprefix("AP ")) for _, text in sketches]
    assert values == sorted(values, reverse=True)
    assert "one random sketch of each (seed 0)" in figure.get_suptitle().replace("\n", " ")


def test_retrieval_names_the_variant(run, index):
    smoke = replace(run, record=run.record.model_copy(update={"variant": "smoke"}))
    title = retrieval(smoke, index, queries=[0], top=1).get_suptitle().replace("\n", " ")
    assert title.startswith(f"{run.record.card['title']} (smoke), seed 0")


def test_retrieval_takes_best_and_worst_of_more_classes_than_asked_for(run, index):
    figure = retrieval(run, index, n_queries=2, top=1)
    assert [axis.get_xlabel().split("\n")[0] for axis in figure.axes[::2]] == ["apple", "pear"]


def test_retrieval_draws_the_same_queries_for_one_seed(run, index):
    first, second = (retrieval(run, index, seed=1, n_queries=2, top=1) for _ in range(2))
    assert [axis.get_xlabel() for axis in first.axes] == [axis.get_xlabel() for axis in second.axes]


def test_retrieval_refuses_a_query_out_of_range(run, index):
    with pytest.raises(BenchmarkError, match="has queries 0 to 5, not 6"):
        retrieval(run, index, queries=[6])


def test_retrieval_refuses_a_picture_that_the_data_do_not_hold(run, index):
    kept = DatasetIndex(
        CLASS_NAMES, index.sketches, Items(index.photos.files[:1], index.photos.names[:1], np.array([0]))
    )
    with pytest.raises(
        BenchmarkError, match=r"the photo 'photo/0-1\.png' of run .* is not in data set 'toy'"
    ):
        retrieval(run, kept, queries=[0])


def test_retrieval_names_a_lost_file(run, index):
    index.photos.files[2].unlink()
    with pytest.raises(BenchmarkError, match=r"0-2\.png cannot be read"):
        retrieval(run, index, queries=[0])


def test_retrieval_refuses_a_failed_run(make_run, index):
    with pytest.raises(BenchmarkError, match="is failed and has no rankings"):
        retrieval(make_run(status="failed", reason="broken"), index)


def test_retrieval_names_lost_rankings(run, index):
    (run.folder / "rankings.npz").unlink()
    with pytest.raises(BenchmarkError, match=r"rankings\.npz cannot be read"):
        retrieval(run, index)


def test_items_of_seen_classes_are_marked_in_a_retrieval_sheet(make_run, index):
    # Queries of classes 0 and 1 alone: what is found of class 2 was trained on.
    run = make_run(
        scores={"map@all": [0.9, 0.8, 0.6, 0.5]},
        labels=index.sketches.labels[:4],
        names=list(index.sketches.names[:4]),
        photo_names=list(index.photos.names),
        top=[np.roll(np.arange(12), -6) for _ in range(4)],
    )
    texts = _texts(retrieval(run, index, queries=[0], top=6))
    assert texts.count("pear\n(seen class)") == 4
    assert not any("seen" in text for text in texts if text.startswith("jack"))
