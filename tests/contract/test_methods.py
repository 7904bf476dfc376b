"""Every registered method, against everything the harness relies on; and checks that do notice a breach."""

from dataclasses import dataclass

import pytest
import torch

from benchmark.contract import (
    CHECKS,
    check_batch_size_does_not_matter,
    check_card,
    check_configuration,
    check_finite,
    check_fit_returns_self,
    check_progress,
    check_same_seed_same_result,
    check_save_and_load,
    check_sees_nothing,
    check_shapes,
)
from benchmark.errors import NotRunnable
from benchmark.registry import METHODS
from datasets.task import ZeroShotTask
from methods.base import MethodCard, RetrievalMethod


def card(**facts):
    needed = {"id": "example", "title": "Example", "pretraining": (), "side_information": ()}
    kind = {"input": "features", "distance": "cosine", "fidelity": "baseline", "deviations": ()}
    return MethodCard(**{**needed, **kind, **facts})


class Plain(RetrievalMethod):
    """Keeps the contract; each test below breaks it in one place."""

    card = card()

    def fit(self, seen, *, seed, progress):
        self.mean = seen.photos[:].mean(dim=0)
        return self

    def embed_sketches(self, batch):
        return batch.flatten(1)

    def embed_photos(self, batch):
        return batch.flatten(1)


class OfPictures(Plain):
    """The same on pictures."""

    card = card(input="images")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("method_id", METHODS.ids())
def test_every_registered_method_keeps_the_contract(method_id, check):
    try:
        check(METHODS.get(method_id))
    except NotRunnable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("method", [Plain, OfPictures])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_features_and_pictures_pass_every_check(check, method):
    check(method)


def test_a_class_without_a_card_is_noticed():
    class Bare(RetrievalMethod):
        pass

    with pytest.raises(AssertionError, match="Bare has no MethodCard"):
        check_card(Bare)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"title": " "}, "no title"),
        ({"pretraining": "imagenet1k"}, "pretraining must be a tuple of texts"),
        ({"deviations": ("",)}, "deviations must be a tuple of texts"),
        ({"fidelity": "port"}, "a port states its paper"),
        ({"distance": "own"}, "needs a method `similarity`"),
    ],
)
def test_an_incomplete_card_is_noticed(facts, message):
    method = type("Incomplete", (Plain,), {"card": card(**facts)})
    with pytest.raises(AssertionError, match=message):
        check_card(method)


def test_a_configuration_that_can_change_is_noticed():
    @dataclass
    class Config:
        knob: int = 1

    with pytest.raises(AssertionError, match="frozen dataclass"):
        check_configuration(type("Loose", (Plain,), {"Config": Config}))


def test_a_configuration_without_a_default_is_noticed():
    @dataclass(frozen=True)
    class Config:
        knob: int

    with pytest.raises(AssertionError, match="no default: knob"):
        check_configuration(type("Needy", (Plain,), {"Config": Config}))


def test_a_search_space_of_unknown_parameters_is_noticed():
    with pytest.raises(AssertionError, match="does not have: knob"):
        check_configuration(type("Lost", (Plain,), {"search_space": {"knob": None}}))


def test_a_distance_that_card_and_configuration_state_differently_is_noticed():
    @dataclass(frozen=True)
    class Config:
        distance: str = "euclidean"

    with pytest.raises(
        AssertionError, match="distance = 'euclidean', which is used, and the card says 'cosine'"
    ):
        check_configuration(type("Torn", (Plain,), {"Config": Config, "card": card(distance="cosine")}))


def test_a_free_width_without_a_parameter_is_noticed():
    with pytest.raises(AssertionError, match="needs a field `width`"):
        check_configuration(type("Wide", (Plain,), {"card": card(width="free")}))


def test_a_fit_that_returns_something_else_is_noticed():
    class Copying(Plain):
        def fit(self, seen, *, seed, progress):
            return type(self)().fit_again(seen)

        def fit_again(self, seen):
            return self

    with pytest.raises(AssertionError, match="fit must return self"):
        check_fit_returns_self(Copying)


def test_progress_past_its_total_is_noticed():
    class Eager(Plain):
        def fit(self, seen, *, seed, progress):
            progress.start(1)
            progress.advance()
            progress.advance()
            return self

    with pytest.raises(AssertionError, match="progress ends at 2 of 1 epochs"):
        check_progress(Eager)


def test_an_embedding_of_another_width_than_asked_for_is_noticed():
    @dataclass(frozen=True)
    class Config:
        width: int = 8

    with pytest.raises(AssertionError, match="width 16 was asked for, got 32"):
        check_shapes(type("Stubborn", (Plain,), {"card": card(width="free"), "Config": Config}))


def test_an_embedding_that_is_not_finite_is_noticed():
    class Dividing(Plain):
        def embed_photos(self, batch):
            return batch / 0

    with pytest.raises(AssertionError, match="not finite"):
        check_finite(Dividing)


def test_statistics_of_a_batch_are_noticed():
    class Centring(Plain):
        def embed_sketches(self, batch):
            return batch - batch.mean(dim=0)

    with pytest.raises(AssertionError, match="other embeddings when they come alone"):
        check_batch_size_does_not_matter(Centring)


def test_a_generator_without_the_seed_is_noticed():
    class Drawing(Plain):
        generator = torch.Generator().manual_seed(0)

        def fit(self, seen, *, seed, progress):
            self.noise = torch.randn(1, 32, generator=self.generator)
            return self

        def embed_photos(self, batch):
            return batch + self.noise

    with pytest.raises(AssertionError, match="two fits differ"):
        check_same_seed_same_result(Drawing)


def test_a_method_that_is_random_against_its_card_is_noticed():
    class Drawing(Plain):
        card = card(is_random=False)

        def fit(self, seen, *, seed, progress):
            self.noise = torch.randn(1, 32, generator=torch.Generator().manual_seed(seed))
            return self

        def embed_photos(self, batch):
            return batch + self.noise

    with pytest.raises(AssertionError, match="is_random=False promises"):
        check_same_seed_same_result(Drawing)
    check_sees_nothing(Drawing)


def test_a_state_that_lacks_a_tensor_is_noticed():
    class Forgetful(Plain):
        scale = 1.0

        def fit(self, seen, *, seed, progress):
            self.scale = float(seen.photos[:].std())
            return self

        def embed_photos(self, batch):
            return batch * self.scale

    with pytest.raises(AssertionError, match="after load, embeddings differ"):
        check_save_and_load(Forgetful)


def test_a_fit_that_finds_the_unseen_items_by_the_call_stack_is_noticed():
    import sys

    class Climbing(Plain):
        def fit(self, seen, *, seed, progress):
            frame = sys._getframe()
            while not isinstance(frame.f_locals.get("task"), ZeroShotTask):
                frame = frame.f_back
            self.mean = torch.from_numpy(frame.f_locals["task"]._sources["photo"].array).mean(dim=0)
            return self

        def embed_photos(self, batch):
            return batch - self.mean

    with pytest.raises(AssertionError, match="fit has found a way to them"):
        check_sees_nothing(Climbing)
    check_same_seed_same_result(Climbing)
