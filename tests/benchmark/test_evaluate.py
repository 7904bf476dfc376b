"""`evaluate` from outside: numbers that can be checked by hand, and what a person reads after a mistake."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from benchmark import cli
from metrics.protocols import PROTOCOLS

ROOT = Path(__file__).parents[2]

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]

# On a line: a query at 0 sees its gallery in the order written, one at 10 in the reverse.
GALLERY = {"embeddings": [[1.0], [2.0], [3.0], [4.0]], "labels": ["a", "b", "b", "a"]}
QUERIES = {"embeddings": [[0.0], [10.0], [0.0]], "labels": ["a", "a", "b"]}


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line in process and return its exit code."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", "evaluate", *map(str, arguments)])
        return cli.main()

    return run


def _flags(folder: Path, queries: dict[str, Any], gallery: dict[str, Any]) -> tuple[object, ...]:
    for name, side in (("q", queries), ("g", gallery)):
        np.savez(folder / f"{name}.npz", **side)
    return ("--queries", folder / "q.npz", "--gallery", folder / "g.npz", "--device", "cpu")


@pytest.fixture
def line(tmp_path: Path) -> tuple[object, ...]:
    """Flags for the seven items on a line."""
    return _flags(tmp_path, QUERIES, GALLERY)


def _large(n_gallery: int = 260) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(3)
    sides = []
    for n in (15, n_gallery):
        labels = np.array(["ant", "bee", "cow"])[np.arange(n) % 9 // 4]  # four, four and one of nine
        sides.append({"embeddings": rng.normal(size=(n, 3)) + (labels == "bee")[:, None], "labels": labels})
    return sides[0], sides[1]


@pytest.fixture
def large(tmp_path: Path) -> tuple[object, ...]:
    """Flags for 15 queries and 260 photos of three classes."""
    return _flags(tmp_path, *_large())


def _json(capsys: Captured) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    return data


def test_means_over_queries_and_classes_stand_beside_chance(call: Call, line: Any, capsys: Captured) -> None:
    assert call(*line, "--metrics", "map@all,mrr", "--json") == 0
    scores = _json(capsys)["scores"]
    # Both queries of class a have their photos at ranks 1 and 4, that of class b at 2 and 3.
    of_a, of_b = (1 / 1 + 2 / 4) / 2, (1 / 2 + 2 / 3) / 2
    orders = [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
    assert scores["map@all"] == pytest.approx(
        {
            "value": (2 * of_a + of_b) / 3,
            "class_balanced": (of_a + of_b) / 2,
            "chance": np.mean([(1 / first + 2 / second) / 2 for first, second in orders]),
        }
    )
    assert scores["mrr"]["value"] == pytest.approx((1 + 1 + 1 / 2) / 3)


def test_without_metrics_the_default_ones_that_can_be_computed(
    call: Call, line: Any, capsys: Captured
) -> None:
    assert call(*line) == 0
    printed = capsys.readouterr().out
    assert [row.split()[0] for row in printed.splitlines()[7:10]] == ["map@all", "hit@1", "mrr"]
    assert "Not computed: acc@1: it needs `instances` in both files." in printed
    assert "Not computed: p@10: it looks at 10 ranks" in printed
    assert "Distance: euclidean, the default." in printed


def test_off_a_terminal_every_line_is_whole(call: Call, large: Any, capsys: Captured) -> None:
    assert call(*large, "--all-protocols") == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "SEM-PCYC, UCDR, TCN, ICFRR, ClipPrompt, torchmetrics; code of SEM-PCYC, doodle2search" in printed


def test_instances_make_acc_possible(call: Call, tmp_path: Path, capsys: Captured) -> None:
    queries, gallery = QUERIES | {"instances": ["x", "y", ""]}, GALLERY | {"instances": ["x", "", "", "z"]}
    assert call(*_flags(tmp_path, queries, gallery), "--metrics", "acc@1", "--json") == 0
    assert _json(capsys)["scores"]["acc@1"]["value"] == 1.0  # of x; y and "" have no item


@pytest.mark.parametrize(("ties", "value"), [("optimistic", 1.0), ("pessimistic", 1 / 2), ("grouped", 1 / 2)])
def test_the_tie_rule_is_the_chosen_one(
    ties: str, value: float, call: Call, tmp_path: Path, capsys: Captured
) -> None:
    sides = {"embeddings": [[0.0]], "labels": [1]}, {"embeddings": [[1.0], [-1.0]], "labels": [1, 2]}
    assert call(*_flags(tmp_path, *sides), "--metrics", "map@all", "--ties", ties, "--json") == 0
    found = _json(capsys)
    assert (found["ties"], found["scores"]["map@all"]["value"]) == (ties, value)


def test_ties_across_a_cut_are_reported(call: Call, tmp_path: Path, capsys: Captured) -> None:
    sides = (
        {"embeddings": [[0.0]], "labels": [1]},
        {"embeddings": [[1.0], [-1.0], [2.0]], "labels": [1, 2, 2]},
    )
    assert call(*_flags(tmp_path, *sides), "--metrics", "p@1,p@2") == 0
    assert "a tie of positives and others across a cut: 100.0% at 1." in capsys.readouterr().out


# Distance.


def test_the_distance_is_the_chosen_one(call: Call, tmp_path: Path, capsys: Captured) -> None:
    sides = {"embeddings": [[1.0, 0.0]], "labels": [1]}, {"embeddings": [[9, 1], [1, 1]], "labels": [1, 2]}
    for distance, value in (("euclidean", 1 / 2), ("cosine", 1.0)):
        assert call(*_flags(tmp_path, *sides), "--metrics", "mrr", "--distance", distance) == 0
        printed = capsys.readouterr().out
        assert f"Distance: {distance}, as chosen." in printed
        assert f"mrr     {value:.3f}" in printed


def test_a_protocol_brings_its_distance_and_a_chosen_one_goes_before_it(
    call: Call, large: Any, capsys: Captured
) -> None:
    values = {}
    for name, flags in {"own": (), "cosine": ("--distance", "cosine"), "dot": ("--distance", "dot")}.items():
        assert call(*large, "--protocol", "iiae", *flags) == 0
        printed = capsys.readouterr().out
        values[name] = [line for line in printed.splitlines() if line.startswith("map@all")]
        if name == "own":
            assert "Distance: cosine, that of IIAE's code, zs_cross_vae.py:396." in printed
        if name == "dot":
            assert "Distance: dot, as chosen (published code ranks otherwise: IIAE by cosine)." in printed
    assert values["own"] == values["cosine"] != values["dot"]


# Published readings.


def test_a_protocol_prints_each_reading_with_its_source(call: Call, large: Any, capsys: Captured) -> None:
    assert call(*large, "--protocol", "sem_pcyc") == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if "src/utils.py" in line}
    assert list(rows) == ["map@all", "map@200/hits", "p@100", "p@200"]
    assert rows["map@all"][3:] == ["grouped", "queries", "src/utils.py:83-100"]
    queries, gallery = _large()
    distances = np.linalg.norm(queries["embeddings"][:, None] - gallery["embeddings"][None], axis=2)
    relevant = queries["labels"][:, None] == gallery["labels"][None]
    slow = np.mean([average_precision_score(*pair) for pair in zip(relevant, -distances, strict=True)])
    assert rows["map@all"][1] == f"{slow:.3f}"


def test_a_protocol_of_unknown_average_prints_both(call: Call, large: Any, capsys: Captured) -> None:
    assert call(*large, "--protocol", "sake", "--json") == 0
    found = _json(capsys)
    means = [row["averaging"] for row in found["readings"] if row["metric"] == "map@all/voc"]
    assert (means, found["protocol"]["averaging"]) == (["class", "query"], "unknown")
    assert len({row["value"] for row in found["readings"] if row["metric"] == "map@all/voc"}) == 2


def test_chance_is_averaged_like_the_reading_it_stands_beside(
    call: Call, large: Any, capsys: Captured
) -> None:
    assert call(*large, "--protocol", "sake", "--json") == 0
    chance = {
        row["averaging"]: row["chance"] for row in _json(capsys)["readings"] if row["metric"] == "p@100"
    }
    queries, gallery = _large()
    share = {label: np.mean(gallery["labels"] == label) for label in ("ant", "bee", "cow")}
    assert chance["class"] == pytest.approx(np.mean(list(share.values())))
    assert chance["query"] == pytest.approx(np.mean([share[label] for label in queries["labels"]]))
    assert abs(chance["class"] - chance["query"]) > 0.01


def test_a_reading_beyond_the_gallery_says_so_in_its_row(
    call: Call, tmp_path: Path, capsys: Captured
) -> None:
    assert call(*_flags(tmp_path, *_large(n_gallery=200)), "--protocol", "doodle2search") == 0
    rows = {row.split("  ")[0]: row for row in capsys.readouterr().out.splitlines()}
    assert rows["p@200/item"].endswith(
        "cannot be computed: it looks at 201 ranks, but a query has only 200 items to rank"
    )
    assert rows["map@200/hits"].endswith("src/test.py:103-106")


def test_all_protocols_holds_every_published_reading(call: Call, large: Any, capsys: Captured) -> None:
    assert call(*large, "--all-protocols", "--json") == 0
    found = _json(capsys)["readings"]
    keys = {(row["metric"], row["ties"], row["averaging"]) for row in found}
    assert len(keys) == len(found)
    for protocol in PROTOCOLS.values():
        assert {(row.metric, row.ties, row.averaging) for row in protocol.readings} <= keys
        assert any(protocol.title in row["users"] for row in found)
    assert all(0 <= row["value"] <= 1 and 0 < row["chance"] <= 1 for row in found)


def test_one_name_stands_together_with_the_largest_first(call: Call, large: Any, capsys: Captured) -> None:
    assert call(*large, "--all-protocols") == 0
    groups = capsys.readouterr().out.split("\n\n")[1:-1]
    names = [
        {row.split()[0].split("/")[0] for row in group.splitlines() if "@200" in row} for group in groups
    ]
    assert {"map@200"} in names
    block = next(group for group, name in zip(groups, names, strict=True) if name == {"map@200"})
    values = [float(row.split()[1]) for row in block.splitlines()]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]


def test_the_spread_is_that_of_the_smallest_and_the_largest_map_at_200(
    call: Call, large: Any, capsys: Captured
) -> None:
    assert call(*large, "--all-protocols", "--json") == 0
    found = _json(capsys)
    values = {row["value"] for row in found["readings"] if row["metric"].startswith("map@200")}
    assert found["spread"].startswith(
        f"map@200 of this one ranking is anything from {min(values):.3f} (map@200"
    )
    assert f" to {max(values):.3f} (map@200/hits: SEM-PCYC" in found["spread"]


def test_all_protocols_leave_out_what_the_gallery_is_too_small_for(
    call: Call, tmp_path: Path, capsys: Captured
) -> None:
    assert call(*_flags(tmp_path, *_large(n_gallery=150)), "--all-protocols") == 0
    printed = capsys.readouterr().out
    assert "\nmap@200" not in printed
    assert "map@200/voc, p@200" in next(line for line in printed.splitlines() if "Not computed" in line)
    assert printed.splitlines()[-1].startswith("map@100 of this one ranking")


def test_tie_rules_that_give_one_value_share_a_row_and_others_do_not(
    call: Call, tmp_path: Path, capsys: Captured
) -> None:
    queries, gallery = _large()
    coarse = [{**side, "embeddings": np.sign(side["embeddings"])} for side in (queries, gallery)]
    for sides, ties in (([queries, gallery], {"expected=stable"}), (coarse, {"expected", "stable"})):
        assert call(*_flags(tmp_path, *sides), "--all-protocols") == 0
        printed = capsys.readouterr().out
        rows = [line.split() for line in printed.splitlines() if line.startswith("map@200/k ")]
        assert {row[3] for row in rows} == ties
        assert ("Tie rules joined by = give one value here." in printed) == (len(ties) == 1)


def test_nothing_to_read_is_said(call: Call, tmp_path: Path, capsys: Captured) -> None:
    np.savez(tmp_path / "p.npz", embeddings=[[0.0], [1.0], [5.0]], labels=[1, 2, 3])
    both = ("--queries", tmp_path / "p.npz", "--gallery", tmp_path / "p.npz", "--exclude-self")
    assert call(*both, "--all-protocols") == 0
    printed = capsys.readouterr().out
    assert "Queries without a positive in the gallery, left out of every mean: 3." in printed
    assert printed.splitlines()[-1] == "No reading could be computed."
    assert call(*both, "--metrics", "mrr", "--json") == 0
    assert _json(capsys)["scores"]["mrr"] == {"value": None, "class_balanced": None, "chance": None}


def test_a_terminal_of_100_columns_holds_every_reading(
    call: Call, large: Any, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    for flags in (("--all-protocols",), ("--protocol", "sake"), ("--metrics", "map@200/voc,p@10")):
        assert call(*large, *flags) == 0
        lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
        assert max(map(len, lines)) <= 100
        assert any(re.match(r"map@200/voc +0\.\d{3} ", line) for line in lines)


# Exclusions.


def test_one_file_on_both_sides_leaves_each_row_out_of_its_own_gallery(
    call: Call, tmp_path: Path, capsys: Captured
) -> None:
    np.savez(tmp_path / "p.npz", embeddings=[[0.0], [1.0], [5.0], [5.5]], labels=[1, 1, 2, 1])
    both = ("--queries", tmp_path / "p.npz", "--gallery", tmp_path / "p.npz", "--metrics", "hit@1", "--json")
    values = {}
    for name, flags in {"with": (), "without": ("--exclude-self",)}.items():
        assert call(*both, *flags) == 0
        values[name] = _json(capsys)["scores"]["hit@1"]["value"]
    assert values == {"with": 1.0, "without": pytest.approx(2 / 3)}  # class 2 has one item: left out


def test_exclusions_by_ids_are_counted(call: Call, tmp_path: Path, capsys: Captured) -> None:
    sides = QUERIES | {"ids": ["1", "9", "8"]}, GALLERY | {"ids": [1, 2, 3, 4]}  # text meets numbers
    assert call(*_flags(tmp_path, *sides), "--metrics", "hit@1", "--exclude-self") == 0
    printed = capsys.readouterr().out
    assert "Left out before ranking: 1 pair of" in printed
    assert "hit@1   0.333" in printed


def test_readings_see_the_query_with_most_exclusions(call: Call, tmp_path: Path, capsys: Captured) -> None:
    queries, gallery = _large(n_gallery=201)
    sides = queries | {"groups": ["", "g", *[""] * 13]}, gallery | {"groups": ["g", "g", *[""] * 199]}
    assert call(*_flags(tmp_path, *sides), "--protocol", "zse", "--exclude-self") == 0
    assert "it looks at 200 ranks, but a query has only 199 items to rank" in capsys.readouterr().out


# Mistakes.


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--metrics", "map@200"), "Metric 'map@200' is ambiguous"),
        (("--metrics", "p@10"), "'p@10' cannot be computed: it looks at 10 ranks"),
        (
            ("--distance", "manhattan"),
            "No distance named 'manhattan'. Known: euclidean, cosine, dot, hamming",
        ),
        (("--distance", "hamming"), "hamming needs codes of -1 and 1, or of 0 and 1"),
        (("--ties", "best"), "No tie rule named 'best'. Known: expected, grouped"),
        (("--protocol", "sem_pcy"), "no such protocol. Did you mean sem_pcyc? Known: sake, sem_pcyc, zse"),
        (("--protocol", "sake", "--ties", "stable"), "--ties and --protocol contradict each other"),
        (("--metrics", "mrr", "--all-protocols"), "--metrics and --all-protocols contradict each other"),
        (("--protocol", "sake", "--all-protocols"), "--protocol and --all-protocols contradict each other"),
        (("--exclude-self",), "by `ids` or `groups` in both files"),
        (("--query-labels", "none.txt"), "--query-labels none.txt: no such file"),
        (("--device", "tpu"), "torch has no such device here"),
    ],
)
def test_mistakes_give_one_message_and_exit_code_1(
    flags: tuple[str, ...], message: str, call: Call, line: Any, capsys: Captured
) -> None:
    arguments = line[:-2] if "--device" in flags else line
    assert call(*arguments, *flags) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert not printed.out


def test_a_class_that_the_gallery_lacks_is_a_warning_on_stderr_and_in_json(
    call: Call, tmp_path: Path, capsys: Captured
) -> None:
    queries = {"embeddings": [[0.0], [1.0]], "labels": ["a", "zebra"]}
    assert call(*_flags(tmp_path, queries, GALLERY), "--json") == 0
    printed = capsys.readouterr()
    data = json.loads(printed.out)
    assert data["n_without_positives"] == 1
    assert "1 of 2 queries are left out" in printed.err
    assert "'zebra'" in data["warnings"][0]


def test_help_needs_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; sys.argv = ['x', 'evaluate', '--help']; from benchmark.cli import main; code = main(); "
        "assert not {'torch', 'numpy', 'scipy'} & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--all-protocols" in done.stdout
