"""Pictures of a pass: crops and mirrors that repeat, and each device's share."""

import pytest

from datasets.finetuning.pictures import Share, TrainingPictures
from datasets.preprocessing import DEFAULT


@pytest.fixture
def cropped(items):
    return TrainingPictures(items.files, items.labels, 16, DEFAULT, "photo", crop_frac=0.8)


def windows(picture, size):
    """Every window of a picture, and its mirror, by content."""
    places = range(len(picture) - size + 1)
    found = [picture[top : top + size, left : left + size] for top in places for left in places]
    return {window.tobytes() for window in found} | {window[:, ::-1].tobytes() for window in found}


def test_what_is_trained_on_is_a_window_or_its_mirror_of_the_larger_picture(cropped, items):
    for row in range(6):
        pixels, label = cropped[0, row]
        assert (tuple(pixels.shape), label) == ((16, 16, 3), items.labels[row])
        whole = DEFAULT.picture(items.files[row], 20, "photo")  # 16 / 0.8
        assert pixels.numpy().tobytes() in windows(whole, 16)


def test_windows_and_mirrors_vary(cropped):
    assert len({cropped[epoch, 0][0].numpy().tobytes() for epoch in range(20)}) > 10


def test_a_window_is_drawn_from_seed_pass_and_row_alone(cropped, items):
    again = TrainingPictures(items.files, items.labels, 16, DEFAULT, "photo", crop_frac=0.8)
    later = [cropped[3, row][0] for row in (5, 2, 9)]
    assert all((again[3, row][0] == pixels).all() for row, pixels in zip((5, 2, 9), later, strict=True))


def test_held_out_pictures_are_whole(items):
    whole = TrainingPictures(items.files, items.labels, 16, DEFAULT, "photo")
    assert (whole[4, 7][0].numpy() == DEFAULT.picture(items.files[7], 16, "photo")).all()


def shares(n, n_devices, *, shuffled, epoch=0, seed=0):
    found = []
    for rank in range(n_devices):
        share = Share(n, rank=rank, n_devices=n_devices, seed=seed, shuffled=shuffled)
        share.epoch = epoch
        rows = list(share)
        assert {own for own, _ in rows} <= {epoch}
        assert len(share) == len(rows)
        found.append([row for _, row in rows])
    return found


@pytest.mark.parametrize(("n", "n_devices"), [(33, 1), (33, 2), (32, 4), (7, 3)])
def test_devices_train_on_equally_many_and_on_each_picture_once(n, n_devices):
    own = shares(n, n_devices, shuffled=True)
    together = [row for rows in own for row in rows]
    assert {len(rows) for rows in own} == {n // n_devices}
    assert len(set(together)) == len(together) == n - n % n_devices


@pytest.mark.parametrize(("n", "n_devices"), [(6, 1), (7, 2), (5, 4)])
def test_devices_test_on_every_picture_once(n, n_devices):
    assert sorted(row for rows in shares(n, n_devices, shuffled=False) for row in rows) == list(range(n))


def test_a_pass_has_an_order_of_its_own_which_repeats():
    first, second, again = (shares(30, 1, shuffled=True, epoch=epoch)[0] for epoch in (0, 1, 0))
    assert first == again != second
    assert first != shares(30, 1, shuffled=True, seed=1)[0]


def test_what_does_not_go_around_differs_from_pass_to_pass():
    left_out = set()
    for epoch in range(10):
        own = shares(5, 2, shuffled=True, epoch=epoch)
        left_out |= set(range(5)) - {row for rows in own for row in rows}
    assert len(left_out) > 2
