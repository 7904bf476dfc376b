"""From embeddings to scores: distances, duplicates, number types, devices, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from metrics import evaluate, top_ranking
from metrics.costs import cost_blocks

RNG = np.random.default_rng(0)
QUERIES, GALLERY = (RNG.normal(size=(n, 16)).astype(np.float32) for n in (23, 90))
QUERY_LABELS, GALLERY_LABELS = RNG.integers(4, size=23), RNG.integers(4, size=90)


def scores_of(queries, gallery, distance, *, block=256, device="cpu"):
    blocks = cost_blocks(
        queries, gallery, distance=distance, device=device, order=np.arange(len(queries)), block=block
    )
    return np.concatenate(
        [-np.asarray(part.costs).astype(float) for part in blocks]
    )  # smaller costs are larger scores


def mean_ap(queries=QUERIES, gallery=GALLERY, **options):
    found = evaluate(queries, QUERY_LABELS, gallery, GALLERY_LABELS, metrics=["map@all"], **options)
    return found.summary["map@all"]


@pytest.mark.parametrize(("distance", "peer"), [("euclidean", "euclidean"), ("cosine", "cosine")])
def test_order_is_that_of_scipy_in_float64(distance, peer):
    expected = np.argsort(cdist(QUERIES.astype(float), GALLERY.astype(float), peer), axis=1)
    np.testing.assert_array_equal(top_ranking(QUERIES, GALLERY, k=90, distance=distance).items, expected)


def test_dot_is_the_inner_product():
    np.testing.assert_allclose(scores_of(QUERIES, GALLERY, "dot"), QUERIES @ GALLERY.T, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [*itertools.product([(-1, 1), (0, 1)], [np.float32, np.int8, np.int64]), ((0, 1), np.bool_)],
)
def test_hamming_falls_by_one_for_each_differing_bit(values, dtype):
    codes = [np.where(array > 0, values[1], values[0]).astype(dtype) for array in (QUERIES, GALLERY)]
    n_differing = (codes[0][:, None, :] != codes[1][None, :, :]).sum(axis=2)
    np.testing.assert_array_equal(scores_of(*codes, "hamming"), -n_differing.astype(int))


def test_hamming_refuses_anything_but_codes():
    with pytest.raises(ValueError, match=r"hamming needs codes of -1 and 1, or of 0 and 1; found .* values"):
        mean_ap(distance="hamming")


def test_hamming_refuses_the_two_kinds_of_codes_mixed():
    with pytest.raises(ValueError, match="hamming needs codes"):
        mean_ap(np.sign(QUERIES), (GALLERY > 0).astype(int), distance="hamming")


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_equal_gallery_rows_tie_exactly_whatever_the_block(distance):
    gallery = np.repeat(RNG.normal(size=(37, 65)).astype(np.float32), 3, axis=0)
    queries = RNG.normal(size=(50, 65)).astype(np.float32)
    for block in (1, 7, 50):
        scores = scores_of(queries, gallery, distance, block=block)
        np.testing.assert_array_equal(scores[:, ::3], scores[:, 1::3])
        np.testing.assert_array_equal(scores[:, ::3], scores[:, 2::3])


def test_rows_that_differ_in_the_sign_of_zero_are_equal():
    once = np.maximum(RNG.normal(size=(37, 65)).astype(np.float32), 0)
    gallery = np.repeat(once, 3, axis=0)
    gallery[1::3] = np.where(once == 0, -0.0, once)
    scores = scores_of(RNG.normal(size=(50, 65)).astype(np.float32), gallery, "dot")
    np.testing.assert_array_equal(scores[:, ::3], scores[:, 1::3])


def test_integer_codes_tie_exactly_under_euclidean_distance():
    codes = np.sign(RNG.normal(size=(60, 32))).astype(np.float32)
    scores = scores_of(codes[:10], codes, "euclidean")
    assert len(np.unique(scores[0])) == len(np.unique((codes[0] != codes).sum(axis=1)))


@pytest.mark.parametrize("block", [1, 5, 23])
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_summary_from_embeddings_agrees_across_blocks(distance, block):
    assert mean_ap(distance=distance, block=block) == pytest.approx(mean_ap(distance=distance), abs=1e-5)


def test_common_offset_of_all_embeddings_does_not_move_euclidean_results():
    offset = np.float32(300.25)
    assert mean_ap(QUERIES + offset, GALLERY + offset) == pytest.approx(mean_ap(), abs=1e-4)


def test_zero_embedding_has_cosine_zero_to_everything():
    np.testing.assert_array_equal(scores_of(np.zeros((1, 16)), GALLERY, "cosine"), np.zeros((1, 90)))


def test_cosine_of_rows_too_long_to_square_in_float32_is_finite():
    np.testing.assert_allclose(
        scores_of(QUERIES * np.float32(1e30), GALLERY, "cosine"),
        scores_of(QUERIES, GALLERY, "cosine"),
        atol=1e-6,
    )


@pytest.mark.parametrize(("dtype", "length"), [(np.float32, 2e38), (np.float64, 1e160)])
def test_cosine_of_rows_too_long_to_measure_is_refused_and_no_zero(dtype, length):
    gallery = np.sign(GALLERY).astype(dtype) * dtype(length)
    with pytest.raises(ValueError, match="product of the embeddings is nan or infinite"):
        mean_ap(gallery=gallery, distance="cosine")


@pytest.mark.parametrize("convert", [torch.from_numpy, lambda a: a.astype(float), lambda a: a.tolist()])
def test_tensors_float64_and_lists_give_the_same_result(convert):
    assert mean_ap(convert(QUERIES), convert(GALLERY)) == pytest.approx(mean_ap(), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_tensors_are_multiplied_in_float32(dtype):
    halves = [torch.from_numpy(array).to(dtype).requires_grad_() for array in (QUERIES, GALLERY)]
    singles = [half.detach().float().numpy() for half in halves]
    assert mean_ap(*halves) == mean_ap(*singles)


def test_tensor_labels_and_ids_are_taken():
    found = evaluate(
        QUERIES,
        torch.from_numpy(QUERY_LABELS),
        GALLERY,
        torch.from_numpy(GALLERY_LABELS),
        metrics=["map@all"],
    )
    assert found.summary["map@all"] == mean_ap()


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_torch_device_agrees_with_numpy(distance):
    # "cpu:0" takes the way of every device but "cpu".
    expected = scores_of(QUERIES, GALLERY, distance)
    np.testing.assert_allclose(scores_of(QUERIES, GALLERY, distance, device="cpu:0"), expected, atol=1e-5)


def test_torch_device_multiplies_in_float64_and_rounds_once():
    expected = (QUERIES.astype(np.float64) @ GALLERY.astype(np.float64).T).astype(np.float32)
    assert (expected != QUERIES @ GALLERY.T).any()
    np.testing.assert_array_equal(scores_of(QUERIES, GALLERY, "dot", device="cpu:0"), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_agrees_with_numpy_even_where_the_process_asked_for_tf32():
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        found = scores_of(QUERIES, GALLERY, "dot", device="cuda")
    finally:
        torch.backends.cuda.matmul.fp32_precision = "ieee"
    np.testing.assert_allclose(found, QUERIES @ GALLERY.T, atol=1e-5)


def test_callable_gets_its_block_and_the_gallery_as_given():
    seen = []

    def score(block, gallery):
        seen.append((type(block), tuple(block.shape), gallery))
        return torch.zeros(len(block), 90)

    queries, gallery = torch.from_numpy(QUERIES), torch.from_numpy(GALLERY)
    scores_of(queries, gallery, score, block=20)
    assert [entry[:2] for entry in seen] == [(torch.Tensor, (20, 16)), (torch.Tensor, (3, 16))]
    assert all(entry[2] is gallery for entry in seen)


def test_callable_keeps_its_own_array_unchanged():
    given = RNG.normal(size=(23, 90))
    before = given.copy()
    evaluate(
        given, QUERY_LABELS, GALLERY, GALLERY_LABELS, metrics=["p@5"], distance=lambda block, _: block,
        query_ids=range(23), gallery_ids=range(90), exclude_self=True,
    )  # fmt: skip
    np.testing.assert_array_equal(given, before)


def test_callable_with_integer_scores_is_ranked_exactly():
    big = 2**40
    order = top_ranking(np.array([[big, big + 1, big - 1]]), np.zeros((3, 1)), k=3, distance=lambda q, g: q)
    assert order.items.tolist() == [[1, 0, 2]]


@pytest.mark.parametrize("shape", [(90, 23), (23,), (23, 89)])
def test_callable_of_the_wrong_shape_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"distance callable returned float64 of shape .* must return \(23, 90\)"
    ):
        mean_ap(distance=lambda q, g: np.zeros(shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_callable_scores_must_be_finite(bad):
    with pytest.raises(ValueError, match="score from the distance callable is nan or infinite"):
        mean_ap(distance=lambda q, g: np.full((len(q), 90), bad))


def test_embeddings_whose_product_overflows_are_refused():
    with pytest.raises(ValueError, match=r"product of the embeddings is nan or infinite.*rescale"):
        mean_ap(QUERIES * np.float32(1e30), GALLERY * np.float32(1e30), distance="dot")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_embeddings_are_refused_with_count_and_first_rows(bad):
    gallery = GALLERY.copy()
    gallery[[4, 17, 20, 50, 60, 70], 3] = bad
    with pytest.raises(
        ValueError, match=r"gallery_emb: 6 of 90 rows hold nan or infinity \(first rows: 4, 17, 20, 50, 60\)"
    ):
        mean_ap(gallery=gallery)


def test_non_finite_query_embeddings_are_refused_under_a_callable_too():
    with pytest.raises(ValueError, match="query_emb: 23 of 23 rows hold nan"):
        mean_ap(QUERIES * np.nan, distance=lambda q, g: q @ g.T)


@pytest.mark.parametrize(
    ("queries", "gallery", "message"),
    [
        (QUERIES[:, :8], GALLERY, "query_emb has 8 dimensions and gallery_emb has 16"),
        (QUERIES[0], GALLERY, r"query_emb must have shape \(items, dimensions\), got \(16,\)"),
        (QUERIES, GALLERY[:, :0], r"gallery_emb must have shape \(items, dimensions\), got \(90, 0\)"),
        (QUERIES[:0], GALLERY, r"query_emb has no rows: got shape \(0, 16\)"),
        (QUERIES, torch.zeros(0, 16), r"gallery_emb has no rows: got shape \(0, 16\)"),
        (QUERIES, torch.full((90, 16), torch.inf), "gallery_emb: 90 of 90 rows hold nan"),
        (QUERIES, GALLERY[:0], "gallery_emb has no rows"),
        (np.float32(1), GALLERY, r"query_emb has no rows: got shape \(\)"),
        (QUERIES.astype(str), GALLERY, "query_emb must hold real numbers, got dtype <U"),
        (QUERIES + 1j, GALLERY, "query_emb must hold real numbers, got dtype complex"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(queries, gallery, message):
    with pytest.raises(ValueError, match=message):
        mean_ap(queries, gallery)


def test_unknown_distance_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"No distance named 'l2'. Known: euclidean, cosine, dot, hamming, or a callable"
    ):
        mean_ap(distance="l2")


@pytest.mark.parametrize("block", [0, -1, 2.5])
def test_block_must_be_a_whole_number_from_one(block):
    with pytest.raises(ValueError, match="block must be a whole number from 1"):
        mean_ap(block=block)


def test_a_matrix_of_scores_is_no_distance_and_the_message_says_how_it_goes_in():
    with pytest.raises(ValueError, match=r"distance must be one of euclidean, .* got ndarray.*by row"):
        mean_ap(distance=np.zeros((23, 90)))


def test_scores_computed_elsewhere_go_in_by_row_number():
    scores = -cdist(QUERIES, GALLERY)
    found = evaluate(
        np.arange(23)[:, None], QUERY_LABELS, np.zeros((90, 1)), GALLERY_LABELS,
        metrics=["map@all"], distance=lambda rows, _: scores[rows[:, 0]], block=5,
    )  # fmt: skip
    assert found.summary["map@all"] == pytest.approx(mean_ap(), abs=1e-5)
