from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
import torch

import methods
from benchmark.errors import BenchmarkError
from benchmark.registry import METHODS
from datasets.seen import SeenData
from methods.base import FitProgress, make_config
from methods.parts.networks import Dropout, Encoder
from methods.parts.objectives import AdversarialObjective, Objective
from methods.parts.pairs import PairSampler
from methods.parts.search import COMMON_SEARCH_SPACE
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig
from methods.parts.training import Schedule, seeded, train
from methods.siamese import Siamese

CONFIGS = Path(methods.__file__).parent / "configs"
TRAINED = [method_id for method_id in METHODS.ids() if issubclass(METHODS.get(method_id), TrainedMethod)]


class OneWeight(Objective):
    """An objective without encoders."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.weight = torch.nn.Parameter(torch.tensor([3.0]))


def encoder(**changes: object) -> Encoder:
    config = {"hidden": 7, "depth": 2, "dropout": 0.5, "normalise": True, **changes}
    return Encoder(5, 3, **config)


def test_normalised_codes_have_length_1():
    assert encoder()(torch.randn(4, 5)).norm(dim=1).tolist() == pytest.approx([1.0] * 4)


def test_depth_1_is_one_linear_layer():
    single = encoder(depth=1, normalise=False)
    x = torch.randn(4, 5)
    weight, bias = single.layers[0].weight, single.layers[0].bias
    torch.testing.assert_close(single(x), x @ weight.T + bias)


def test_seeded_puts_the_global_generator_back():
    before = torch.get_rng_state()
    with seeded(3, "cpu"):
        first = torch.rand(2)
    with seeded(3, "cpu"):
        second = torch.rand(2)
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


def test_training_reports_every_epoch(world):
    progress = FitProgress()
    Siamese(Siamese.Config(epochs=3, hidden=4)).fit(world.seen, seed=0, progress=progress)
    assert (progress.done, progress.total, progress.unit) == (3, 3, "epoch")
    assert progress.note.startswith("loss ")


def test_a_loss_that_is_not_finite_stops_the_training(world):
    class Broken(OneWeight):
        def forward(self, batch):
            return self.weight.sum() * torch.nan

    schedule = Schedule(lr=1e-3, weight_decay=0.0, n_epochs=1, n_pairs=64)
    with pytest.raises(FloatingPointError, match="the loss became nan"):
        train(Broken(), PairSampler(world.seen, seed=0), schedule, FitProgress())


def test_a_term_that_is_not_finite_stops_the_training_and_its_curve_is_kept(world):
    class Overflowing(OneWeight):
        def forward(self, batch):
            huge = self.weight.sum() * 1e38
            return {"huge": huge * 10, "negative": -huge * 10}

    schedule, progress = Schedule(lr=1e-3, weight_decay=0.0, n_epochs=3, n_pairs=64), FitProgress()
    with pytest.raises(FloatingPointError, match="the loss became nan"):
        train(Overflowing(), PairSampler(world.seen, seed=0), schedule, progress)
    assert progress.curves["huge"] == [math.inf]


def test_a_term_with_the_name_of_its_player_is_refused_as_it_would_be_minimised_alone(world):
    class Clashing(OneWeight):
        def forward(self, batch):
            return {"loss": self.weight.sum(), "other": self.weight.sum()}

    schedule = Schedule(lr=1e-3, weight_decay=0.0, n_epochs=1, n_pairs=64)
    with pytest.raises(ValueError, match="the name of its player, 'loss'"):
        train(Clashing(), PairSampler(world.seen, seed=0), schedule, FitProgress())


def test_the_curve_of_a_term_is_the_mean_over_the_batches_of_an_epoch(world):
    values = iter([1.0, 2.0, 5.0, 7.0])

    class Scripted(OneWeight):
        def forward(self, batch):
            value = next(values)
            return {"first": self.weight.sum() * 0 + value, "second": self.weight.sum() * 0 + 10 * value}

    n_pairs = len(world.seen.sketches) // 2
    schedule, progress = Schedule(lr=1e-3, weight_decay=0.0, n_epochs=2, n_pairs=n_pairs), FitProgress()
    train(Scripted(), PairSampler(world.seen, seed=0), schedule, progress)
    assert progress.curves == {"loss": [16.5, 66.0], "first": [1.5, 6.0], "second": [15.0, 60.0]}


def test_shared_weights_are_saved_once_and_stay_shared_after_loading(world, tmp_path):
    method = Siamese(Siamese.Config(epochs=1, hidden=4)).fit(world.seen, seed=0, progress=FitProgress())
    assert {key.partition(".")[0] for key in method.state()} == {"shared"}
    method.save(tmp_path / "model.safetensors")
    loaded = Siamese.load(tmp_path / "model.safetensors")
    assert loaded.sketch_encoder is loaded.photo_encoder


@pytest.mark.parametrize("method_id", TRAINED)
def test_trained_methods_share_the_names_and_search_of_the_common_parameters(method_id):
    method = METHODS.get(method_id)
    own = set(method.search_space) - set(COMMON_SEARCH_SPACE)
    assert issubclass(method.Config, TrainedConfig)
    assert {name: method.search_space[name] for name in COMMON_SEARCH_SPACE} == COMMON_SEARCH_SPACE
    assert len(own) <= 4
    assert own <= set(method.Config.__dataclass_fields__)


@pytest.mark.parametrize("method_id", METHODS.ids())
def test_defaults_lie_within_the_search(method_id):
    method = METHODS.get(method_id)
    for name, allowed in method.search_space.items():
        default = getattr(method.Config(), name)
        assert default in allowed.choices if allowed.choices else allowed.low <= default <= allowed.high


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*/*.toml")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_named_configurations_are_accepted_by_their_method(path):
    make_config(METHODS.get(path.parent.name), tomllib.loads(path.read_text())["config"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": "manhattan"}, "distance = 'manhattan', allowed: euclidean, cosine"),
        ({"depth": 3}, "depth = 3, allowed: 1, 2"),
        ({"batch": 1}, "batch = 1, allowed: numbers from 2 on"),
        ({"epochs": 0}, "epochs = 0, allowed: numbers above 0"),
        ({"lr": -1.0}, "lr = -1.0, allowed: numbers above 0"),
        ({"weight_decay": -1e-9}, "weight_decay = -1e-09, allowed: numbers from 0 on"),
        ({"dropout": -0.1}, "dropout = -0.1, allowed: numbers from 0 to below 1"),
        ({"dropout": 1.0}, "dropout = 1.0, allowed: numbers from 0 to below 1"),
        ({"dropout": math.nan}, "dropout = nan, allowed: numbers from 0 to below 1"),
    ],
)
def test_wrong_values_are_refused_with_what_is_allowed(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        TrainedConfig(**changes)


@pytest.mark.parametrize(
    ("method_id", "name"), [("siamese", "margin"), ("triplet", "margin"), ("zscmr", "alpha")]
)
@pytest.mark.parametrize("value", [0.0, -0.2])
def test_a_margin_of_0_or_less_is_refused(method_id, name, value):
    with pytest.raises(BenchmarkError, match=rf"{name} = {value}, allowed: numbers above 0"):
        METHODS.get(method_id).Config(**{name: value})


@pytest.mark.parametrize(
    ("method_id", "term"),
    [
        ("triplet", "class"),
        ("zscmr", "latent"),
        ("zscmr", "triplet"),
        ("zscmr", "decoder"),
        ("zscmr", "class"),
        ("zscmr", "topology"),
    ],
)
def test_a_negative_weight_of_a_term_is_refused(method_id, term):
    with pytest.raises(BenchmarkError, match=rf"lambda_{term} = -0.5, allowed: numbers from 0 on"):
        METHODS.get(method_id).Config(**{f"lambda_{term}": -0.5})


@pytest.mark.parametrize("name", ["weight_decay", "dropout"])
def test_weight_decay_and_dropout_may_be_0(name):
    assert getattr(TrainedConfig(**{name: 0.0}), name) == 0


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    half = encoder(hidden=200, normalise=False)
    without = encoder(hidden=200, normalise=False, dropout=0.0)
    without.load_state_dict(half.state_dict())
    x = torch.randn(4, 5)
    assert not torch.allclose(half.train()(x), without(x))
    assert torch.equal(half.eval()(x), without(x))


def test_the_objective_is_in_training_mode_while_it_is_trained_and_no_longer_afterwards(world):
    modes = []

    class Recording(OneWeight):
        def forward(self, batch):
            modes.append(self.training)
            return self.weight.sum()

    objective = Recording().eval()
    schedule = Schedule(lr=1e-3, weight_decay=0.0, n_epochs=1, n_pairs=len(world.seen.sketches) // 2)
    train(objective, PairSampler(world.seen, seed=0), schedule, FitProgress())
    assert (modes, objective.training) == ([True, True], False)


def test_training_is_adam_with_l2_decay_on_the_gradient_of_each_batch():
    """The objective is the mean square of a weight against the batch's first feature, so all is by hand."""
    seen = SeenData(
        class_names=("a", "b"),
        sketches=torch.tensor([[2.0], [2.0]]),
        photos=torch.zeros(2, 1),
        sketch_labels=torch.tensor([0, 1]),
        photo_labels=torch.tensor([0, 1]),
        sketch_instances=None,
        photo_instances=None,
        class_vectors=None,
        pairs="class",
    )

    class Square(OneWeight):
        def forward(self, batch):
            return (self.weight - batch.sketches.mean()).square().sum()

    objective = Square()
    schedule = Schedule(lr=0.1, weight_decay=0.5, n_epochs=4, n_pairs=2)
    train(objective, PairSampler(seen, seed=0), schedule, FitProgress())
    weight, first, second = 3.0, 0.0, 0.0
    for step in range(1, 5):
        gradient = 2 * (weight - 2.0) + 0.5 * weight
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        weight -= 0.1 * (first / (1 - 0.9**step)) / (math.sqrt(second / (1 - 0.999**step)) + 1e-8)
    assert objective.weight.item() == pytest.approx(weight, rel=1e-6)


def test_an_alternating_method_is_called_before_each_epoch(world):
    calls = []

    class Alternating(OneWeight):
        def start_epoch(self):
            calls.append("start")

        def forward(self, batch):
            calls.append("batch")
            return self.weight.sum()

    schedule = Schedule(lr=1e-3, weight_decay=0.0, n_epochs=2, n_pairs=len(world.seen.sketches))
    train(Alternating(), PairSampler(world.seen, seed=0), schedule, FitProgress())
    assert calls == ["start", "batch"] * 2


def test_a_discriminator_moves_before_the_rest_and_each_only_by_its_own_loss(world):
    """The discriminator pulls its weight to 1, the rest its own to the discriminator's, by hand."""

    class Chase(AdversarialObjective):
        def __init__(self):
            torch.nn.Module.__init__(self)
            self.weight = torch.nn.Parameter(torch.tensor([5.0]))
            self.discriminators = torch.nn.Linear(1, 1, bias=False)
            torch.nn.init.constant_(self.discriminators.weight, 0.0)

        def discriminator_loss(self, batch):
            return (self.discriminators.weight - 1 + 0 * self.weight).square().sum()

        def forward(self, batch):
            seen_by_rest.append(self.discriminators.weight.item())
            return (self.weight - self.discriminators.weight).square().sum()

    seen_by_rest: list[float] = []
    objective = Chase()
    schedule = Schedule(lr=0.25, weight_decay=0.0, n_epochs=1, n_pairs=len(world.seen.sketches))
    train(objective, PairSampler(world.seen, seed=0), schedule, FitProgress())
    # The first step of Adam is as long as the learning rate, whatever the gradient.
    assert seen_by_rest == pytest.approx([0.25])
    assert objective.discriminators.weight.item() == pytest.approx(0.25)
    assert objective.weight.item() == pytest.approx(4.75)


def test_dropout_keeps_the_share_asked_for_and_its_mean():
    torch.manual_seed(0)
    dropped = Dropout(0.3).train()(torch.ones(400, 400))
    kept = dropped[dropped != 0]
    assert kept.tolist() == pytest.approx([1 / 0.7] * len(kept))
    assert len(kept) / dropped.numel() == pytest.approx(0.7, abs=0.005)
    assert Dropout(0.0).train()(torch.ones(3)).tolist() == [1.0] * 3
