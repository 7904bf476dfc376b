"""The search for hyper-parameters: what it looks at, what it repeats, what it writes."""

import csv
import io
import math
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from types import SimpleNamespace
from typing import ClassVar

import pytest
from PIL import Image
from rich.console import Console

from benchmark import configs, tuning
from benchmark.commands.tune import tune
from benchmark.configs import resolve_config, tuned_path
from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError, NotRunnable
from benchmark.prepare import PreparedData, Where
from benchmark.registry import METHODS
from benchmark.suite import Suite
from benchmark.tuned_files import config_text, log_text
from benchmark.tuning import search, tune_method
from datasets.splits import ZeroShotSplit
from datasets.task import PictureSource
from methods.base import MethodCard, RetrievalMethod, SearchRange

COLOURS = {
    "coal": (20, 20, 20),
    "grass": (30, 160, 40),
    "lemon": (230, 220, 30),
    "plum": (120, 30, 120),
    "rose": (220, 60, 90),
    "sky": (90, 170, 240),
}
UNSEEN, VALIDATION, TRAINING = {"coal", "sky"}, {"lemon", "plum"}, {"grass", "rose"}


class MeanColour(RetrievalMethod):
    """Mean colour, dimmed by a parameter: "off" gives every picture one embedding, "broken" raises."""

    card = MethodCard(
        id="mean_colour",
        title="Mean colour",
        pretraining=(),
        side_information=(),
        input="images",
        distance="euclidean",
        fidelity="baseline",
        deviations=(),
    )

    @dataclass(frozen=True)
    class Config:
        light: str = "off"
        gain: float = 1.0
        n_steps: int = 1
        note: str = "as it is"

    search_space: ClassVar[Mapping[str, SearchRange]] = {
        "light": SearchRange(choices=("off", "on", "broken")),
        "gain": SearchRange(low=0.1, high=10.0, log=True),
        "n_steps": SearchRange(low=1, high=5),
    }
    seed = -1

    def fit(self, seen, *, seed, progress):
        self.seed = seed
        self.class_names = set(seen.class_names)
        if self.config.light == "broken":
            raise FloatingPointError("the lamp: it broke")
        return self

    def embed_sketches(self, batch):
        return batch.mean(dim=(2, 3)) * (self.config.gain if self.config.light == "on" else 0.0)

    embed_photos = embed_sketches


class Steady(MeanColour):
    """The same without randomness."""

    card = MethodCard(**{**vars(MeanColour.card), "is_random": False})


class AlwaysBroken(MeanColour):
    """Every trial fails."""

    def fit(self, seen, *, seed, progress):
        raise FloatingPointError("the lamp: it broke")


@pytest.fixture
def root(tmp_path):
    """Six classes of two sketches and two photos, each class of one colour."""
    root = tmp_path / "Colours"
    for modality in ("sketch", "photo"):
        for name, colour in COLOURS.items():
            folder = root / modality / name
            folder.mkdir(parents=True)
            for i in range(2):
                Image.new("RGB", (8, 8), tuple(part + i for part in colour)).save(folder / f"{i}.png")
    lists = f"unseen = {sorted(UNSEEN)}\nvalidation = {sorted(VALIDATION)}\n"
    (root / "split.toml").write_text(lists, encoding="utf-8")
    return root


@pytest.fixture
def suite():
    return Suite(name="tune", title="Search", dataset="folder", methods=("mean_colour",))


@pytest.fixture
def where(root, tmp_path):
    return Where(cache_dir=tmp_path / "cache", results_dir=tmp_path / "results", data_root=root)


@pytest.fixture
def data(suite, where):
    return PreparedData(suite, where)


@pytest.fixture
def split(data):
    return data.splits()[0]


@pytest.fixture(autouse=True)
def configs_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(configs, "CONFIGS_DIR", tmp_path / "configs")
    monkeypatch.setitem(METHODS._entries, "mean_colour", MeanColour)
    return tmp_path / "configs"


@pytest.fixture
def messages():
    return io.StringIO()


@pytest.fixture
def display(messages):
    return SuiteDisplay(Console(file=messages, width=200))


@pytest.fixture
def score_by(monkeypatch):
    """Replace grading by a function of the configuration and the seed."""

    def replace(score):
        def evaluate(embedded, index, *, device, terms):
            return SimpleNamespace(summary={"map@all": score(embedded.method.config, embedded.method.seed)})

        monkeypatch.setattr(tuning, "evaluate", evaluate)

    return replace


def with_space(**space):
    """Return the method with another search space."""
    return type("MeanColour", (MeanColour,), {"search_space": space, "__module__": __name__})


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_no_item_of_an_unseen_class_is_ever_opened(data, split, monkeypatch):
    opened, read = set(), PictureSource.rows

    def recording(source, idx):
        opened.update(data.index.class_names[label] for label in source.items.labels[idx])
        return read(source, idx)

    monkeypatch.setattr(PictureSource, "rows", recording)
    search(MeanColour, data, split, n_trials=4)
    assert opened == TRAINING | VALIDATION


def test_training_is_without_the_validation_classes(data, split, monkeypatch):
    trained_on, graded_on, evaluate = [], [], tuning.evaluate

    def recording(embedded, index, *, device, terms):
        trained_on.append(embedded.method.class_names)
        answers = embedded.answers
        for labels in (answers.query_labels, answers.gallery_labels):
            graded_on.append({index.class_names[label] for label in labels})
        return evaluate(embedded, index, device=device, terms=terms)

    monkeypatch.setattr(tuning, "evaluate", recording)
    search(Steady, data, split, n_trials=1)
    assert trained_on == [TRAINING]
    assert graded_on == [VALIDATION, VALIDATION]


def test_the_first_trial_is_the_defaults(data, split):
    first = search(MeanColour, data, split, n_trials=2).attempts[0]
    assert first.params == {"light": "off", "gain": 1.0, "n_steps": 1}


def test_a_better_configuration_than_the_defaults_is_found(data, split):
    # Without light all four validation photos tie: the expected average precision of 2 in 4 is 49 / 72.
    found = search(MeanColour, data, split, n_trials=8)
    assert found.attempts[0].score == pytest.approx(49 / 72)
    assert found.winner.params["light"] == "on"
    assert found.winner_scores == pytest.approx((1.0, 1.0, 1.0))


def test_the_best_three_are_repeated_on_two_more_seeds(data, split, score_by):
    score_by(lambda config, seed: config.gain)
    found = search(MeanColour, data, split, n_trials=12)
    trials, repeats = found.attempts[:12], found.attempts[12:]
    best = sorted((a for a in trials if a.score is not None), key=lambda a: a.params["gain"])[:-4:-1]
    assert {attempt.seed for attempt in trials} == {0}
    expected = [(attempt.trial, seed) for attempt in best for seed in (1, 2)]
    assert [(attempt.trial, attempt.seed) for attempt in repeats] == expected


def test_the_winner_has_the_largest_mean_not_the_luckiest_seed(data, split, score_by):
    score_by(lambda config, seed: {"on": (0.9, 0.1, 0.2), "off": (0.6, 0.5, 0.7)}[config.light][seed])

    found = search(with_space(light=SearchRange(choices=("off", "on"))), data, split, n_trials=12)
    assert max(attempt.score for attempt in found.attempts) == 0.9
    assert found.winner.params == {"light": "off"}
    assert found.winner_scores == (0.6, 0.5, 0.7)


def test_equal_parameters_are_repeated_once(data, split, score_by):
    score_by(lambda config, seed: 0.5)

    found = search(with_space(light=SearchRange(choices=("off",))), data, split, n_trials=3)
    assert [(a.trial, a.seed) for a in found.attempts] == [(0, 0), (1, 0), (2, 0), (0, 1), (0, 2)]


def test_a_method_without_randomness_is_not_repeated(data, split):
    found = search(Steady, data, split, n_trials=5)
    assert [attempt.seed for attempt in found.attempts] == [0] * 5
    assert len(found.winner_scores) == 1


def test_a_repeated_search_tries_the_same(data, split, score_by):
    score_by(lambda config, seed: config.gain)
    tried = [[a.params for a in search(Steady, data, split, n_trials=15).attempts] for _ in range(2)]
    assert tried[0] == tried[1]


def test_the_range_of_a_whole_number_gives_whole_numbers(data, split):
    tried = {a.params["n_steps"] for a in search(Steady, data, split, n_trials=8).attempts}
    assert all(type(value) is int for value in tried)
    assert tried <= {1, 2, 3, 4, 5}


def test_a_failed_trial_is_kept_and_the_others_go_on(data, split):
    found = search(Steady, data, split, n_trials=10)
    failed = [attempt for attempt in found.attempts if attempt.score is None]
    assert len(found.attempts) == 10
    assert {attempt.params["light"] for attempt in failed} == {"broken"}
    assert {attempt.reason for attempt in failed} == {"FloatingPointError: the lamp: it broke"}


def test_a_score_that_is_no_number_is_a_failed_trial(data, split, score_by):
    score_by(lambda config, seed: math.nan if config.light == "off" else 0.5)
    found = search(Steady, data, split, n_trials=6)
    assert found.attempts[0].score is None
    assert found.attempts[0].reason == "FloatingPointError: map@all is nan"


def test_a_finalist_that_fails_on_another_seed_cannot_win(data, split, score_by):
    score_by(lambda config, seed: math.nan if config.light == "on" and seed == 2 else len(config.light) / 10)
    found = search(MeanColour, data, split, n_trials=12)
    assert found.winner.params["light"] == "off"


def test_an_error_names_the_last_failure_when_every_trial_fails(data, split):
    with pytest.raises(BenchmarkError, match=r"all 3 trials failed.*FloatingPointError: the lamp: it broke"):
        search(AlwaysBroken, data, split, n_trials=3)


def test_a_method_that_cannot_run_is_one_error(data, split):
    class Lame(MeanColour):
        def fit(self, seen, *, seed, progress):
            raise NotRunnable("needs weights")

    with pytest.raises(BenchmarkError, match="'mean_colour' cannot be tuned here: needs weights"):
        search(Lame, data, split, n_trials=3)


def test_one_validation_class_is_refused(data, split):
    narrow = ZeroShotSplit(split.dataset, split.id, split.unseen, ("lemon",), split.origin)
    with pytest.raises(BenchmarkError, match="one validation class, 'lemon', so every photo would match"):
        search(MeanColour, data, narrow, n_trials=1)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"light": SearchRange(choices=("on",))}, r"'light' has the default 'off'.* not among \('on',\)"),
        ({"gain": SearchRange(low=2, high=3)}, r"'gain' has the default 1\.0.* not among 2 to 3"),
        ({"glow": SearchRange(low=2, high=3)}, r"'glow' is no parameter of its Config\. It has: light, gain"),
    ],
)
def test_a_search_space_that_does_not_hold_the_defaults_is_refused(data, split, space, message):
    with pytest.raises(BenchmarkError, match=message):
        search(with_space(**space), data, split, n_trials=1)


def test_the_log_holds_every_fit_and_the_best_so_far(data, split):
    found = search(MeanColour, data, split, n_trials=10)
    rows = rows_of(log_text(found))
    assert len(rows) == len(found.attempts)
    best, expected = -1.0, []
    for row in rows[:10]:
        best = max(best, float(row["map@all"] or -1))
        expected.append(best)
    assert [float(row["best_so_far"]) for row in rows[:10]] == expected
    assert expected == sorted(expected)
    assert all(row["best_so_far"] == "" for row in rows[10:])


def test_the_log_names_the_kind_of_a_failure_alone(data, split):
    rows = rows_of(log_text(search(Steady, data, split, n_trials=10)))
    failed = [row for row in rows if row["light"] == "broken"]
    assert {(row["state"], row["error"], row["map@all"]) for row in failed} == {
        ("failed", "FloatingPointError", "")
    }


def test_the_configuration_says_what_was_looked_at(data, split):
    content = tomllib.loads(config_text(search(Steady, data, split, n_trials=4), data))
    tuned_on = content["tuned_on"]
    assert tuned_on["split_sha256"] == split.sha256
    assert set(tuned_on["seen_classes"]) == TRAINING | VALIDATION
    assert set(tuned_on["validation_classes"]) == VALIDATION


def test_the_configuration_states_the_search(data, split, score_by):
    score_by(lambda config, seed: config.gain / 10 if seed == 0 else 0.25)
    found = search(MeanColour, data, split, n_trials=6)
    stated = tomllib.loads(config_text(found, data))["search"]
    assert stated["seeds"] == [0, 1, 2]
    assert stated["scores"] == [pytest.approx(found.winner.params["gain"] / 10, abs=1e-6), 0.25, 0.25]
    assert stated["score"] == pytest.approx(fmean(stated["scores"]), abs=1e-6)
    assert stated["default_score"] == 0.1


def test_the_command_in_the_file_names_no_place(data, split):
    content = tomllib.loads(config_text(search(Steady, data, split, n_trials=2), data))
    assert content["made_with"]["command"] == (
        "run_benchmark.py tune mean_colour --dataset folder --data-root DIR --splits split --trials 2"
    )


def test_what_is_written_is_what_runs_on_the_split(suite, where, display, split):
    (path,) = tune_method("mean_colour", suite, where, display, n_trials=6)
    written = tomllib.loads(path.read_text(encoding="utf-8"))["config"]
    resolved = resolve_config(MeanColour, "tuned", split, width=64)
    assert set(written) == {"light", "gain", "n_steps"}
    assert resolved.source == "tuned"
    assert resolved.values == {**written, "note": "as it is"}


def test_what_is_written_is_refused_on_an_overlapping_split(suite, where, display, split):
    (path,) = tune_method("mean_colour", suite, where, display, n_trials=2)
    other = ZeroShotSplit(split.dataset, "other", ("grass", "sky"), ("coal", "rose"), "made up")
    with pytest.raises(
        BenchmarkError, match="seen classes contain 1 classes that are unseen in 'other': grass"
    ):
        resolve_config(MeanColour, str(path), other, width=64)


def test_no_file_names_a_place_of_the_machine(suite, where, display, tmp_path, configs_dir):
    tune_method("mean_colour", suite, where, display, n_trials=4)
    files = sorted(path for path in configs_dir.rglob("*") if path.is_file())
    assert [path.name for path in files] == ["split.csv", "split.toml"]
    assert not any(str(tmp_path.parent) in path.read_text(encoding="utf-8") for path in files)


def test_an_existing_configuration_is_kept_with_a_message(suite, where, display, messages):
    (path,) = tune_method("mean_colour", suite, where, display, n_trials=2)
    before = path.read_bytes()
    assert tune_method("mean_colour", suite, where, display, n_trials=3) == ()
    assert path.read_bytes() == before
    assert "mean_colour/folder_colours/split.toml exists and is kept. Give --overwrite" in messages.getvalue()


def test_overwrite_replaces_it(suite, where, display):
    tune_method("mean_colour", suite, where, display, n_trials=2)
    (path,) = tune_method("mean_colour", suite, where, display, n_trials=3, overwrite=True)
    assert tomllib.loads(path.read_text(encoding="utf-8"))["search"]["trials"] == 3


def test_an_interruption_costs_the_split_in_progress_only(suite, where, display, split, monkeypatch):
    second = ZeroShotSplit(split.dataset, "second", ("grass", "rose"), ("coal", "plum"), "made up")
    monkeypatch.setattr(PreparedData, "splits", lambda data: (split, second))

    class Interrupted(MeanColour):
        def fit(self, seen, *, seed, progress):
            if "sky" in seen.class_names:
                raise KeyboardInterrupt
            return super().fit(seen, seed=seed, progress=progress)

    monkeypatch.setitem(METHODS._entries, "mean_colour", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune_method("mean_colour", suite, where, display, n_trials=2)
    folder = tuned_path("mean_colour", split.dataset, split.id).parent
    assert sorted(path.name for path in folder.iterdir()) == ["split.csv", "split.toml"]


def test_a_method_without_a_search_space_is_refused(suite, where, display, monkeypatch):
    monkeypatch.setattr(MeanColour, "search_space", {})
    with pytest.raises(BenchmarkError, match="'mean_colour' has no `search_space`: there is nothing to tune"):
        tune_method("mean_colour", suite, where, display)


def test_without_optuna_the_error_says_how_to_get_it(suite, where, display, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(BenchmarkError, match=r'not installed: pip install -e "\.\[tune\]"'):
        tune_method("mean_colour", suite, where, display)


def test_the_verb_tunes_the_splits_asked_for(root, tmp_path):
    code = tune(
        "mean_colour",
        dataset="folder",
        splits="split",
        trials=2,
        data_root=root,
        cache_dir=tmp_path / "cache",
        device="cpu",
    )
    assert code == 0
    assert tuned_path("mean_colour", "folder_colours", "split").is_file()
