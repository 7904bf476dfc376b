"""GDH's losses against slow loops over the items of a small batch, and where sketches pass."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmark.errors import BenchmarkError
from methods.base import FitProgress
from methods.gdh import GDH, GDHConfig, GDHObjective
from methods.parts.migration import Generator
from methods.parts.objectives import total
from methods.parts.pairs import PairBatch, PairSampler

N_PAIRS, WIDTH, N_PHOTO = 16, 5, 29
SMALL = {"hidden": 8, "width": WIDTH, "dropout": 0.0, "generator_hidden": 6}
OFF = {"lambda_adversarial": 0.0, "lambda_cycle": 0.0, "lambda_quantisation": 0.0, "lambda_class": 0.0}


@pytest.fixture
def batch(uneven) -> PairBatch:
    return next(PairSampler(uneven, seed=5).epoch(N_PAIRS))


@pytest.fixture
def objective(uneven):
    torch.manual_seed(0)
    return GDHObjective(GDHConfig(**SMALL), uneven)


def weighted(objective: GDHObjective, batch: PairBatch, **weights: float) -> float:
    objective.config = GDHConfig(**{**SMALL, **OFF, "margin": 0.3, **weights})
    return total(objective(batch)).item()


def added(objective: GDHObjective, batch: PairBatch, **weights: float) -> float:
    """What some weights add to the hinge, which has none."""
    return weighted(objective, batch, **weights) - weighted(objective, batch)


@torch.no_grad()
def codes(objective: GDHObjective, batch: PairBatch) -> tuple[list[list[float]], list[list[float]]]:
    """(photos, sketches), through the networks by hand."""
    migrated = objective.to_photo(batch.sketches)
    return objective.photo_encoder(batch.photos).tolist(), objective.photo_encoder(migrated).tolist()


def mean_square(a: list[float], b: list[float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / len(a)


@pytest.mark.parametrize("margin", [0.001, 0.3])
def test_the_hinge_is_anchored_at_photos_and_compares_migrated_sketches(objective, batch, margin):
    photos, sketches = codes(objective, batch)
    expected = 0.0
    for i, negative in enumerate(batch.negatives.tolist()):
        difference = mean_square(photos[i], sketches[i]) - mean_square(photos[i], sketches[negative])
        expected += max(0.0, margin + difference)
    assert weighted(objective, batch, margin=margin) == pytest.approx(expected / N_PAIRS, rel=1e-4)


def test_quantisation_is_the_mean_square_to_the_own_sign_of_both_codes(objective, batch):
    photos, sketches = codes(objective, batch)
    expected = sum(mean_square(code, [1.0 if x >= 0 else -1.0 for x in code]) for code in photos + sketches)
    found = added(objective, batch, lambda_quantisation=2.5)
    assert found == pytest.approx(2.5 * expected / N_PAIRS, rel=1e-4)


def test_classes_are_regressed_on_both_codes_as_one_hot_vectors(objective, batch):
    photos, sketches = codes(objective, batch)
    matrix = objective.classifier.weight.tolist()
    expected = 0.0
    for code, label in zip(photos + sketches, batch.labels.tolist() * 2, strict=True):
        for c, row in enumerate(matrix):
            expected += (float(c == label) - sum(w * x for w, x in zip(row, code, strict=True))) ** 2
    assert added(objective, batch, lambda_class=0.5) == pytest.approx(0.5 * expected / N_PAIRS, rel=1e-4)


def test_cycles_are_absolute_errors_in_units_of_the_usual_size_of_a_number(objective, batch):
    with torch.no_grad():
        there_and_back = (
            (batch.sketches, objective.to_sketch(objective.to_photo(batch.sketches))),
            (batch.photos, objective.to_photo(objective.to_sketch(batch.photos))),
        )
    expected = 0.0
    for items, returned in there_and_back:
        numbers = [x for item in items.tolist() for x in item]
        others = [x for item in returned.tolist() for x in item]
        usual = (sum(x * x for x in numbers) / len(numbers)) ** 0.5
        errors = [abs(x - y) for x, y in zip(numbers, others, strict=True)]
        expected += sum(errors) / len(errors) / usual
    assert added(objective, batch, lambda_cycle=10.0) == pytest.approx(10 * expected, rel=1e-4)


def judgements(objective: GDHObjective, batch: PairBatch) -> dict[str, list[float]]:
    photo, sketch = objective.photo_discriminator, objective.sketch_discriminator
    with torch.no_grad():
        return {
            "photos": photo(batch.photos).squeeze(1).tolist(),
            "migrated sketches": photo(objective.to_photo(batch.sketches)).squeeze(1).tolist(),
            "sketches": sketch(batch.sketches).squeeze(1).tolist(),
            "migrated photos": sketch(objective.to_sketch(batch.photos)).squeeze(1).tolist(),
        }


def test_generators_want_migrated_items_judged_1(objective, batch):
    judged = judgements(objective, batch)
    expected = sum((j - 1) ** 2 for j in judged["migrated sketches"] + judged["migrated photos"]) / N_PAIRS
    assert added(objective, batch, lambda_adversarial=3.0) == pytest.approx(3 * expected, rel=1e-4)


def test_discriminators_judge_real_items_1_and_migrated_ones_0(objective, batch):
    judged = judgements(objective, batch)
    errors = [(j - 1) ** 2 for j in judged["photos"] + judged["sketches"]]
    errors += [j**2 for j in judged["migrated sketches"] + judged["migrated photos"]]
    assert objective.discriminator_loss(batch).item() == pytest.approx(sum(errors) / N_PAIRS / 2, rel=1e-5)


def test_the_loss_of_the_discriminators_moves_nothing_else(objective, batch):
    objective.discriminator_loss(batch).backward()
    moved = {name for name, parameter in objective.named_parameters() if parameter.grad is not None}
    assert {name.partition(".")[0] for name in moved} == {"photo_discriminator", "sketch_discriminator"}


def test_no_discriminator_is_among_the_parameters_of_the_second_player(objective):
    theirs, ours = (player.parameters for player in objective.players())
    assert {id(p) for p in theirs} == {id(p) for p in objective.discriminators.parameters()}
    assert not {id(p) for p in theirs} & {id(p) for p in ours}
    assert len(theirs) + len(ours) == len(list(objective.parameters()))


def test_the_hash_loss_trains_the_generator_to_photos_alone(objective, batch):
    objective.config = GDHConfig(**{**SMALL, **OFF})
    total(objective(batch)).backward()

    def is_moved(network: torch.nn.Module) -> bool:
        return any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())

    assert is_moved(objective.to_photo)
    assert is_moved(objective.photo_encoder)
    assert not is_moved(objective.to_sketch)
    assert not is_moved(objective.discriminators)


def fitted(seen) -> GDH:
    return GDH(GDHConfig(**{**SMALL, "epochs": 1})).fit(seen, seed=0, progress=FitProgress())


def test_sketches_are_migrated_and_then_hashed_as_photos(uneven):
    method = fitted(uneven)
    with torch.no_grad():
        migrated = method.sketch_encoder.generator(uneven.sketches)
    assert migrated.shape[1] == N_PHOTO
    torch.testing.assert_close(method.embed_sketches(uneven.sketches), method.embed_photos(migrated))


def test_a_saved_method_has_one_generator_and_embeds_two_widths_alike(uneven, tmp_path):
    method = fitted(uneven)
    method.save(tmp_path / "model.safetensors")
    loaded = GDH.load(tmp_path / "model.safetensors")
    assert {key.split(".")[1] for key in loaded.state() if key.startswith("sketch.")} == {
        "generator",
        "hash_network",
    }
    assert torch.equal(loaded.embed_sketches(uneven.sketches), method.embed_sketches(uneven.sketches))
    assert torch.equal(loaded.embed_photos(uneven.photos), method.embed_photos(uneven.photos))


def silenced(n_in: int, n_out: int) -> Generator:
    generator = Generator(n_in, n_out, hidden=4)
    for parameter in generator.parameters():
        torch.nn.init.zeros_(parameter)
    return generator


@pytest.mark.parametrize(("n_out", "expected"), [(3, [1.0, -2.0, 3.0]), (2, [0.0, 0.0])])
def test_a_generator_changes_its_input_only_where_both_widths_agree(n_out, expected):
    found: Tensor = silenced(3, n_out)(torch.tensor([[1.0, -2.0, 3.0]]))
    assert found.tolist() == [expected]


def test_a_hidden_layer_of_no_size_is_refused():
    with pytest.raises(BenchmarkError, match="generator_hidden = 0, allowed: numbers above 0"):
        GDHConfig(generator_hidden=0)


@pytest.mark.parametrize(("name", "value"), [("margin", 0.0), ("lambda_cycle", -1.0), ("normalise", True)])
def test_wrong_values_of_shared_kinds_are_refused(name, value):
    with pytest.raises(BenchmarkError, match=f"{name} = {value}, allowed"):
        GDHConfig(**{name: value})
