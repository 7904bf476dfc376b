"""Sketch-a-Net: its layers by the published table, what it learns from drawings, and how photos enter it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmark.errors import BenchmarkError
from datasets.seen import Pictures, SeenData
from methods.base import FitProgress
from methods.parts.drawings import DrawingSampler, centre, crop, sketch_drawings
from methods.parts.edges import edge_map, grey
from methods.san import SketchANet, SketchANetMethod

N_CLASSES, N_PER_CLASS = 3, 8


def drawn(label: int, generator: torch.Generator) -> Tensor:
    """(3, 64, 64) uint8: bars down, bars across or a frame, black on white, somewhere in the middle."""
    ink = torch.zeros(64, 64, dtype=torch.bool)
    top, left = torch.randint(10, 24, (2,), generator=generator).tolist()
    if label == 2:
        ink[top : top + 30, left : left + 30] = True
        ink[top + 3 : top + 27, left + 3 : left + 27] = False
    else:
        for start in range(0, 30, 9):
            ink[top + start : top + start + 3, left : left + 30] = True
    ink = ink.T if label == 0 else ink
    return (255 * ~ink).to(torch.uint8).expand(3, -1, -1)


def drawings(n_per_class: int, *, seed: int) -> tuple[Pictures, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(N_CLASSES).repeat(n_per_class)
    return Pictures(torch.stack([drawn(label, generator) for label in labels.tolist()])), labels


def seen_of(sketches: Pictures, labels: Tensor) -> SeenData:
    """Photos of one tone, of which there is nothing to learn."""
    return SeenData(
        class_names=tuple("abcdefgh"[: int(labels.max()) + 1]),
        sketches=sketches,
        photos=Pictures(torch.full((2, 3, 20, 20), 90, dtype=torch.uint8)),
        sketch_labels=labels,
        photo_labels=torch.tensor([0, 1]),
        sketch_instances=None,
        photo_instances=None,
        class_vectors=None,
        pairs="class",
    )


def fit(
    seen: SeenData, *, seed: int = 0, progress: FitProgress | None = None, **config: Any
) -> SketchANetMethod:
    method = SketchANetMethod(SketchANetMethod.Config(**config))
    return method.fit(seen, seed=seed, progress=progress or FitProgress())


@pytest.fixture(scope="module")
def seen() -> SeenData:
    return seen_of(*drawings(N_PER_CLASS, seed=1))


@pytest.fixture(scope="module")
def fitted(seen) -> tuple[SketchANetMethod, FitProgress]:
    progress = FitProgress()
    return fit(seen, progress=progress, epochs=6, batch=8, lr=1e-4, dropout=0.0), progress


# The network.


def test_layers_give_the_shapes_of_the_published_table():
    """Yu et al., BMVC 2015, table 1: convolutions and max pools, their output sizes for 225 x 225."""
    shapes: dict[type[nn.Module], list[tuple[int, ...]]] = {nn.Conv2d: [], nn.MaxPool2d: []}
    network = SketchANet(dropout=0.5).eval()
    for layer in network:
        if type(layer) in shapes:
            layer.register_forward_hook(lambda own, _, out: shapes[type(own)].append(tuple(out.shape[1:])))
    assert network(torch.zeros(1, 1, 225, 225)).shape == (1, 512)
    assert shapes[nn.Conv2d] == [
        (64, 71, 71),
        (128, 31, 31),
        (256, 15, 15),
        (256, 15, 15),
        (256, 15, 15),
        (512, 1, 1),
        (512, 1, 1),
    ]
    assert shapes[nn.MaxPool2d] == [(64, 35, 35), (128, 15, 15), (256, 7, 7)]


def test_with_250_classes_it_has_8_508_666_parameters():
    by_hand = [
        15 * 15 * 1 * 64 + 64,
        5 * 5 * 64 * 128 + 128,
        3 * 3 * 128 * 256 + 256,
        2 * (3 * 3 * 256 * 256 + 256),
        7 * 7 * 256 * 512 + 512,
        512 * 512 + 512,
    ]
    last_layer = 512 * 250 + 250
    assert sum(by_hand) + last_layer == 8_508_666
    assert sum(weights.numel() for weights in SketchANet(dropout=0.5).parameters()) == sum(by_hand)


def test_no_layer_normalises():
    kinds = {type(layer).__name__ for layer in SketchANet(dropout=0.5)}
    assert kinds == {"Conv2d", "ReLU", "MaxPool2d", "Dropout", "Flatten"}


def test_the_signal_does_not_fade_through_the_untrained_layers():
    torch.manual_seed(0)
    ink = centre(sketch_drawings(drawings(2, seed=0)[0][:]))
    assert 0.05 < SketchANet(dropout=0.5).eval()(ink).std() < 2


# What it sees.


def test_ink_is_1_on_paper_of_0_whether_the_sketch_is_dark_on_light_or_light_on_dark():
    sketches = drawings(1, seed=0)[0][:]
    ink = sketch_drawings(sketches)
    assert ink.shape == (3, 1, 256, 256)
    assert (ink.amin().item(), ink.amax().item()) == pytest.approx((0.0, 1.0), abs=1e-5)
    assert ink.mean() < 0.4
    torch.testing.assert_close(sketch_drawings(1 - sketches), ink, atol=1e-5, rtol=0)


def test_a_crop_starts_at_its_corner_and_a_flip_changes_left_and_right():
    place = torch.arange(256 * 256).view(1, 1, 256, 256).float().repeat(2, 1, 1, 1)
    whole, flipped = crop(place, torch.tensor([3, 31]), torch.tensor([5, 0]), torch.tensor([False, True]))
    assert whole.shape == (1, 225, 225)
    assert torch.equal(whole[0], place[0, 0, 3:228, 5:230])
    assert torch.equal(flipped[0], place[0, 0, 31:256, 0:225].flip(1))


def test_the_centre_is_the_crop_from_15_15():
    place = torch.arange(256 * 256).view(1, 1, 256, 256).float()
    fifteen = torch.tensor([15])
    assert torch.equal(centre(place), crop(place, fifteen, fifteen, torch.tensor([False])))


def of_one_tone(n_sketches: int) -> SeenData:
    """Sketches of one tone each, all different, of as many classes."""
    tones = 250 - 10 * torch.arange(n_sketches)
    return seen_of(
        Pictures(tones.to(torch.uint8)[:, None, None, None].repeat(1, 3, 9, 9)), torch.arange(n_sketches)
    )


def test_an_epoch_is_every_sketch_once_with_its_label_in_an_order_of_its_own():
    sampler = DrawingSampler(of_one_tone(7), seed=0)
    orders = []
    for _ in range(2):
        batches = list(sampler.epoch(3))
        assert [tuple(ink.shape) for ink, _ in batches] == [(n, 1, 225, 225) for n in (3, 3, 1)]
        labels = torch.cat([labels for _, labels in batches])
        tones = 255 * (1 - torch.cat([ink for ink, _ in batches]).amax(dim=(1, 2, 3)))
        assert tones.tolist() == pytest.approx((250 - 10 * labels).tolist(), abs=1e-3)
        assert sorted(labels.tolist()) == list(range(7))
        orders.append(labels.tolist())
    assert orders[0] != orders[1]


def test_drawings_are_shifted_and_flipped_anew_in_each_epoch(seen):
    sampler = DrawingSampler(seen, seed=0)
    first, second = (
        torch.cat([ink for ink, _ in batches])[torch.cat([labels for _, labels in batches]) == 2]
        for batches in (list(sampler.epoch(8)), list(sampler.epoch(8)))
    )
    different = (first[:, None] != second[None]).flatten(2).any(dim=2)
    assert different.all()


@pytest.mark.parametrize(("seed", "is_equal"), [(4, True), (5, False)])
def test_equal_seeds_give_equal_batches(seen, seed, is_equal):
    (first, _), (second, _) = (next(DrawingSampler(seen, seed=own).epoch(24)) for own in (4, seed))
    assert torch.equal(first, second) == is_equal


# What it learns.


def test_training_brings_the_cross_entropy_of_line_drawings_down(fitted):
    losses = fitted[1].curves["loss"]
    assert len(losses) == fitted[1].total == 6
    assert losses[0] > 0.7
    assert losses[-1] < 0.1


def test_new_drawings_lie_nearest_to_the_mean_of_their_class(fitted, seen):
    method = fitted[0]
    embedded = method.embed_sketches(seen.sketches[:])
    means = torch.stack([embedded[seen.sketch_labels == c].mean(dim=0) for c in range(N_CLASSES)])
    sketches, labels = drawings(5, seed=2)
    similarity = torch.cosine_similarity(method.embed_sketches(sketches[:])[:, None], means[None], dim=2)
    assert torch.equal(similarity.argmax(dim=1), labels)


def test_a_photo_is_embedded_as_the_sketch_of_its_edges(fitted):
    generator = torch.Generator().manual_seed(0)
    photos = 0.2 * torch.ones(2, 3, 256, 256)
    photos[:, :, 60:190, 80:200] = torch.rand(2, 3, 1, 1, generator=generator)
    as_sketches = (1 - edge_map(grey(photos))).expand(-1, 3, -1, -1)
    expected = fitted[0].embed_sketches(as_sketches)
    torch.testing.assert_close(fitted[0].embed_photos(photos), expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(fitted[0].embed_sketches(photos), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (224, 224), (300, 200)])
def test_pictures_of_any_size_are_taken(fitted, size):
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    for embed in (fitted[0].embed_sketches, fitted[0].embed_photos):
        embedded = embed(pictures)
        assert (embedded.shape, embedded.dtype) == ((2, 512), torch.float32)
        assert embedded.isfinite().all()


def test_what_was_saved_embeds_as_before(fitted, seen, tmp_path):
    fitted[0].save(tmp_path / "model.safetensors")
    loaded = SketchANetMethod.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.embed_sketches(seen.sketches[:4]), fitted[0].embed_sketches(seen.sketches[:4]))


def test_seeds_repeat_and_leave_the_global_generator_alone(seen):
    before = torch.get_rng_state()
    first, same, other = (
        fit(seen, seed=seed, epochs=1).embed_sketches(seen.sketches[:4]) for seed in (0, 0, 1)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": "dot"}, "distance = 'dot', allowed: euclidean, cosine"),
        ({"batch": 0}, "batch = 0, allowed: numbers above 0"),
        ({"lr": 0.0}, "lr = 0.0, allowed: numbers above 0"),
        ({"weight_decay": -1.0}, "weight_decay = -1.0, allowed: numbers from 0 on"),
        ({"dropout": 1.0}, "dropout = 1.0, allowed: numbers from 0 to below 1"),
    ],
)
def test_wrong_hyper_parameters_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        SketchANetMethod.Config(**changes)
