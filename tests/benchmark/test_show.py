"""A finished run asked again: metrics that were not measured, and what one sketch found."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark import cli
from benchmark.configs import ResolvedConfig
from benchmark.errors import BenchmarkError
from benchmark.execute import execute
from benchmark.plan import GridCell, plan
from benchmark.prepare import PreparedData, Where
from benchmark.records import StoredRun
from benchmark.reporting.query_result import find_query, query_result
from benchmark.reporting.retrieval_plot import one_query
from benchmark.suite import Suite
from methods.base import FitProgress, MethodCard, RetrievalMethod

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]


class MeanColour(RetrievalMethod):
    """White sketches all find the same photos first, so that half of the queries are wrong."""

    card = MethodCard(
        id="mean_colour",
        title="Mean colour",
        pretraining=(),
        side_information=(),
        input="images",
        distance="euclidean",
        fidelity="baseline",
        deviations=("One colour stands for a picture.", "Nothing is learnt."),
    )

    def fit(self, seen, *, seed, progress):
        return self

    def embed_sketches(self, batch):
        return batch.mean(dim=(2, 3))

    embed_photos = embed_sketches


@pytest.fixture(scope="module")
def made(picture_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[StoredRun, PreparedData]:
    """One run on the small data set: six sketches of circles and waves among six photos of these."""
    where = tmp_path_factory.mktemp("show")
    suite = Suite(name="t", title="t", dataset="folder", methods=("mean_colour",))
    data = PreparedData(suite, Where(where / "cache", where / "results", picture_root))
    (split,) = data.splits()
    (planned,) = plan(
        [GridCell(MeanColour, "", split, ResolvedConfig(MeanColour.Config(), "default"), False)], data
    )
    return execute(planned, data, FitProgress()), data


@pytest.fixture
def run(made: tuple[StoredRun, PreparedData]) -> StoredRun:
    return made[0]


@pytest.fixture
def results(made: tuple[StoredRun, PreparedData], tmp_path: Path) -> Path:
    """A results folder of one's own."""
    return Path(shutil.copytree(made[1].where.results_dir, tmp_path / "results"))


@pytest.fixture
def show(results: Path, picture_root: Path, monkeypatch: pytest.MonkeyPatch, open_registries: None) -> Call:
    """Call `show` on the run in process and return its exit code."""

    def call(*arguments: object, root: Path | None = picture_root) -> int:
        places = ["--results-dir", results, "--cache-dir", results.parent / "cache"]
        flags = [*arguments, *places, *(["--data-root", root] if root else [])]
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", "show", "seed0", *map(str, flags)])
        return cli.main()

    return call


def folders(run: StoredRun, query: int) -> tuple[str, list[str]]:
    """The class folder of a sketch, and those of the photos in the order that it found them."""
    rankings = run.rankings()
    found = [str(rankings.names[position]).split("/")[1] for position in rankings.top[query]]
    return str(run.per_query().names[query]).split("/")[1], found


def test_a_run_keeps_all_that_its_rankings_need(made: tuple[StoredRun, PreparedData]) -> None:
    run, data = made
    rankings, class_names = run.rankings(), data.index.class_names
    assert (rankings.top.shape, rankings.top.dtype, rankings.tied.dtype) == ((6, 6), np.int32, np.bool_)
    assert [str(name).split("/")[1] for name in rankings.names] == [class_names[i] for i in rankings.labels]
    assert rankings.query_instances is None
    assert not rankings.tied[:, -1].any()


def test_a_record_is_printed_field_by_field_and_sentences_line_by_line(
    show: Call, run: StoredRun, capsys: Captured
) -> None:
    assert show() == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"run_id: {run.record.run_id}" in lines
    start = lines.index("deviations:")
    assert lines[start + 1 : start + 3] == ["- One colour stands for a picture.", "- Nothing is learnt."]


def test_a_metric_that_was_not_measured_is_read_off_the_rankings(
    show: Call, run: StoredRun, capsys: Captured
) -> None:
    assert show("--metrics", "p@2,map@all") == 0
    head, columns, computed, stored = capsys.readouterr().out.splitlines()
    assert "mean_colour" in head
    assert columns.split()[0] == "metric"
    hits = [[own == name for name in found[:2]] for own, found in (folders(run, i) for i in range(6))]
    assert computed.split()[:2] == ["p@2", f"{np.mean(hits):.4f}"]
    assert computed.endswith("from the stored rankings")
    assert stored.split()[:2] == ["map@all", f"{run.record.scores['map@all'].value:.4f}"]
    assert stored.endswith("  stored")


def test_metrics_are_data_for_machines(show: Call, run: StoredRun, capsys: Captured) -> None:
    assert show("--metrics", "hit@2,mrr", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["run_id"] == run.record.run_id
    assert content["metrics"]["mrr"] == {**run.record.scores["mrr"].model_dump(), "origin": "stored"}
    assert content["metrics"]["hit@2"]["origin"] == "from the stored rankings"


@pytest.mark.parametrize(("ids", "message"), [("map@2", "ambiguous"), ("p@7", "only 6 items to rank")])
def test_metrics_that_cannot_be_told_are_an_error_of_the_call(
    ids: str, message: str, show: Call, capsys: Captured
) -> None:
    assert show("--metrics", ids) == 1
    assert message in capsys.readouterr().err


def test_a_query_is_printed_with_the_photos_that_it_found(
    show: Call, run: StoredRun, results: Path, capsys: Captured
) -> None:
    assert show("--query", 4) == 0
    head, query, values, *photos = capsys.readouterr().out.splitlines()
    own, found = folders(run, 4)
    assert run.record.run_id in head
    assert query == f"query 4: {run.per_query().names[4]}, {own}; 3 of 6 photos are of its class"
    ap = run.per_query().values[run.per_query().metric_ids.tolist().index("map@all"), 4]
    assert values.startswith(f"map@all {ap:.3f}  ")
    expected = [
        [str(rank), "right" if name == own else "wrong", name] for rank, name in enumerate(found, start=1)
    ]
    assert [line.split()[:3] for line in photos[:6]] == expected
    stem = results / "figures" / f"{run.record.protocol.dataset}-split-mean_colour-{run.record.run_id}-query4"
    assert photos[6:] == [f"{stem}.png", f"{stem}.svg"]
    assert all(Path(path).stat().st_size > 1000 for path in photos[6:])


@pytest.mark.parametrize("text", ["sketch/wave/wave-1.png", "wave/wave-1"])
def test_a_query_is_found_by_its_name_or_a_part_that_fits_one(
    text: str, show: Call, capsys: Captured
) -> None:
    assert show("--query", text, root=None) == 0
    assert "query 4: sketch/wave/wave-1.png, class " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dog", "'dog' fits 0 of 6 queries; there are: 0 (sketch/circle/circle-0.png, circle), 1 ("),
        ("6", "the run has queries 0 to 5, not 6"),
        ("-1", "the run has queries 0 to 5, not -1"),
        (
            "e-1",
            "'e-1' fits 2 of 6 queries: 1 (sketch/circle/circle-1.png, circle), "
            "4 (sketch/wave/wave-1.png, wave).",
        ),
    ],
)
def test_a_query_that_is_not_there_is_refused(text: str, message: str, show: Call, capsys: Captured) -> None:
    assert show("--query", text) == 1
    assert message in capsys.readouterr().err


def test_a_class_name_fits_its_queries_where_no_name_holds_it(made: tuple[StoredRun, PreparedData]) -> None:
    run, data = made
    names = [name.replace("wave", "sea") for name in run.per_query().names.tolist()]
    sketches = replace(
        data.index.sketches, names=tuple(n.replace("wave", "sea") for n in data.index.sketches.names)
    )
    per_query = replace(run.per_query(), names=np.array(names))
    with pytest.raises(BenchmarkError, match=r"'wave' fits 3 of 6 .*: 3 \(sketch/sea/sea-0\.png, wave\)"):
        find_query(per_query, "wave", replace(data.index, sketches=sketches))


def test_without_runs_the_folder_and_its_flag_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "show", "seed0", "--results-dir", str(tmp_path)])
    assert cli.main() == 1
    message = capsys.readouterr().err
    assert f"there are no runs under {tmp_path / 'runs'}" in message
    assert "--results-dir" in message


def test_the_ranking_of_a_query_is_data_for_machines(
    show: Call, run: StoredRun, results: Path, capsys: Captured
) -> None:
    assert show("--query", 0, "--metrics", "p@2", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    own, found = folders(run, 0)
    assert (content["query"], content["class_name"], content["split"]) == (0, own, "split")
    assert content["metrics"] == {"p@2": np.mean([name == own for name in found[:2]])}
    assert [(p["rank"], p["class_name"]) for p in content["photos"]] == list(enumerate(found, start=1))
    assert [photo["is_right"] for photo in content["photos"]] == [name == own for name in found]
    assert not (results / "figures").exists()


def test_without_the_data_the_text_is_printed_and_it_says_why_there_is_no_picture(
    show: Call, results: Path, capsys: Captured
) -> None:
    assert show("--query", 0, root=None) == 0
    printed = capsys.readouterr()
    assert "sketch/circle/circle-0.png, class 0; 3 of 6" in printed.out
    assert printed.out.splitlines()[3].split()[:2] in (["1", "right"], ["1", "wrong"])
    (line,) = printed.err.splitlines()
    assert line.startswith("No picture: ")
    assert "needs --data-root DIR" in line
    assert not (results / "figures").exists()


def test_a_picture_that_is_gone_is_named_and_the_rest_is_printed(
    show: Call, picture_root: Path, tmp_path: Path, capsys: Captured
) -> None:
    root = Path(shutil.copytree(picture_root, tmp_path / picture_root.name))
    (root / "photo" / "circle" / "circle-2.png").unlink()
    assert show("--query", 0, root=root) == 0
    printed = capsys.readouterr()
    assert "query 0: sketch/circle/circle-0.png, circle;" in printed.out
    assert "No picture: the photo 'photo/circle/circle-2.png'" in printed.err


def test_one_query_is_drawn_large_beside_its_photos_in_frames_of_right_and_wrong(
    made: tuple[StoredRun, PreparedData],
) -> None:
    run, data = made
    sketch, *photos = one_query(run, data.index, 3, top=4).axes
    own, found = folders(run, 3)
    assert sketch.get_xlabel().startswith(f"{own}\nAP ")
    assert [axis.get_title() for axis in photos] == ["1", "2", "3", "4"]
    assert [axis.get_xlabel() for axis in photos] == found[:4]
    assert [axis.texts[0].get_text() for axis in photos] == ["✓" if own == n else "✗" for n in found[:4]]
    colours = {axis.texts[0].get_text(): axis.spines["left"].get_edgecolor() for axis in photos}
    assert len(set(colours.values())) == 2


def test_a_run_of_an_older_version_is_named_and_tables_still_read_it(
    show: Call, results: Path, run: StoredRun, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (path,) = results.rglob("rankings.npz")
    np.savez_compressed(path, top=run.rankings().top, names=run.rankings().names)
    for flags in (("--query", 0), ("--metrics", "p@2")):
        assert show(*flags) == 1
        message = capsys.readouterr().err
        assert str(path) in message
        assert "older version" in message
        assert "--rerun all" in message
    assert show("--metrics", "map@all") == 0
    monkeypatch.setattr(sys, "argv", ["x", "table", "--dataset", "folder", "--results-dir", str(results)])
    assert cli.main() == 0
    assert "mean_colour" in capsys.readouterr().out


def test_a_table_holds_metrics_from_the_rankings(
    show: Call, results: Path, run: StoredRun, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    show("--metrics", "p@2", "--json")
    score = json.loads(capsys.readouterr().out)["metrics"]["p@2"]
    flags = ["--dataset", "folder", "--results-dir", str(results), "--format", "json"]
    monkeypatch.setattr(sys, "argv", ["x", "table", "--metrics", "p@2,map@all", *flags])
    assert cli.main() == 0
    content = json.loads(capsys.readouterr().out)
    assert content["metric_ids"] == ["p@2", "map@all"]
    cell = content["rows"][0]["mean"]["p@2"]
    assert cell["value"] == score["value"]
    assert content["chance"]["p@2"] == score["chance"] == 0.5


def test_a_superseded_run_without_its_rankings_is_no_obstacle_to_such_a_table(
    show: Call, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (folder,) = (path.parent for path in results.rglob("record.json"))
    older = Path(shutil.copytree(folder, folder.with_name("seed0-00000000")))
    (older / "rankings.npz").unlink()
    record = json.loads((older / "record.json").read_text())
    (older / "record.json").write_text(json.dumps({**record, "started": "2020-01-01T00:00:00+00:00"}))
    flags = ["--dataset", "folder", "--results-dir", str(results), "--format", "json"]
    monkeypatch.setattr(sys, "argv", ["x", "table", "--metrics", "p@2", *flags])
    assert cli.main() == 0
    assert json.loads(capsys.readouterr().out)["n_superseded"] == 1


def test_positives_are_those_that_the_query_ranks(
    made: tuple[StoredRun, PreparedData], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = made
    whole = query_result(run, 0, None, None)
    assert (whole.n_right, whole.n_gallery) == (3, 6)
    arrays = run.per_query()
    fewer = replace(arrays, n_relevant=arrays.n_relevant - 2, n_ranked=arrays.n_ranked - 1)
    monkeypatch.setattr(type(run), "per_query", lambda self: fewer)
    excluded = query_result(run, 0, None, None)
    assert (excluded.n_right, excluded.n_gallery) == (1, 5)
    older = replace(arrays, n_relevant=None, n_ranked=None)
    monkeypatch.setattr(type(run), "per_query", lambda self: older)
    counted = query_result(run, 0, None, None)
    assert (counted.n_right, counted.n_gallery) == (3, 6)
