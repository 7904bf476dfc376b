"""Two devices, here two processes on the CPU: each picture once a pass, one network, one accuracy."""

import os
import pickle
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.multiprocessing.spawn import ProcessRaisedException
from torch.utils.data import DataLoader

from benchmark.errors import BenchmarkError
from datasets.finetuning.items import held_out
from datasets.finetuning.pictures import TrainingPictures
from datasets.finetuning.processes import Parcel, ToldInFile, errors_of_users, polled
from datasets.finetuning.train import Classifier, Job, train
from datasets.preprocessing import DEFAULT

N_PASSES = 2


@pytest.fixture
def on_two(tuning, logged, tmp_path):
    """What a training on two devices read, told, printed and left. Takes about ten seconds."""
    preprocessing, lines = logged
    made = tuning(preprocessing=preprocessing, max_epochs=N_PASSES)
    job = Job(made.backbone, made.items, made.recipe, "photo", preprocessing, tmp_path / "state.pt", 2)
    told, printed = [], tmp_path / "printed.txt"
    with printed_to(printed):
        state, precision = train(job, ("cpu", "cpu"), lambda done, total: told.append((done, total)))
    return SimpleNamespace(
        job=job, state=state, precision=precision, told=told, lines=lines(), printed=printed.read_text()
    )


class printed_to:  # noqa: N801 - used like a function
    """Send what this process and its children print into a file."""

    def __init__(self, path):
        self._path = path

    def __enter__(self):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._kept = [os.dup(number) for number in (1, 2)]
        with self._path.open("w") as file:
            for number in (1, 2):
                os.dup2(file.fileno(), number)

    def __exit__(self, *error):
        for number, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, number)
            os.close(kept)


@pytest.mark.slow  # 6 s: two processes that load torch
def test_two_devices_share_every_pass_and_make_one_network(on_two):
    # One test for one training, whose processes take long to start.
    items, recipe = on_two.job.items, on_two.job.recipe
    is_held_out = held_out(items, recipe.held_out_frac, recipe.seed)
    names = np.array([str(path) for path in items.files])
    trained, tested = set(names[~is_held_out]), set(names[is_held_out])

    # Every training picture is read once a pass over both, but for the one that does not go around.
    of_process = {process: [] for process, _, _ in on_two.lines}
    for process, edge, path in on_two.lines:
        of_process[process].append((edge, path))
    assert len(of_process) == 2
    assert os.getpid() not in of_process
    for number in range(N_PASSES):
        in_pass = []
        for read in of_process.values():
            crops = [path for edge, path in read if edge == 19]
            assert len(crops) == N_PASSES * 16
            in_pass += crops[number * 16 : (number + 1) * 16]
        assert len(set(in_pass)) == len(in_pass) == 32
        assert set(in_pass) <= trained

    # Held-out pictures are counted once.
    whole = Counter(path for _, edge, path in on_two.lines if edge == 16)
    assert whole == dict.fromkeys(tested, N_PASSES)

    # The accuracy is that of the network kept, whichever process counted.
    kept = torch.load(on_two.job.checkpoint, weights_only=True)["parts"]["network"]
    network = Classifier(on_two.job.backbone.empty(), 16, items.n_classes)
    network.load_state_dict(kept)
    network.eval()
    pictures = TrainingPictures(names, items.labels, 16, DEFAULT, "photo")
    mean, std = (torch.tensor(own) for own in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    right = []
    for row in np.flatnonzero(is_held_out).tolist():
        pixels, label = pictures[0, row]
        picture = ((pixels / 255 - mean) / std).permute(2, 0, 1)
        right.append(int(network(picture[None]).argmax()) == label)
    assert on_two.state.history[-1]["held_out_accuracy"] == pytest.approx(np.mean(right))

    # Progress arrives here; nothing is printed; nothing is left.
    assert on_two.told
    assert {total for _, total in on_two.told} == {N_PASSES * 33}
    assert on_two.precision == "32-true"
    assert on_two.printed == ""
    assert "MASTER_PORT" not in os.environ
    assert {path.name for path in on_two.job.checkpoint.parent.glob("state*")} == {"state.pt"}


def test_a_report_names_the_devices_that_were_used(tuning, monkeypatch):
    asked = []

    def on_one(job, devices, progress=None):
        asked.append(devices)
        return train(job, ("cpu",), progress)

    monkeypatch.setattr("datasets.finetuning.train.train", on_one)
    many, few = tuning(), tuning(batch=2)
    for made in (many, few):
        made.run(("cpu", "cpu"))
    assert asked == [("cpu", "cpu"), ("cpu",)]
    assert (many.report()["devices"], few.report()["devices"]) == (["cpu", "cpu"], ["cpu"])


def test_a_backbone_of_a_plugin_is_unpacked_by_importing_the_file(small_net, tuning):
    parcel = Parcel.of(tuning().backbone, with_backbone=tuning().backbone)
    assert parcel.plugin == small_net
    name = next(name for name in sys.modules if name.startswith("zs_sbir_plugin_small_net"))
    del sys.modules[name]
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(parcel.content)
    assert parcel.unpacked().card.id == "small_net@pooled"


def test_a_backbone_of_this_repository_needs_no_file():
    from datasets.backbones import make_backbone

    backbone = make_backbone("resnet50")
    assert Parcel.of(backbone, with_backbone=backbone).plugin is None


def test_a_backbone_that_cannot_be_sent_is_said():
    @dataclass
    class Hidden:
        """Of a class that no other process can find."""

    with pytest.raises(BenchmarkError, match=r"sends the backbone to other processes, and .*--device"):
        Parcel.of(Hidden(), with_backbone=Hidden())


def test_a_user_s_error_of_another_process_arrives_without_its_trace():
    trace = "-- Process 1 terminated with the following error:\nTraceback ...\n"
    with pytest.raises(BenchmarkError, match=r"^photo a\.png cannot be read\.$"), errors_of_users():
        raise ProcessRaisedException(
            f"{trace}benchmark.errors.BenchmarkError: photo a.png cannot be read.\n", 1, 7
        )


def test_another_error_of_another_process_stays_what_it_is():
    with pytest.raises(ProcessRaisedException, match="ZeroDivisionError"), errors_of_users():
        raise ProcessRaisedException("Traceback ...\nZeroDivisionError: division by zero\n", 0, 7)


def test_a_user_s_error_of_a_reading_process_arrives_without_its_trace(items, tmp_path):
    pictures = TrainingPictures([tmp_path / "gone.png"], items.labels[:1], 16, DEFAULT, "photo")
    loader = DataLoader(pictures, sampler=[(0, 0)], num_workers=1)
    with pytest.raises(BenchmarkError, match=r"gone\.png") as caught, errors_of_users():
        next(iter(loader))
    assert "Traceback" not in str(caught.value)


def test_progress_of_another_process_is_told_to_the_end(tmp_path):
    path, told = tmp_path / "a.progress", []
    path.write_text("99 100")  # of a training that was killed
    with polled(path, lambda *own: told.append(own)) as progress:
        pickle.loads(pickle.dumps(progress))(3, 10)
    assert told == [(3, 10)]
    assert not path.exists()


def test_nobody_who_asks_is_told_no_progress(tmp_path: Path):
    with polled(tmp_path / "a.progress", None) as progress:
        assert progress is None


def test_told_in_file_is_whole(tmp_path):
    ToldInFile(tmp_path / "a.progress")(1, 2)
    assert (tmp_path / "a.progress").read_text() == "1 2"
