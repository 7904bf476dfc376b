"""A method that looks everywhere while it is fitted finds nothing of the classes it is tested on.

`test_leak_search.py` shows that the search finds each kind of leak; here it is run from inside `fit`, on the
generated world and on real pictures, and shown to notice when the wall is broken on purpose.
"""

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from rich.console import Console

from benchmark.contract.leaks import Secrets, find_leaks, texts_in_folder
from benchmark.display import Clock, SuiteDisplay
from benchmark.embed import fit_and_embed
from benchmark.execute import execute
from benchmark.plan import grid, plan
from benchmark.prepare import PreparedData, Where
from benchmark.suite import Suite
from datasets.arrangement import arrange
from datasets.class_vectors import class_vectors
from datasets.features import extract
from datasets.settings import DIRECTIONS, SETTINGS, Terms
from datasets.task import PictureSource, ZeroShotTask
from methods.base import FitProgress, MethodCard, RetrievalMethod

REAL_CLASSES = ("aircraft", "bird", "boat", "clock", "fruit", "mail")
REAL_SPLIT = 'unseen = ["boat", "clock"]\nvalidation = ["mail"]\n'
PICTURE_SIZE = 32
PHASES = ("run", "tune")
INPUTS = ("features", "images")


def make_spy(secrets, *, input="features", cache_dir=None):
    """Return a method class whose `fit` searches all it can reach, and the list it reports to."""
    found = []

    class Spy(RetrievalMethod):
        card = MethodCard(
            id="spy",
            title="Spy",
            pretraining=(),
            side_information=("class vectors",),
            input=input,
            distance="cosine",
            fidelity="baseline",
            deviations=(),
        )

        def fit(self, seen, *, seed, progress):
            given = {"seen": seen, "seed": seed, "progress": progress, "method": vars(self)}
            if cache_dir is not None:
                given["cache"] = texts_in_folder(cache_dir / "features")
            found.extend(find_leaks(given, secrets))
            self.was_fitted = torch.ones(1)
            return self

        def embed_sketches(self, batch):
            return batch.flatten(1)[:, :8].clone()

        embed_photos = embed_sketches

    return Spy, found


def secrets_of(index, split, *, phase, sketches, photos, memory=()):
    """Everything of the test classes, and in phase "tune" of the unseen classes too.

    Features are secret as they are, at length 1, and as a suite centres them; pictures as they are.
    """
    hidden = split.unseen if phase == "run" else (*split.unseen, *split.validation)
    texts, rows = set(hidden), [class_vectors(hidden)]
    for items, numbers in ((index.sketches, sketches), (index.photos, photos)):
        is_hidden = np.isin([index.class_names[label] for label in items.labels], hidden)
        for column in (items.names, map(str, items.files), items.instances or ()):
            texts |= {text for text, is_secret in zip(column, is_hidden, strict=False) if is_secret}
        rows.append(numbers[is_hidden])
        if numbers.ndim == 2:
            centred = (numbers - numbers[~is_hidden].mean(axis=0))[is_hidden]
            rows += [at_length_1(numbers[is_hidden]), centred, at_length_1(centred)]
    seen_names = frozenset(index.class_names) - set(hidden)
    return Secrets(frozenset(texts), tuple(rows), tuple(memory), allowed=seen_names)


def at_length_1(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def tiny_secrets(world, *, phase, input="features"):
    arrays = (world.sketch_features, world.photo_features)
    if input == "images":
        arrays = (world.sketch_pictures, world.photo_pictures)
    return secrets_of(
        world.index, world.split, phase=phase, sketches=arrays[0], photos=arrays[1], memory=arrays
    )


def fit_spy(spy, task, progress=None):
    return fit_and_embed(spy, None, task, seed=0, device="cpu", progress=progress or FitProgress())


def spy_on(world, *, phase="run", input="features", pairs="class", progress=None):
    spy, found = make_spy(tiny_secrets(world, phase=phase, input=input), input=input)
    assert fit_spy(spy, world.task(spy.card, phase=phase, pairs=pairs), progress).method.was_fitted
    return found


@pytest.mark.parametrize("pairs", ["class", "instance"])
@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("phase", PHASES)
def test_nothing_is_found_in_the_generated_world(tiny_world, phase, input, pairs):
    assert spy_on(tiny_world, phase=phase, input=input, pairs=pairs) == []


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_nothing_is_found_in_any_setting_and_direction(tiny_world, setting, direction):
    terms = Terms(setting, direction)
    secrets = with_held_out(tiny_secrets(tiny_world, phase="run"), tiny_world, terms)
    spy, found = make_spy(secrets)
    assert fit_spy(spy, tiny_world.task(spy.card, terms=terms)).method.was_fitted
    assert found == []


@pytest.mark.parametrize("setting", ["gzs/heldout", "gzs/open_search"])
def test_a_held_out_item_that_trains_all_the_same_is_noticed(tiny_world, monkeypatch, setting):
    terms, features = Terms(setting), tiny_world.photo_features
    card = make_spy(Secrets())[0].card
    whole = tiny_world.task(card).arrangement
    held_out = np.setdiff1d(tiny_world.task(card, terms=terms).arrangement.gallery, whole.gallery)
    leaked = at_length_1(features[held_out] - features[whole.train_photos].mean(axis=0))
    spy, found = make_spy(Secrets(rows=(leaked,)))

    def arranged(*arguments, **options):
        return replace(arrange(*arguments, **options), train_photos=whole.train_photos)

    monkeypatch.setattr("datasets.task.arrange", arranged)
    fit_spy(spy, tiny_world.task(spy.card, terms=terms))
    assert {leak.kind for leak in found} == {"row"}


def with_held_out(secrets, world, terms):
    """Add the features of seen test items that the setting keeps from training, raw and centred."""
    if SETTINGS[terms.setting].tests_training_items:
        return secrets
    task = world.task(make_spy(secrets)[0].card, terms=terms)
    answers, rows = task.answers(), []
    features = {"sketch": world.sketch_features, "photo": world.photo_features}
    trained = {"sketch": task.arrangement.train_sketches, "photo": task.arrangement.train_photos}
    for modality, tested in zip(answers.modalities, (answers.queries, answers.gallery), strict=True):
        held_out = features[modality][tested]
        rows += [held_out, at_length_1(held_out - features[modality][trained[modality]].mean(axis=0))]
    return replace(secrets, rows=(*secrets.rows, *rows))


def test_the_secrets_of_the_generated_world_are_found_where_they_are(tiny_world):
    secrets = tiny_secrets(tiny_world, phase="run")
    task = tiny_world.task(make_spy(secrets)[0].card)
    kinds = {leak.kind for leak in find_leaks({"task": task}, secrets)}
    assert kinds == {"text", "row", "memory"}


@pytest.mark.parametrize("names", ["seen", "validation"])
def test_in_tune_the_names_of_seen_classes_alone_are_not_secret(tiny_world, names):
    secrets = tiny_secrets(tiny_world, phase="tune")
    seen = set(tiny_world.split.seen(tiny_world.index.class_names)) - set(tiny_world.split.validation)
    looked_at = seen if names == "seen" else tiny_world.split.validation
    assert bool(find_leaks({"names": list(looked_at)}, secrets)) == (names == "validation")


def break_seen(monkeypatch, change):
    """Let `ZeroShotTask.seen` hand out what `change(task, seen)` makes of it."""
    original = ZeroShotTask.seen

    def broken(task):
        seen = original(task)
        change(task, seen)
        return seen

    monkeypatch.setattr(ZeroShotTask, "seen", broken)
    # The device is the same: what is handed out is what was made.
    monkeypatch.setattr("datasets.seen.SeenData.to", lambda seen, device: seen)


def hand_over_the_task(task, seen):
    seen.source = task


def hand_over_a_closure(task, seen):
    seen.reload = lambda: task.seen()


def keep_all_class_names(task, seen):
    seen.all_class_names = task._index.class_names


def keep_an_instance_name(task, seen):
    seen.instance_names = task._index.photos.instances


def keep_a_path(task, seen):
    seen.files = task._index.photos.files


def give_all_class_vectors(task, seen):
    seen.class_vectors = torch.from_numpy(class_vectors((*task.train_classes, *task.test_classes)))


def cut_class_vectors_from_all(task, seen):
    give_all_class_vectors(task, seen)
    seen.class_vectors = seen.class_vectors[: len(task.train_classes)]


def give_a_view_of_all_features(task, seen):
    seen.photos = torch.from_numpy(task._sources["photo"].array[: len(seen.photos)])


def give_one_unseen_row(task, seen):
    row = task.answers().gallery[0]
    photos = task._sources["photo"].rows(row[None])
    seen.photos[3] = torch.from_numpy(task._normalised(photos, task._means["photo"]))[0]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (hand_over_the_task, "text"),
        (hand_over_a_closure, "text"),
        (keep_all_class_names, "text"),
        (keep_an_instance_name, "text"),
        (keep_a_path, "text"),
        (give_all_class_vectors, "row"),
        (cut_class_vectors_from_all, "larger"),
        (give_a_view_of_all_features, "memory"),
        (give_one_unseen_row, "row"),
    ],
)
def test_a_broken_wall_is_noticed(tiny_world, monkeypatch, change, kind):
    break_seen(monkeypatch, change)
    assert kind in {leak.kind for leak in spy_on(tiny_world)}


def test_a_progress_that_leads_back_to_the_runner_is_noticed(tiny_world):
    progress = FitProgress()
    progress.on_step = lambda: tiny_world
    assert {leak.kind for leak in spy_on(tiny_world, progress=progress)} == {"text", "row", "memory"}


@pytest.fixture(scope="module")
def real_data(tmp_path_factory):
    """Six classes of four sketches and four photos, all different, with real features of them."""
    folder = tmp_path_factory.mktemp("real")
    rng = np.random.default_rng(0)
    for name in REAL_CLASSES:
        for modality in ("sketch", "photo"):
            (folder / "data" / modality / name).mkdir(parents=True)
            for i in range(4):
                picture = Image.new("RGB", (32, 32), "white")
                if modality == "photo":
                    picture = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
                ImageDraw.Draw(picture).line(rng.integers(0, 32, 8).tolist(), fill="black", width=2)
                picture.save(folder / "data" / modality / name / f"{name}-{i}.png")
    (folder / "data" / "split.toml").write_text(REAL_SPLIT)
    suite = Suite(name="leaks", title="leaks", dataset="folder", methods=("frozen",))
    places = {"cache_dir": folder / "cache", "results_dir": folder / "results", "data_root": folder / "data"}
    data = PreparedData(suite, Where(**places))
    data.prepare_features(data.splits()[0], stage=lambda title: contextlib.nullcontext(lambda done, n: None))
    return data


def real_secrets(data, *, phase):
    def features(modality):
        files, digests = data.index.items(modality).files, data.digests(modality)
        extracted = extract(files, digests, data.backbone, modality=modality, cache_dir=data.where.cache_dir)
        return extracted.rows(np.arange(len(extracted)))

    (split,) = data.splits()
    sketches, photos = features("sketch"), features("photo")
    return secrets_of(data.index, split, phase=phase, sketches=sketches, photos=photos)


@pytest.mark.parametrize("phase", PHASES)
def test_nothing_is_found_among_real_features(real_data, phase):
    spy, found = make_spy(real_secrets(real_data, phase=phase), cache_dir=real_data.where.cache_dir)
    (split,) = real_data.splits()
    assert fit_spy(spy, real_data.task(split, spy.card, phase=phase)).method.was_fitted
    assert found == []


@pytest.mark.parametrize("phase", PHASES)
def test_nothing_is_found_among_real_pictures(real_data, phase):
    index, (split,) = real_data.index, real_data.splits()
    sketches, photos = (
        PictureSource(index.items(modality), PICTURE_SIZE, modality) for modality in ("sketch", "photo")
    )
    pixels = {
        "sketches": sketches.rows(np.arange(len(index.sketches))),
        "photos": photos.rows(np.arange(len(index.photos))),
    }
    spy, found = make_spy(secrets_of(index, split, phase=phase, **pixels), input="images")
    task = ZeroShotTask(index, real_data.roles, split, sketches=sketches, photos=photos, phase=phase)
    assert fit_spy(spy, task).method.was_fitted
    assert found == []


def test_nothing_is_found_from_inside_a_run_with_a_live_display(real_data):
    secrets = real_secrets(real_data, phase="run")
    spy, found = make_spy(secrets, cache_dir=real_data.where.cache_dir)
    (planned,) = plan(grid(real_data.suite, real_data.splits()), real_data)
    run = replace(planned, method=spy)
    display = SuiteDisplay(Console(file=io.StringIO(), force_terminal=True))
    with display.runs([run], Clock(lambda run: 1.0)) as shown:
        stored = execute(run, real_data, shown.start(run))
    assert stored.record.status == "complete", stored.record.reason
    assert found == []


def test_the_secrets_of_real_pictures_are_found_where_they_are(real_data):
    secrets = real_secrets(real_data, phase="run")
    (split,) = real_data.splits()
    task = real_data.task(split, make_spy(secrets)[0].card)
    task.seen()
    given = {"task": task, "items": task.test_items()}
    assert {leak.kind for leak in find_leaks(given, secrets)} == {"text", "row"}


def test_a_name_in_the_feature_cache_would_be_noticed(real_data, tmp_path):
    secrets = real_secrets(real_data, phase="run")
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "manifest.json").write_text('["photo/boat/boat-0.png"]')
    spy, found = make_spy(secrets, cache_dir=tmp_path)
    (split,) = real_data.splits()
    fit_spy(spy, real_data.task(split, spy.card))
    assert {leak.kind for leak in found} == {"text"}


def test_the_feature_cache_is_not_empty(real_data):
    assert any(
        text.endswith("manifest.json") for text in texts_in_folder(real_data.where.cache_dir / "features")
    )
