"""DSH's two discrete steps against an objective with the similarity matrix written out, and its loss."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from benchmark.errors import BenchmarkError
from methods.base import FitProgress
from methods.dsh import DSH, Coded, DSHConfig, DSHObjective, semantic_dictionary, updated_codes
from methods.parts.hashing import bit_by_bit, signs
from methods.parts.pairs import PairSampler

N_CLASSES, N_BITS, N_SEMANTIC = 4, 6, 5
PHOTO_LABELS = torch.tensor([0, 0, 1, 1, 1, 2, 3, 3, 3])
SKETCH_LABELS = torch.tensor([3, 0, 1, 1, 2, 2, 0])
CONFIG = DSHConfig(lambda_semantic=0.7, lambda_quantisation=0.3, dissimilar=-1.0)


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def coded(labels: Tensor, *, seed: int) -> Coded:
    return Coded(signs(draw(N_BITS, len(labels), seed=seed)), labels)


@pytest.fixture
def photos() -> Coded:
    return coded(PHOTO_LABELS, seed=1)


@pytest.fixture
def sketches() -> Coded:
    return coded(SKETCH_LABELS, seed=2)


CLASS_VECTORS = draw(N_CLASSES, N_SEMANTIC, seed=3)
PHOTO_OUTPUTS, SKETCH_OUTPUTS = draw(N_BITS, 9, seed=4), draw(N_BITS, 7, seed=5)


def explicit_similarity(dissimilar: float) -> Tensor:
    rows = [[1.0 if x == s else dissimilar for s in SKETCH_LABELS.tolist()] for x in PHOTO_LABELS.tolist()]
    return torch.tensor(rows, dtype=torch.float64)


def objective(photos: Coded, sketches: Coded, dictionary: Tensor, config: DSHConfig) -> float:
    """The formula with M as a matrix."""
    similarity = explicit_similarity(config.dissimilar)
    error = (N_BITS * similarity - photos.codes.T @ sketches.codes).square().sum()
    total = error / (N_BITS * (9 * 7) ** 0.5)
    for part, outputs in ((photos, PHOTO_OUTPUTS), (sketches, SKETCH_OUTPUTS)):
        semantic = CLASS_VECTORS[part.labels].T - dictionary @ part.codes
        total = total + config.lambda_semantic * semantic.square().sum()
        total = total + config.lambda_quantisation * (outputs - part.codes).square().sum()
    return float(total)


@pytest.mark.parametrize("dissimilar", [-1.0, -0.4, 0.0])
def test_similarity_sums_are_the_columns_of_the_product_with_the_explicit_matrix(sketches, dissimilar):
    found = sketches.similarity_sums(N_CLASSES, dissimilar=dissimilar)
    expected = sketches.codes @ explicit_similarity(dissimilar).T
    torch.testing.assert_close(found[:, PHOTO_LABELS], expected)


def test_the_dictionary_has_no_gradient_left_and_a_perturbed_one_is_worse(photos, sketches):
    dictionary = semantic_dictionary((photos, sketches), CLASS_VECTORS)
    residuals = [
        (CLASS_VECTORS[part.labels].T - dictionary @ part.codes) @ part.codes.T for part in (photos, sketches)
    ]
    torch.testing.assert_close(residuals[0], -residuals[1])
    best = objective(photos, sketches, dictionary, CONFIG)
    for seed in range(5):
        other = dictionary + 1e-3 * draw(N_SEMANTIC, N_BITS, seed=10 + seed)
        assert objective(photos, sketches, other, CONFIG) > best


def test_the_dictionary_of_equal_and_constant_bits_is_a_minimum_too(photos, sketches):
    for part in (photos, sketches):
        part.codes[1] = part.codes[0]
        part.codes[2] = 1.0
    dictionary = semantic_dictionary((photos, sketches), CLASS_VECTORS)
    best = objective(photos, sketches, dictionary, CONFIG)
    for seed in range(5):
        other = dictionary + 1e-3 * draw(N_SEMANTIC, N_BITS, seed=10 + seed)
        assert objective(photos, sketches, other, CONFIG) >= best - 1e-12


@pytest.mark.parametrize("dissimilar", [-1.0, 0.0])
@pytest.mark.parametrize("weights", [(0.7, 0.3), (0.0, 0.0), (5.0, 0.01)])
def test_every_step_lowers_the_objective(photos, sketches, dissimilar, weights):
    config = DSHConfig(lambda_semantic=weights[0], lambda_quantisation=weights[1], dissimilar=dissimilar)
    dictionary = draw(N_SEMANTIC, N_BITS, seed=6)
    values = [objective(photos, sketches, dictionary, config)]
    for _ in range(3):
        dictionary = semantic_dictionary((photos, sketches), CLASS_VECTORS)
        values.append(objective(photos, sketches, dictionary, config))
        photos = updated_codes(photos, sketches, PHOTO_OUTPUTS, dictionary, CLASS_VECTORS, config)
        values.append(objective(photos, sketches, dictionary, config))
        sketches = updated_codes(sketches, photos, SKETCH_OUTPUTS, dictionary, CLASS_VECTORS, config)
        values.append(objective(photos, sketches, dictionary, config))
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(values))
    assert values[3] < values[1]


def test_after_its_sweeps_no_single_bit_of_a_photo_can_be_improved(photos, sketches):
    dictionary = semantic_dictionary((photos, sketches), CLASS_VECTORS)
    for _ in range(10):
        photos = updated_codes(photos, sketches, PHOTO_OUTPUTS, dictionary, CLASS_VECTORS, CONFIG)
    best = objective(photos, sketches, dictionary, CONFIG)
    for bit in range(N_BITS):
        for item in range(len(PHOTO_LABELS)):
            flipped = photos.codes.clone()
            flipped[bit, item] *= -1
            assert objective(Coded(flipped, PHOTO_LABELS), sketches, dictionary, CONFIG) >= best - 1e-9


def test_bit_by_bit_leaves_its_start_alone_and_keeps_a_bit_that_makes_no_difference():
    start = torch.tensor([[1.0, -1.0], [-1.0, -1.0]])
    found = bit_by_bit(start, torch.tensor([[0.0, 0.0], [2.0, -3.0]]), torch.zeros(2, 2))
    assert found.tolist() == [[1.0, -1.0], [1.0, -1.0]]
    assert start.tolist() == [[1.0, -1.0], [-1.0, -1.0]]


def test_the_sign_of_0_is_a_bit():
    assert signs(torch.tensor([-0.5, 0.0, 2.0])).tolist() == [-1.0, 1.0, 1.0]


def test_the_loss_is_the_squared_distance_of_both_outputs_to_the_codes_of_their_items(world):
    torch.manual_seed(0)
    objective = DSHObjective(DSHConfig(hidden=8, width=5, dropout=0.0), world.seen)
    objective.start_epoch()
    batch = next(PairSampler(world.seen, seed=5).epoch(16))
    with torch.no_grad():
        sketch_outputs, photo_outputs = (part.tolist() for part in objective.codes(batch))
    total = 0.0
    for outputs, part, rows in (
        (sketch_outputs, objective.coded_sketches, batch.sketch_rows.tolist()),
        (photo_outputs, objective.coded_photos, batch.photo_rows.tolist()),
    ):
        for item, row in enumerate(rows):
            total += sum((outputs[item][bit] - part.codes[bit, row].item()) ** 2 for bit in range(5))
    assert objective(batch).item() == pytest.approx(total / 16, rel=1e-5)


def test_an_epoch_starts_with_the_dictionary_of_both_modalities_then_photos_then_sketches(world, monkeypatch):
    """The first codes are the signs of what the untrained networks say; each step sees the newest codes."""
    calls = []

    def noted(part, other, outputs, dictionary, *fixed):
        new = updated_codes(part, other, outputs, dictionary, *fixed)
        calls.append((part, other, outputs, dictionary, new))
        return new

    monkeypatch.setattr("methods.dsh.updated_codes", noted)
    torch.manual_seed(0)
    config = DSHConfig(hidden=8, width=5, lambda_quantisation=0.0)
    objective = DSHObjective(config, world.seen)
    objective.start_epoch()
    photo_call, sketch_call = calls
    with torch.no_grad():
        outputs = [
            encoder(items).T
            for encoder, items in (
                (objective.eval().photo_encoder, world.seen.photos),
                (objective.sketch_encoder, world.seen.sketches),
            )
        ]
    first = [
        Coded(torch.where(part >= 0, 1.0, -1.0), labels)
        for part, labels in zip(outputs, (world.seen.photo_labels, world.seen.sketch_labels), strict=True)
    ]
    dictionary = semantic_dictionary(first, world.seen.class_vectors)
    for (part, _, said, given, new), wanted, own in zip(calls, first, outputs, strict=True):
        assert torch.equal(part.codes, wanted.codes)
        torch.testing.assert_close(said, own)
        torch.testing.assert_close(given, dictionary)
        assert not torch.equal(new.codes, wanted.codes)
    assert torch.equal(photo_call[1].codes, first[1].codes)
    assert sketch_call[1] is photo_call[4] is objective.coded_photos
    objective.start_epoch()
    assert calls[2][0] is photo_call[4]  # later epochs go on from the codes there are


def test_dropout_is_off_while_codes_are_updated_and_on_again_afterwards(world):
    torch.manual_seed(0)
    objective = DSHObjective(DSHConfig(hidden=8, width=5, lambda_quantisation=1e9), world.seen).train()
    objective.start_epoch()
    assert objective.sketch_encoder.training
    with torch.no_grad():
        expected = objective.eval().sketch_encoder(world.seen.sketches) >= 0
    assert torch.equal(objective.coded_sketches.codes.T > 0, expected)


def test_no_loss_before_there_are_codes(world):
    objective = DSHObjective(DSHConfig(hidden=8, width=5), world.seen)
    with pytest.raises(RuntimeError, match="no codes before `start_epoch`"):
        objective(next(PairSampler(world.seen, seed=5).epoch(16)))


def test_minus_1_between_classes_spends_bits_on_telling_the_modalities_apart(world):
    """What the configuration says of the paper's similarity; at 0 hardly a bit is."""

    def n_wasted(dissimilar: float) -> int:
        torch.manual_seed(0)
        config = DSHConfig(hidden=8, width=16, dissimilar=dissimilar, lambda_semantic=0.0)
        objective = DSHObjective(config, world.seen)
        for _ in range(5):
            objective.start_epoch()
        photo_means, sketch_means = (
            part.codes.mean(dim=1) for part in (objective.coded_photos, objective.coded_sketches)
        )
        return int((photo_means * sketch_means < -0.8).sum())

    assert n_wasted(-1.0) >= 8
    assert n_wasted(0.0) <= 1


@pytest.mark.parametrize("value", [-1.1, 0.1])
def test_a_similarity_between_classes_outside_its_range_is_refused(value):
    with pytest.raises(BenchmarkError, match=rf"dissimilar = {value}, allowed: numbers from -1 to 0"):
        DSHConfig(dissimilar=value)


def test_outputs_cannot_be_normalised():
    with pytest.raises(BenchmarkError, match="normalise = True, allowed: False"):
        DSHConfig(normalise=True)


def test_outputs_come_near_the_codes(world):
    method = DSH(DSH.Config(hidden=64, epochs=60, batch=32, lr=5e-3, width=16, dropout=0.0))
    method.fit(world.seen, seed=0, progress=FitProgress())
    outputs = method.embed_photos(world.seen.photos)
    assert (outputs.abs() - 1).abs().mean() < 0.2
