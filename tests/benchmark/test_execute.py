"""One run becomes one record, whatever the method does."""

import pytest
import torch

from benchmark.configs import ResolvedConfig
from benchmark.errors import NotRunnable
from benchmark.execute import execute
from benchmark.plan import GridCell, plan
from benchmark.prepare import PreparedData, Where
from benchmark.suite import Suite
from benchmark.training_curves import read_curves
from methods.base import FitProgress, MethodCard, RetrievalMethod


class MeanColour(RetrievalMethod):
    """Runs; each test breaks it in one place."""

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

    def fit(self, seen, *, seed, progress):
        return self

    def embed_sketches(self, batch):
        return batch.mean(dim=(2, 3))

    def embed_photos(self, batch):
        return batch.mean(dim=(2, 3))


@pytest.fixture
def run(picture_root, tmp_path):
    """Execute a variant of the method on the small data set and return what was stored."""

    def call(**members):
        method = type("Variant", (MeanColour,), members)
        suite = Suite(name="t", title="t", dataset="folder", methods=("variant",))
        data = PreparedData(suite, Where(tmp_path / "cache", tmp_path / "results", picture_root))
        (split,) = data.splits()
        cell = GridCell(method, "", split, ResolvedConfig(method.Config(), "default"), False)
        (planned,) = plan([cell], data)
        return execute(planned, data, FitProgress())

    return call


def failing(error):
    def fail(self, *args, **kwargs):
        raise error

    return fail


def test_a_run_that_ends_well_has_scores_a_model_and_no_reason(run):
    stored = run()
    assert (stored.record.status, stored.record.reason) == ("complete", None)
    assert 0 <= stored.record.scores["map@all"].value <= 1
    assert {path.name for path in stored.folder.iterdir()} == {
        "record.json",
        "per_query.npz",
        "rankings.npz",
        "log.txt",
        "model.safetensors",
    }


@pytest.mark.parametrize("place", ["__init__", "fit", "embed_sketches"])
def test_a_method_that_cannot_run_here_is_skipped_with_its_reason(run, place):
    record = run(**{place: failing(NotRunnable("weights of X are missing: pip install x"))}).record
    assert (record.status, record.reason) == ("skipped", "weights of X are missing: pip install x")
    assert record.scores == {}


@pytest.mark.parametrize("place", ["__init__", "fit", "embed_sketches", "embed_photos", "state", "save"])
def test_a_method_that_fails_is_recorded_with_its_reason_and_the_trace(run, place):
    stored = run(**{place: failing(RuntimeError("no memory for this"))})
    assert (stored.record.status, stored.record.reason) == ("failed", "RuntimeError: no memory for this")
    assert stored.record.scores == {}
    log = (stored.folder / "log.txt").read_text()
    assert "Traceback" in log
    assert "no memory for this" in log


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_embeddings_that_are_not_finite_fail(run, value):
    record = run(embed_photos=lambda self, batch: batch.mean(dim=(2, 3)) * value).record
    assert record.status == "failed"
    assert "finite" in record.reason


@pytest.mark.parametrize(
    ("embed", "reason"),
    [
        (lambda self, batch: batch.mean(), r"must give (6, width) float32, got ()"),
        (lambda self, batch: batch.mean(dim=(2, 3)).half(), "torch.float16"),
        (lambda self, batch: batch.mean(dim=(1, 2, 3)), r"must give (6, width) float32, got (6,)"),
    ],
)
def test_embeddings_of_a_wrong_shape_or_type_fail(run, embed, reason):
    record = run(embed_sketches=embed).record
    assert record.status == "failed"
    assert reason in record.reason


def test_two_names_for_one_tensor_are_saved(run):
    def fit(self, seen, *, seed, progress):
        self.sketch_mean = self.photo_mean = torch.zeros(3)
        return self

    record = run(fit=fit).record
    assert (record.status, record.reason) == ("complete", None)


def test_an_interrupt_leaves_no_record(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(fit=failing(KeyboardInterrupt()))
    assert not list((tmp_path / "results").rglob("record.json"))


def test_a_smaller_number_of_training_classes_is_recorded(run):
    def fit(self, seen, *, seed, progress):
        seen.hold_out_validation()
        return self

    counts = run(fit=fit).record.counts
    assert (counts.n_seen_classes, counts.n_train_classes) == (3, 2)
    assert run().record.counts.n_train_classes == 3


def test_a_fit_that_diverges_is_a_failed_record_with_its_curve_and_no_number(run):
    def fit(self, seen, *, seed, progress):
        progress.advance("loss 2", {"loss": 2.0})
        progress.advance("loss nan", {"loss": float("nan")})
        raise FloatingPointError("the loss became nan")

    stored = run(fit=fit)
    assert (stored.record.status, stored.record.scores) == ("failed", {})
    assert read_curves(stored.folder)["loss"].iloc[0] == 2.0
    assert stored.record.reason == "FloatingPointError: the loss became nan"
