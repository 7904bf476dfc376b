from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from methods.parts.pairs import PairBatch, PairSampler, pair_groups

N_EPOCHS = 3_000


def uneven(pairs: str = "class", *, with_instances: bool = True) -> SeenData:
    """Classes of 1, 2 and 5 sketches and of 4, 1 and 3 photos; features are the rows' own numbers."""
    sketch_labels = torch.tensor([0, 1, 1, 2, 2, 2, 2, 2])
    photo_labels = torch.tensor([2, 0, 1, 0, 2, 0, 2, 0])
    # Object 9 has no sketch; object 5 stands in classes 0 and 2, which must not make a pair.
    sketch_instances = torch.tensor([5, 1, 1, 2, 2, 3, 5, 4])
    photo_instances = torch.tensor([2, 5, 1, 9, 3, 9, 5, 5])
    return SeenData(
        class_names=("a", "b", "c"),
        sketches=torch.arange(8.0)[:, None],
        photos=torch.arange(8.0)[:, None],
        sketch_labels=sketch_labels,
        photo_labels=photo_labels,
        sketch_instances=sketch_instances if with_instances else None,
        photo_instances=photo_instances if with_instances else None,
        class_vectors=None,
        pairs=pairs,
    )


def drawn(seen: SeenData, *, n_epochs: int = 1, n_pairs: int = 100, seed: int = 0) -> PairBatch:
    """Return the batches of some epochs, joined; negatives as rows of the photos."""
    sampler = PairSampler(seen, seed=seed)
    batches = [batch for _ in range(n_epochs) for batch in sampler.epoch(n_pairs)]
    rows = [replace(batch, negatives=batch.photo_rows[batch.negatives]) for batch in batches]
    return PairBatch(*(torch.cat([getattr(b, f.name) for b in rows]) for f in fields(PairBatch)))


@pytest.mark.parametrize("pairs", ["class", "instance"])
def test_positives_are_of_one_class_and_negatives_never(pairs):
    seen = uneven(pairs)
    together = drawn(seen, n_epochs=N_EPOCHS)
    assert torch.equal(together.labels, seen.sketch_labels[together.sketch_rows])
    assert torch.equal(together.labels, seen.photo_labels[together.photo_rows])
    assert not (seen.photo_labels[together.negatives] == together.labels).any()


@pytest.mark.parametrize("n_pairs", [4, 5, 8, 100])
def test_an_epoch_is_every_sketch_once(n_pairs):
    assert sorted(drawn(uneven(), n_pairs=n_pairs).sketch_rows.tolist()) == list(range(8))


def test_every_epoch_has_an_order_of_its_own():
    sampler = PairSampler(uneven(), seed=0)
    first, second = (next(sampler.epoch(8)).sketch_rows.tolist() for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize(("n_pairs", "sizes"), [(8, [8]), (5, [4, 4]), (3, [3, 3, 2])])
def test_batches_are_as_large_as_asked_or_evenly_smaller(n_pairs, sizes):
    seen = uneven()
    seen.sketch_labels = seen.photo_labels = torch.tensor([0, 1] * 4)  # seed 0 mixes both in each batch
    assert [len(batch.labels) for batch in PairSampler(seen, seed=0).epoch(n_pairs)] == sizes


def test_a_batch_of_one_class_alone_is_left_out():
    seen = uneven()
    batches = list(PairSampler(seen, seed=0).epoch(2))
    assert len(batches) < 4
    assert all(len(batch.labels.unique()) == 2 for batch in batches)


def test_batches_of_one_class_alone_all_of_them_are_refused():
    sampler = PairSampler(uneven(), seed=0)
    with pytest.raises(BenchmarkError, match="of 1 pairs is of one class alone.*Give a larger `batch`"):
        list(sampler.epoch(1))


def test_photos_of_a_class_are_drawn_uniformly():
    photos = drawn(uneven(), n_epochs=N_EPOCHS)
    of_class_a = photos.photo_rows[photos.labels == 0]
    shares = torch.bincount(of_class_a, minlength=8)[[1, 3, 5, 7]] / len(of_class_a)
    assert shares.tolist() == pytest.approx([1 / 4] * 4, abs=0.02)


def test_negatives_are_uniform_over_the_pairs_of_other_classes():
    """One batch is the whole epoch: for class a 2 pairs of class b and 5 of class c."""
    seen = uneven()
    negatives = drawn(seen, n_epochs=N_EPOCHS)
    labels = seen.photo_labels[negatives.negatives[negatives.labels == 0]]
    assert (labels == 1).double().mean().item() == pytest.approx(2 / 7, abs=0.03)


def test_instance_pairs_share_the_object_and_leave_objects_without_partner_out():
    seen = uneven("instance")
    together = drawn(seen, n_epochs=50)
    objects = seen.sketch_instances[together.sketch_rows]
    assert torch.equal(objects, seen.photo_instances[together.photo_rows])
    assert set(together.photo_rows.tolist()) == {0, 1, 2, 4, 6, 7}


def test_equal_seeds_draw_equal_batches_and_others_do_not():
    rows = [drawn(uneven(), seed=seed).photo_rows.tolist() for seed in (3, 3, 4)]
    assert rows[0] == rows[1] != rows[2]


def test_a_batch_holds_the_items_of_its_rows():
    batch = next(PairSampler(uneven(), seed=1).epoch(8))
    assert torch.equal(batch.sketches[:, 0].long(), batch.sketch_rows)
    assert torch.equal(batch.photos[:, 0].long(), batch.photo_rows)


def test_sampling_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    drawn(uneven())
    assert torch.equal(before, torch.get_rng_state())


def test_groups_of_instances_are_equal_only_within_a_class():
    sketch_groups, photo_groups = pair_groups(uneven("instance"))
    together = {(i, j) for i in range(8) for j in range(8) if sketch_groups[i] == photo_groups[j]}
    assert together == {(0, 1), (0, 7), (1, 2), (2, 2), (3, 0), (4, 0), (5, 4), (6, 6)}


def test_instance_pairs_without_instances_are_refused():
    with pytest.raises(BenchmarkError, match="needs instances in both modalities"):
        PairSampler(uneven("instance", with_instances=False), seed=0)


def test_one_class_alone_is_refused():
    one = SeenData(
        class_names=("a",),
        sketches=torch.zeros(2, 1),
        photos=torch.zeros(2, 1),
        sketch_labels=torch.zeros(2, dtype=torch.int64),
        photo_labels=torch.zeros(2, dtype=torch.int64),
        sketch_instances=None,
        photo_instances=None,
        class_vectors=None,
        pairs="class",
    )
    with pytest.raises(BenchmarkError, match="two classes at least, 1 found"):
        PairSampler(one, seed=0)
