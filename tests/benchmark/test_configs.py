"""Which configuration a run gets, and which files are refused."""

from dataclasses import dataclass, fields

import pytest

from benchmark import configs
from benchmark.configs import check_values, resolve_config, tuned_path
from benchmark.errors import BenchmarkError
from datasets.splits import ZeroShotSplit
from methods.base import MethodCard, RetrievalMethod, make_config

SPLIT = ZeroShotSplit("zoo", "fold0", unseen=("ant", "sea_lion"), validation=("cat",), origin="made up")
OVERLAPPING = ZeroShotSplit("zoo", "fold1", unseen=("bee",), validation=("cat",), origin="made up")


class Toy(RetrievalMethod):
    card = MethodCard(
        id="toy",
        title="Toy",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="baseline",
        deviations=(),
        width="free",
    )

    @dataclass(frozen=True)
    class Config:
        width: int = 16
        rate: float = 0.1
        shared: bool = True
        kind: str = "plain"

    def fit(self, seen, *, seed, progress):
        return self

    def embed_sketches(self, batch):
        return batch

    embed_photos = embed_sketches


@pytest.fixture(autouse=True)
def configs_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(configs, "CONFIGS_DIR", tmp_path)
    return tmp_path


@pytest.fixture
def write_tuned():
    """Write the configuration tuned on SPLIT, with some lines of it changed."""

    def write(parameters="rate = 0.5", *, at=SPLIT, **changes):
        lines = {
            "dataset": '"zoo"',
            "split": '"fold0"',
            "split_sha256": f'"{SPLIT.sha256}"',
            "seen_classes": '["bee", "cat", "dog"]',
            **changes,
        }
        path = tuned_path("toy", at.dataset, at.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = "\n".join(f"{name} = {value}" for name, value in lines.items() if value is not None)
        path.write_text(f"[config]\n{parameters}\n[tuned_on]\n{table}\n", encoding="utf-8")
        return path

    return write


def resolve(choice="tuned", split=SPLIT, **options):
    return resolve_config(Toy, choice, split, width=64, **options)


def test_the_configuration_tuned_on_the_split_is_used(write_tuned):
    write_tuned()
    resolved = resolve()
    assert resolved.values == {"width": 64, "rate": 0.5, "shared": True, "kind": "plain"}
    assert (resolved.source, resolved.variant) == ("tuned", "")


def test_without_a_tuned_file_the_defaults_are_used():
    resolved = resolve()
    assert resolved.values == {"width": 64, "rate": 0.1, "shared": True, "kind": "plain"}
    assert resolved.source == "default"


@pytest.mark.parametrize("choice", ["tuned", "default", "paper", "smoke"])
def test_without_any_file_every_choice_means_the_defaults_and_no_row_of_its_own(choice):
    assert (resolve(choice).source, resolve(choice).variant) == ("default", "")


@pytest.mark.parametrize("choice", ["paper", "smoke"])
def test_a_method_without_a_named_file_keeps_its_tuned_configuration(write_tuned, choice):
    write_tuned("rate = 0.5")
    assert (resolve(choice).source, resolve(choice).variant) == ("tuned", "")


def test_defaults_in_place_of_a_tuned_configuration_are_a_row_of_their_own(write_tuned):
    write_tuned("rate = 0.5")
    assert (resolve("default").values["rate"], resolve("default").variant) == (0.1, "default")


def test_a_width_that_is_not_the_suites_is_refused(write_tuned):
    write_tuned("width = 512")
    with pytest.raises(BenchmarkError, match="says width = 512, the suite 64"):
        resolve()


def test_a_named_file_needs_no_tuned_on_and_names_the_row(configs_dir):
    (configs_dir / "toy").mkdir()
    (configs_dir / "toy" / "paper.toml").write_text("[config]\nrate = 0.7\n", encoding="utf-8")
    resolved = resolve("paper")
    assert (resolved.values["rate"], resolved.variant) == (0.7, "paper")


def test_changes_are_applied_last(write_tuned):
    write_tuned()
    assert resolve(changes={"rate": 0.9}).values["rate"] == 0.9


def test_the_width_of_a_fixed_method_is_its_own(monkeypatch):
    fixed = {**vars(Toy.card), "width": "fixed"}
    monkeypatch.setattr(Toy, "card", MethodCard(**fixed))
    assert resolve().values["width"] == 16


def test_a_file_tuned_on_classes_that_are_unseen_here_is_refused(write_tuned):
    path = write_tuned()
    with pytest.raises(BenchmarkError, match=r"tuned on zoo split 'fold0'.* 1 classes .*'fold1': bee\. Tune"):
        resolve(str(path), OVERLAPPING)


def test_a_file_copied_to_another_splits_place_is_refused(write_tuned):
    write_tuned(at=OVERLAPPING)
    with pytest.raises(BenchmarkError, match="unseen in 'fold1': bee"):
        resolve(split=OVERLAPPING)


def test_an_unseen_class_is_found_under_another_spelling_and_data_set(write_tuned):
    path = write_tuned(dataset='"aquarium"', seen_classes='["Sea-Lion", "dog"]')
    with pytest.raises(BenchmarkError, match="unseen in 'fold0': sea_lion"):
        resolve(str(path))


def test_a_file_tuned_on_other_classes_of_another_data_set_is_accepted(write_tuned):
    path = write_tuned(dataset='"aquarium"', split_sha256='"0"', seen_classes='["whale"]')
    assert resolve(str(path)).values["rate"] == 0.5


def test_a_file_tuned_before_the_split_changed_is_refused(write_tuned):
    write_tuned(split_sha256='"0123456789abcdef"')
    with pytest.raises(BenchmarkError, match=r"another version of split 'fold0' \(sha256 0123456789ab…, now"):
        resolve()


@pytest.mark.parametrize("field", ["dataset", "split", "split_sha256", "seen_classes"])
def test_a_file_that_does_not_say_what_was_looked_at_is_refused(write_tuned, field):
    write_tuned(**{field: None})
    with pytest.raises(BenchmarkError, match=rf"\[tuned_on\] lacks {field}, .* Tune it again"):
        resolve()


def test_an_unknown_parameter_is_refused_with_the_known_ones(write_tuned):
    write_tuned("rat = 0.5")
    with pytest.raises(
        BenchmarkError, match=r"'toy' has no parameter 'rat'\. It has: width = 16, rate = 0\.1"
    ):
        resolve()


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ('rate = "0.5"', "str"),
        ("rate = true", "bool"),
        ("shared = 1", "int"),
        ("kind = 1", "int"),
    ],
)
def test_a_value_of_another_type_is_refused(write_tuned, line, seen):
    path = write_tuned(line)
    with pytest.raises(BenchmarkError, match=rf"is a {seen}, but its default"):
        resolve_config(Toy, str(path), SPLIT, width=64, changes=configs.read_config(path, SPLIT)[0])


def test_a_whole_number_stands_for_a_float(write_tuned):
    write_tuned("rate = 1")
    rate = resolve().values["rate"]
    assert isinstance(rate, float)
    assert rate == 1.0


def test_a_path_that_does_not_exist_is_refused_with_the_choices():
    with pytest.raises(
        BenchmarkError, match=r"no configuration 'tunde'\. Give tuned, default, paper, smoke, or"
    ):
        resolve("tunde")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[config\n", "is not valid TOML"),
        (b'[config]\nkind = "\xff"\n', "is not valid TOML"),
        (b"rate = 0.5\n", r"unknown: rate. The parameters of one method go under \[config\]"),
        (b"config = 3\n", r"no table \[config\]"),
        (b"[config]\n[extra]\n", r"unknown: extra.* `tune` adds \[tuned_on\], \[search\], \[made_with\]"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(BenchmarkError, match=message):
        resolve(str(path))


def test_the_code_that_a_configuration_was_searched_for_with_is_known(write_tuned):
    path = write_tuned()
    assert resolve().tuned_for is None
    path.write_text(path.read_text() + '[made_with]\nmethod_source_sha256 = "abc"\n')
    assert resolve().tuned_for == "abc"
    assert resolve("default").tuned_for is None


@pytest.mark.parametrize(
    ("values", "is_refused"),
    [
        ({"rates": 0.5}, True),
        ({"rate": "0.5"}, True),
        ({"rate": True}, True),
        ({"shared": 1}, True),
        ({"kind": 1}, True),
        ({"width": 2.0}, True),
        ({"rate": 1}, False),
        ({"rate": 0.5, "kind": "other"}, False),
    ],
)
def test_values_are_refused_before_torch_is_loaded_in_the_words_of_afterwards(values, is_refused):
    defaults = {field.name: field.default for field in fields(Toy.Config)}
    said = []
    for check in (lambda: make_config(Toy, values), lambda: check_values("toy", defaults, values, "here")):
        try:
            check()
        except BenchmarkError as error:
            said.append(str(error).removeprefix("here: "))
    assert len(said) == (2 if is_refused else 0)
    assert len(set(said)) == is_refused


@pytest.mark.parametrize(
    ("text", "fault"), [("[config]\n[tuned_on]", "lacks"), ("made_with = 'x'\n[config]", "no table")]
)
def test_a_table_that_is_none_or_lacks_facts_is_refused(text, fault, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(BenchmarkError, match=fault):
        configs.read_file(path)
