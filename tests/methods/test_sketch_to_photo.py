"""What CVAE and CAAE share: a sketch is embedded as the mean of a hundred photo features made of it."""

from __future__ import annotations

import math

import pytest
import torch

from datasets.seen import SeenData
from methods.base import FitProgress
from methods.caae import CAAE
from methods.cvae import CVAE
from methods.parts.sketch_to_photo import Decoder, MeanOfDecodes, SketchToPhotoMethod

WIDTH, N_PHOTO = 5, 29
METHODS = pytest.mark.parametrize("method", [CVAE, CAAE])


def root_mean_square(features: torch.Tensor) -> float:
    numbers = features.flatten().tolist()
    return math.sqrt(sum(x * x for x in numbers) / len(numbers))


def fitted(method: type[SketchToPhotoMethod], seen: SeenData, *, seed: int = 0) -> SketchToPhotoMethod:
    config = method.Config(hidden=8, width=WIDTH, epochs=1, batch=64)
    return method(config).fit(seen, seed=seed, progress=FitProgress())


@METHODS
def test_a_sketch_is_embedded_as_the_mean_of_a_hundred_decodes(uneven, method):
    own = fitted(method, uneven)
    sketches = uneven.sketches[:6]
    noise, decoder = own.sketch_encoder.noise, own.sketch_encoder.decoder
    sketch_size, photo_size = root_mean_square(uneven.sketches), root_mean_square(uneven.photos)
    assert noise.shape == (100, WIDTH)
    mean = torch.zeros(6, N_PHOTO, dtype=torch.float64)
    for code in noise:
        mean += decoder(code.expand(6, -1), sketches / sketch_size).double() * photo_size / 100
    torch.testing.assert_close(own.embed_sketches(sketches).double(), mean.detach(), rtol=1e-4, atol=1e-6)


def test_a_decode_and_its_mean_follow_the_formula_number_by_number():
    torch.manual_seed(0)
    decoder = Decoder(2, 3, 4, hidden=5)
    encoder, sketch = MeanOfDecodes(decoder, torch.tensor(2.0), torch.tensor(3.0)), [0.5, -1.0, 2.0]
    of_code, of_sketch, output = (
        layer.weight.tolist() for layer in (decoder.of_code, decoder.of_sketch, decoder.output)
    )
    expected = [0.0] * 4
    for code in encoder.noise.tolist():
        hidden = [
            max(
                0.0,
                sum(map(math.prod, zip(a, code, strict=True)))
                + bias
                + sum(weight * number / 2 for weight, number in zip(b, sketch, strict=True)),
            )
            for a, b, bias in zip(of_code, of_sketch, decoder.of_sketch.bias.tolist(), strict=True)
        ]
        for k, (row, bias) in enumerate(zip(output, decoder.output.bias.tolist(), strict=True)):
            expected[k] += 3 * (sum(map(math.prod, zip(row, hidden, strict=True))) + bias) / 100
    assert encoder(torch.tensor([sketch])).squeeze(0).tolist() == pytest.approx(expected, abs=1e-5)


@METHODS
def test_a_sketch_is_embedded_alike_alone_and_among_others(uneven, method):
    own = fitted(method, uneven)
    together = own.embed_sketches(uneven.sketches[:7])
    alone = torch.cat([own.embed_sketches(sketch[None]) for sketch in uneven.sketches[:7]])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)


@METHODS
def test_photos_are_left_as_they_are(uneven, method):
    assert torch.equal(fitted(method, uneven).embed_photos(uneven.photos), uneven.photos)


def test_the_noise_is_standard_normal():
    torch.manual_seed(0)
    noise = MeanOfDecodes(Decoder(400, 3, 4, hidden=5), torch.ones(()), torch.ones(())).noise
    assert noise.mean().item() == pytest.approx(0.0, abs=5 / 200)  # 40,000 numbers
    assert noise.var().item() == pytest.approx(1.0, abs=5 * math.sqrt(2) / 200)


@METHODS
def test_the_noise_is_drawn_by_the_seed_and_nothing_learns_it(uneven, method):
    first, same, other = (fitted(method, uneven, seed=seed).sketch_encoder for seed in (0, 0, 1))
    assert torch.equal(first.noise, same.noise)
    assert not torch.equal(first.noise, other.noise)
    assert "noise" not in dict(first.named_parameters())


@METHODS
def test_the_noise_is_saved_with_the_model_and_embeds_as_before(uneven, tmp_path, method):
    own = fitted(method, uneven)
    own.save(tmp_path / "model.safetensors")
    torch.manual_seed(99)  # what is drawn for the empty model is not what was saved
    loaded = method.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.sketch_encoder.noise, own.sketch_encoder.noise)
    assert torch.equal(loaded.embed_sketches(uneven.sketches), own.embed_sketches(uneven.sketches))
    assert torch.equal(loaded.embed_photos(uneven.photos), uneven.photos)


@METHODS
def test_of_all_that_was_trained_the_decoder_its_noise_and_its_units_are_kept(uneven, method):
    kept = {name.split(".")[:2][1] for name in fitted(method, uneven).state()}
    assert kept == {"decoder", "noise", "sketch_size", "photo_size"}


@METHODS
def test_made_photos_come_nearer_to_the_photos_of_their_class(world, method):
    seen = world.seen

    def error(epochs: int) -> float:
        config = method.Config(hidden=32, width=WIDTH, epochs=epochs, batch=32, lr=5e-3, dropout=0.0)
        own = method(config).fit(seen, seed=0, progress=FitProgress())
        return (own.embed_sketches(seen.sketches) - seen.photos).square().sum(dim=1).mean().item()

    assert error(epochs=10) < 0.6 * error(epochs=1)
