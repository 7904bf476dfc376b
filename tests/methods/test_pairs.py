from __future__ import annotations

import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from methods.parts.pairs import PairSampler, pair_groups

N_DRAWN = 20_000


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


@pytest.mark.parametrize("pairs", ["class", "instance"])
def test_positives_are_of_one_class_and_negatives_never(pairs):
    seen = uneven(pairs)
    idx = PairSampler(seen, seed=0).indices(N_DRAWN)
    labels = seen.sketch_labels[idx.sketches]
    assert torch.equal(labels, seen.photo_labels[idx.photos])
    assert not (seen.photo_labels[idx.negative_photos] == labels).any()
    assert not (seen.sketch_labels[idx.negative_sketches] == labels).any()


def test_classes_are_drawn_uniformly_whatever_their_sizes():
    seen = uneven()
    labels = seen.sketch_labels[PairSampler(seen, seed=0).indices(N_DRAWN).sketches]
    shares = torch.bincount(labels) / N_DRAWN
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.015)


def test_items_of_a_class_are_drawn_uniformly():
    seen = uneven()
    idx = PairSampler(seen, seed=0).indices(N_DRAWN)
    in_class_c = idx.sketches[seen.sketch_labels[idx.sketches] == 2]
    shares = torch.bincount(in_class_c, minlength=8)[3:] / len(in_class_c)
    assert shares.tolist() == pytest.approx([1 / 5] * 5, abs=0.02)


def test_negatives_are_uniform_over_all_items_of_other_classes():
    seen = uneven()
    idx = PairSampler(seen, seed=0).indices(N_DRAWN)
    for_class_a = idx.negative_photos[seen.sketch_labels[idx.sketches] == 0]
    shares = torch.bincount(for_class_a, minlength=8) / len(for_class_a)
    assert shares[[0, 2, 4, 6]].tolist() == pytest.approx([1 / 4] * 4, abs=0.02)


def test_instance_pairs_share_the_object_and_leave_objects_without_partner_out():
    seen = uneven("instance")
    idx = PairSampler(seen, seed=0).indices(N_DRAWN)
    assert torch.equal(seen.sketch_instances[idx.sketches], seen.photo_instances[idx.photos])
    assert set(idx.photos.tolist()) == {0, 1, 2, 4, 6, 7}


def test_equal_seeds_draw_equal_batches_and_others_do_not():
    drawn = [PairSampler(uneven(), seed=seed).indices(50).photos.tolist() for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_batch_holds_the_rows_of_its_indices():
    seen = uneven()
    idx, batch = PairSampler(seen, seed=1).indices(30), PairSampler(seen, seed=1).batch(30)
    assert torch.equal(batch.sketches[:, 0].long(), idx.sketches)
    assert torch.equal(batch.negative_photos[:, 0].long(), idx.negative_photos)
    assert torch.equal(batch.labels, seen.photo_labels[idx.photos])


def test_sampling_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    PairSampler(uneven(), seed=0).batch(10)
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
