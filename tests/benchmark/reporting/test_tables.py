"""How a comparison reads in every format."""

import csv
import hashlib
import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from benchmark.errors import BenchmarkError
from benchmark.reporting.comparison import compare
from benchmark.reporting.footnotes import footnotes
from benchmark.reporting.latex import escape
from benchmark.reporting.table_layout import marks, seconds
from benchmark.reporting.tables import render, rich_table


def _notes(comparison):
    return {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}


def _csv(comparison):
    return list(csv.DictReader(io.StringIO(render(comparison, "csv", per_fold=True))))


def _terminal(comparison, width, **options):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(rich_table(comparison, width=width, **options))
    return console.file.getvalue()


def test_equal_values_share_the_mark_and_two_bests_leave_no_second():
    assert marks([0.4, 0.7, 0.7, None]) == ["", "best", "best", ""]


def test_marks_follow_the_printed_digits():
    assert marks([0.50001, 0.49999, 0.4, 0.3]) == ["best", "best", "", ""]


def test_a_lone_row_is_not_marked():
    assert marks([0.5, None]) == ["", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.042, "0.04 s"), (9.96, "10 s"), (99.4, "99 s"), (200, "3.3 min"), (9000, "2.5 h")],
)
def test_durations_read_in_fitting_units(value, text):
    assert seconds(value) == text


def test_plain_lines_hold_value_interval_and_difference(make_run):
    runs = [make_run("centred"), make_run("zscmr", scores={"map@all": [0.75] * 4})]
    text = render(compare(runs), "plain", per_fold=True)
    assert re.search(
        r"^zscmr +0\.750\* \[0\.750, 0\.750\] +\+0\.250 +\[\+0\.250, \+0\.250\] +– +2\.0 s$", text, re.M
    )
    assert re.search(r"^centred +0\.500\+ \[0\.500, 0\.500\] +– +– +2\.0 s$", text, re.M)
    assert re.search(r"^chance +0\.100 +– +– +–$", text, re.M)


def test_plain_text_is_never_cut(make_run):
    reason = "RuntimeError: " + "a very long reason " * 20 + "that ends here"
    name = "a_method_with_a_name_of_more_than_forty_characters"
    runs = [make_run("centred"), make_run(name, status="failed", reason=reason)]
    text = render(compare(runs), "plain", per_fold=True)
    assert re.search(rf"^{name} +– +– +– +–$", text, re.M)
    assert f"{name} on fold0, failed: {reason}" in text


def test_codes_that_are_not_real_have_a_footnote(make_run):
    assert "Codes" not in _notes(compare([make_run()]))
    notes = _notes(compare([make_run(split="signs", protocol={"codes": "sign"})]))
    assert notes["Codes"] == "the sign of each coordinate, compared by Hamming distance."
    assert "codes" not in notes["Pictures"]


def test_chance_is_never_best(make_run):
    runs = [make_run(m, chance=0.9, scores={"map@all": [v] * 4}) for m, v in (("centred", 0.5), ("cca", 0.4))]
    text = render(compare(runs), "markdown", per_fold=False)
    assert "**0.500**" in text
    assert "| chance | 0.900 |" in text


def test_markdown_marks_best_and_second(comparison):
    text = render(comparison, "markdown", per_fold=False)
    assert re.search(r"^\| zscmr \| \*\*0\.\d{3}\*\* \[", text, re.M)
    assert re.search(r"^\| sake \| <u>0\.\d{3}</u> \[", text, re.M)


def test_markdown_rows_have_as_many_cells_as_their_header(comparison):
    for block in render(comparison, "markdown", per_fold=True).split("###")[1:]:
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1


def test_markdown_keeps_bars_of_a_reason_from_splitting_the_line(make_run):
    runs = [make_run(), make_run("cca", status="failed", reason="shape (3|4) of __init__ < 5")]
    assert r"shape (3\|4) of \_\_init\_\_ &lt; 5" in render(compare(runs), "markdown", per_fold=False)


def test_a_failed_method_is_a_dash_with_its_reason(comparison):
    text = render(comparison, "markdown", per_fold=False)
    assert re.search(r"^\| cca \|( – \|)+$", text, re.M)
    assert "cca on fold2, failed: LinAlgError: matrix is singular; cca therefore has no mean" in text


def test_a_method_skipped_everywhere_is_named_once(comparison):
    assert (
        _notes(comparison)["Missing"].count("zse_sbir on every split, skipped: needs the library timm") == 1
    )


def test_the_fold_table_is_there_when_asked_for(comparison):
    assert "map@all by split" in render(comparison, "plain", per_fold=True)
    assert "map@all by split" not in render(comparison, "plain", per_fold=False)


def test_the_fold_table_keeps_the_folds_of_a_method_without_a_mean(comparison):
    folds = render(comparison, "markdown", per_fold=True).split("### map@all by split")[1]
    row = next(line for line in folds.splitlines() if line.startswith("| cca"))
    assert [("0." in cell) for cell in row.split("|")[2:-1]] == [True, True, False, True, False]


def test_latex_escapes_what_it_would_read_as_commands():
    assert escape(r"a_b 95 % & #1 {x} \y ~ ^ $ --limit") == (
        r"a\_b 95 \% \& \#1 \{x\} \textbackslash{}y \textasciitilde{} \textasciicircum{} \$ -{}-limit"
    )


def test_latex_uses_booktabs_and_marks(comparison):
    text = render(comparison, "latex", per_fold=True)
    assert re.search(r"^zscmr & \\textbf\{0\.\d{3}\} \{\\scriptsize \[", text, re.M)
    assert re.search(r"^sake & \\underline\{0\.\d{3}\}", text, re.M)
    assert r"sem\_pcyc & " in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\begin{tabular}")


def test_latex_rows_have_as_many_cells_as_their_columns(comparison):
    for tabular in re.findall(
        r"\\begin\{tabular\}.*?\\end", render(comparison, "latex", per_fold=True), re.S
    ):
        n_columns = len(re.match(r"\\begin\{tabular\}\{([lr]+)\}", tabular)[1])
        rows = [line for line in tabular.splitlines() if line.endswith(r" \\")]
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {n_columns - 1}


def test_latex_braces_are_balanced(comparison):
    text = re.sub(r"\\[{}]", "", render(comparison, "latex", per_fold=True))
    assert text.count("{") == text.count("}")


def test_csv_gives_back_every_value_exactly(comparison):
    found = {(line["row"], line["split"], line["metric"]): line for line in _csv(comparison)}
    for row in comparison.rows:
        for split, cells in (("mean", row.mean), *row.folds.items()):
            for metric, cell in cells.items():
                line = found[row.name, split, metric]
                assert (float(line["value"]), float(line["ci_low"])) == (cell.value, cell.ci_low)


def test_csv_holds_chance_seeds_and_reasons(comparison):
    found = {(line["row"], line["split"], line["metric"]): line for line in _csv(comparison)}
    assert float(found["chance", "fold1", "p@10"]["value"]) == 0.088
    by_seed = dict(part.split("=") for part in found["zscmr", "mean", "mrr"]["by_seed"].split())
    cell = next(row for row in comparison.rows if row.name == "zscmr").mean["mrr"]
    assert {int(seed): float(value) for seed, value in by_seed.items()} == cell.by_seed
    assert found["cca", "fold2", "mrr"]["reason"] == "failed: LinAlgError: matrix is singular"
    assert found["cca", "mean", "mrr"]["value"] == ""


def test_csv_has_a_line_for_every_row_split_and_metric(comparison):
    assert len(_csv(comparison)) == (len(comparison.rows) + 1) * (4 + 1) * len(comparison.metric_ids)


def test_json_gives_back_what_the_comparison_holds(comparison):
    content = json.loads(render(comparison, "json", per_fold=True))
    row = comparison.rows[0]
    stored = content["rows"][0]["folds"]["fold3"]["p@10"]
    cell = row.folds["fold3"]["p@10"]
    assert stored["value"] == cell.value
    assert stored["difference"]["ci_high"] == cell.difference.ci_high
    assert stored["by_seed"] == {str(seed): value for seed, value in cell.by_seed.items()}
    assert content["folds"][0]["counts"]["n_gallery"] == 340
    assert content["n_partial"] == 1
    assert {note["label"] for note in content["footnotes"]} == set(_notes(comparison))


def test_an_unknown_format_is_refused(comparison):
    with pytest.raises(
        BenchmarkError, match=r"no table format 'html'\. Known: plain, markdown, latex, csv, json"
    ):
        render(comparison, "html", per_fold=True)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_a_terminal_table_keeps_to_its_width(comparison, width):
    assert max(map(len, _terminal(comparison, width).splitlines())) <= width


def test_a_narrow_terminal_names_the_columns_it_lacks(comparison):
    assert "Not shown here: ± seeds, p@10, hit@1, mrr, acc@1" in _terminal(comparison, 80)


def test_a_wide_terminal_shows_every_headline_metric(comparison):
    others = ["p@10", "hit@1", "mrr", "acc@1", "fit"]
    header = next(line for line in _terminal(comparison, 200).splitlines() if line.startswith("method"))
    assert header.split() == ["method", "map@all", "Δ", "centred", "±", "seeds", *others]


def test_a_terminal_table_can_leave_the_folds_out(comparison):
    assert "by split" not in _terminal(comparison, 100, per_fold=False)


def test_footnotes_say_what_was_measured(comparison):
    notes = _notes(comparison)
    assert "emoji54, protocol standard" in notes["Data"]
    assert "fold0 52 / 340 / 13 / 41" in notes["Sizes"]
    assert "backbone tiny_net, features centred" in notes["Pictures"]
    assert "map@all = mean average precision over the whole ranking" in notes["Metrics"]
    assert "all their orders" in notes["Ties"]
    assert "classes resampled, each with all its queries" in notes["Intervals"]
    assert "share training classes" in notes["Intervals"]
    assert "'centred'" in notes["Differences"]
    assert notes["Left out"] == "1 partial run (--limit)"
    assert notes["Side information"] == "class vectors: zscmr, sake, sem_pcyc, doodle_to_search"
    assert "tuned: zscmr, sake, sem_pcyc, doodle_to_search" in notes["Configuration"]


def test_the_clip_art_warning_stands_below_its_own_data_alone(make_run):
    assert "clip-art" in _notes(compare([make_run(protocol={"dataset": "emoji54"})]))["Data"]
    assert "clip-art" not in _notes(compare([make_run()]))["Data"]


def test_a_method_that_trained_on_fewer_classes_is_named(make_run):
    runs = [make_run("centred"), make_run("zscmr", counts={"n_train_classes": 4})]
    assert "zscmr trained on fewer seen classes (4 of 5)" in _notes(compare(runs))["Unequal"]


def test_rows_that_are_not_on_equal_terms_are_named(make_run):
    runs = [
        make_run("frozen", card={"width": "fixed", "feature_norm": "raw"}, embedding_width=1280),
        make_run("mean_colour", card={"input": "images"}),
    ]
    text = _notes(compare(runs))["Unequal"]
    assert "width not the suite's 64, but given by the method: frozen (1280)" in text
    assert "reads raw features: frozen" in text
    assert "pictures instead of features: mean_colour" in text


def test_a_row_that_needs_the_rest_of_the_gallery_is_marked_where_its_scores_stand(make_run):
    comparison = compare([make_run("icfrr", card={"is_transductive": True}), make_run("centred")])
    assert (
        "transductive, a photo's place depends on the rest of the gallery: icfrr"
        in _notes(comparison)["Unequal"]
    )
    lines = render(comparison, "plain", per_fold=False).splitlines()
    assert {line.split("  ")[0] for line in lines[3:5]} == {"icfrr (transductive)", "centred"}


def test_the_table_of_costs_holds_the_most_that_a_fold_took_and_the_mean_time_of_a_fit(make_run):
    runs = [
        make_run(split="fold0", phases_s={"fit": 2.0}, n_parameters=1000, peak_mib=700.4, embedding_width=64),
        make_run(split="fold1", phases_s={"fit": 4.0}, n_parameters=1200, peak_mib=650.0, embedding_width=60),
        make_run("zscmr", split="fold0"),
        make_run("zscmr", split="fold1"),
    ]
    text = render(compare(runs), "plain", per_fold=True, is_cost=True)
    rows = {
        line.split()[0]: line for line in text.splitlines() if line.startswith(("method", "centred", "zscmr"))
    }
    assert "fit" in rows["method"]
    assert "of the GPU" not in rows["method"]
    assert rows["centred"].split()[-7:-1] == ["3.0", "s", "1,200", "256", "700", "MiB"]
    assert "peak memory: largest resident size" in text
    assert "map@all by split" not in text


def test_memory_of_a_gpu_is_a_column_where_there_was_one(make_run):
    text = render(compare([make_run(peak_device_mib=1234.5)]), "markdown", per_fold=False, is_cost=True)
    assert "of the GPU" in text
    assert "1,234 MiB" in text


CHANCE_5_OF_50 = 0.1644
"""Expected average precision of 5 positives among 50 in random order, by simulation (200,000 orders)."""


def _near_chance(shift, spread=0.02):
    """Values of 40 queries in 10 classes, around chance plus a shift."""
    steps = np.linspace(-spread, spread, 10).repeat(4)
    return {"map@all": CHANCE_5_OF_50 + shift + steps}


def test_rows_that_do_not_beat_chance_are_named(make_run):
    common = {"labels": np.arange(10).repeat(4), "ranked": (50, 5)}
    runs = [
        make_run("above", scores=_near_chance(0.03), **common),
        make_run("barely", scores=_near_chance(0.002), **common),
        make_run("below", scores=_near_chance(-0.03), **common),
    ]
    comparison = compare(runs, reference="above")
    assert _notes(comparison)["Chance"].endswith("of the difference: every row but barely, below.")
    limits = {row.name: row.mean["map@all"].above_chance for row in comparison.rows}
    assert limits["above"] == pytest.approx(0.03, abs=0.012)
    assert limits["above"] < 0.03


def test_where_all_rows_beat_chance_it_is_said(make_run):
    runs = [make_run(scores=_near_chance(0.03), labels=np.arange(10).repeat(4), ranked=(50, 5))]
    assert _notes(compare(runs))["Chance"].endswith("of the difference: every row.")


def test_records_without_the_number_of_ranked_items_say_nothing_of_beating_chance(make_run):
    assert "Above chance" not in _notes(compare([make_run()]))["Chance"]


def test_seeds_and_sources_that_differ_between_splits_are_named(make_run):
    runs = [make_run(split="fold0", seed=0), make_run(split="fold0", seed=1)]
    runs += [make_run(split="fold1", seed=0, source_sha256="e" * 64)]
    text = _notes(compare(runs))["Unequal"]
    assert "centred has other seeds in other splits (fold0: 0, 1; fold1: 0)" in text
    assert "the source of centred changed between its splits" in text


def test_a_record_of_an_older_version_is_shown_and_marked(make_run):
    runs = [make_run(schema_version=1), make_run("frozen")]
    text = _notes(compare(runs))["Unequal"]
    assert "recorded by a version that did not note which files a method reads: centred" in text
    assert "frozen" not in text.partition("did not note")[2].partition(";")[0]


def test_a_row_whose_files_have_changed_since_says_so(make_run, tmp_path):
    same, other = tmp_path / "same.txt", tmp_path / "other.txt"
    for path in (same, other):
        path.write_text("1")
    files = dict.fromkeys(map(str, (same, other)), hashlib.sha256(b"1").hexdigest())
    other.write_text("2")
    notes = _notes(compare([make_run(files_used=files), make_run("frozen")]))
    assert next(iter(notes)) == "Out of date"  # before anything else is read
    assert notes["Out of date"] == (
        f"the numbers of centred are of other contents of {other}, which it reads: run it again"
    )


def test_a_configuration_searched_for_with_other_code_is_told_apart(make_run):
    runs = [
        make_run(split="fold0", config_source="tuned", config_is_for_other_code=True),
        make_run("frozen", split="fold0", config_source="tuned"),
    ]
    assert _notes(compare(runs))["Configuration"] == "tuned: frozen; tuned for other code: centred"


def test_superseded_runs_and_dropped_metrics_are_counted(make_run):
    runs = [make_run(), make_run(dropped_metrics={"p@100": "the gallery holds 12 photos"})]
    text = _notes(compare(runs))["Left out"]
    assert "1 run superseded by a newer one" in text
    assert "p@100 where it cannot be computed: the gallery holds 12 photos" in text


@pytest.mark.parametrize(("n_classes", "is_said"), [(39, True), (40, False)])
def test_a_shortfall_of_coverage_is_said_where_classes_are_few(make_run, n_classes, is_said):
    runs = [make_run(split=f"fold{i}", labels=range(n)) for i, n in enumerate((n_classes, 60))]
    text = _notes(compare(runs))["Intervals"]
    expected = "only 91 to 93 % where single classes stand far above the others; here a split has 39."
    assert (expected in text) is is_said


def test_splits_that_share_queries_are_no_independent_folds(make_run):
    runs = [
        make_run(split=split, names=list(names))
        for split, names in {"fold0": "abcd", "fold1": "cdef"}.items()
    ]
    assert "fold0 and fold1 share 2 queries" in _notes(compare(runs))["Intervals"]


def test_splits_of_different_origin_are_never_in_one_table(make_run):
    runs = [make_run(split="sake25"), make_run(split="sempcyc25")]
    with pytest.raises(BenchmarkError, match=r"different origin \(sake25, sempcyc25\).*--splits"):
        compare(runs)


def test_a_missing_reference_is_said(make_run):
    assert "no run of 'centred'" in _notes(compare([make_run("zscmr")]))["Differences"]
