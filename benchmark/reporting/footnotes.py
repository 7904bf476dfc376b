"""What stands below a table: what was measured, how, and which rows are not on equal terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, cast

from benchmark.codes.itq import N_ITERATIONS
from benchmark.records import Protocol, lacking_text
from benchmark.registry import DATASETS
from benchmark.reporting.comparison import Comparison, Fold
from benchmark.reporting.exposure import exposure
from benchmark.reporting.first_stage import first_stage_text
from benchmark.reporting.published import published_note
from benchmark.reporting.rows import Row
from benchmark.reporting.unequal_rows import unequal_rows
from datasets.class_vectors import CLASS_VECTORS
from datasets.contamination import total_sentence
from datasets.given import ID as GIVEN
from datasets.settings import PLURALS, QUERIES, SETTINGS
from metrics.definitions import parse

if TYPE_CHECKING:
    from datasets.settings import Queries, Setting

N_CLASSES_ENOUGH = 40

_TIE_RULES = {
    "expected": "items of equal score count with the mean over all their orders",
    "stable": "items of equal score stay in one seeded order of the gallery",
}
_ITQ_ITEMS = {  # kind of codes -> whose means are removed, and what directions are fitted on
    "itq": ("seen", "equally many seen sketches and photos"),
    "itq/queries": ("test", "the test queries (transductive)"),
    "itq/gallery": ("test", "the test gallery (transductive)"),
}
_STRICTNESS = {  # label set of a backbone -> what that means; ILSVRC-1k is counted class by class instead
    "imagenet1k": "",
    "nothing": "has random weights: a trial, no result",
    "no labels": "was trained without labels on pictures that may show unseen classes",
    "unknown": "was trained on unknown data: not strictly zero-shot",
}
_SYMBOLS = (
    "One query ranks N items, R of them positive at ranks r_1 < ... < r_R, h_k of them among the first k; "
    "values are means over queries."
)


@dataclass(frozen=True)
class Note:
    """One footnote: what it is about in a word or two, and the text."""

    label: str
    text: str


def footnotes(comparison: Comparison, metric_ids: Sequence[str]) -> tuple[Note, ...]:
    """The footnotes of a table of these metrics: what is out of date, what was measured, exceptions."""
    gallery = PLURALS[comparison.protocol.modalities[1]]
    written = (
        ("Out of date", "; ".join(_out_of_date(comparison))),
        ("Data", _data(comparison)),
        ("Setting", _setting(comparison.protocol)),
        ("Sizes", "; ".join(_sizes(comparison.folds, gallery))),
        ("Pictures", _pictures(comparison)),
        ("First stage", first_stage_text(comparison.first_stage)),
        ("Pretraining", " ".join(_exposure(comparison))),
        ("Codes", _codes(comparison.protocol.codes)),
        ("Metrics", "; ".join(_definitions(metric_ids)) + ". " + _SYMBOLS),
        ("Ties", _TIE_RULES.get(comparison.protocol.ties, comparison.protocol.ties) + "."),
        ("Chance", _chance(comparison)),
        ("Intervals", _intervals(comparison)),
        ("Differences", _differences(comparison)),
        ("Published", published_note(comparison)),
        ("Missing", "; ".join(_missing(comparison))),
        ("Left out", "; ".join(_left_out(comparison))),
        ("Unequal", "; ".join(unequal_rows(comparison))),
        ("Side information", _grouped(comparison.rows, _side_information)),
        ("Configuration", _grouped(comparison.rows, lambda row: row.configurations)),
    )
    return tuple(Note(label, text) for label, text in written if text)


def cost_notes(comparison: Comparison) -> tuple[Note, ...]:
    """What stands below a table of costs."""
    shown = ("Data", "Sizes", "Pictures", "Codes", "Intervals", "Unequal", "Configuration")
    measured = (
        "fit: mean seconds of one fit on features that are there; parameters: numbers kept to embed an item, "
        "means and other constants included; bytes/photo: of one embedding, 4 a number, or one bit; peak "
        "memory: largest resident size of the process during a run, libraries and features included (on "
        "systems other than Linux, since the process began)."
    )
    if comparison.protocol.codes.startswith("itq"):
        measured += " What ITQ fits, a projection and a rotation, is in neither fit nor parameters."
    notes = footnotes(comparison, (comparison.main_metric,))
    return (Note("Cost", measured), *(note for note in notes if note.label in shown))


def _out_of_date(comparison: Comparison) -> Iterator[str]:
    for row in comparison.rows:
        if row.changed_files:
            files = ", ".join(row.changed_files)
            yield f"the numbers of {row.name} are of other contents of {files}, which it reads: run it again"


def _data(comparison: Comparison) -> str:
    protocol, splits = comparison.protocol, comparison.splits
    mean = f"mean over {len(splits)} splits of equal weight" if len(splits) > 1 else "one split"
    text = (
        f"{protocol.dataset}, protocol {protocol.protocol}, setting {protocol.setting}, "
        f"{protocol.direction}, relevance {protocol.relevance}, exclusions {protocol.exclusions}; "
        f"{mean} ({', '.join(splits)})."
    )
    lacking = {noun: numbers for fold in comparison.folds for noun, numbers in fold.lacking.items()}
    if lacking:
        text += f" The copy that was measured has {lacking_text(lacking)}."
    # A data set of a plugin may be unknown here; its records are not.
    caution = DATASETS.get(protocol.dataset).card.caution if protocol.dataset in DATASETS.ids() else ""
    return f"{text} {caution}" if caution else text


def _setting(protocol: Protocol) -> str:
    """What was tested, where that is not all unseen sketches against all unseen photos."""
    parts = []
    facts = SETTINGS.get(cast("Setting", protocol.setting))
    if facts is not None and protocol.setting != "zs":
        parts.append(f"{protocol.setting}: {facts.meaning}")
        parts.append("scores and intervals are of unseen queries; a positive is an item of the query's class")
        if facts.tests_training_items:
            parts.append("the gallery contains training items")
    if protocol.queries != "all":
        parts.append(f"queries {protocol.queries}: {QUERIES[cast('Queries', protocol.queries)]}")
    if protocol.relevance == "instance":
        parts.append("a positive is an item of the query's instance; queries without one are left out")
    return "; ".join(parts) + "." if parts else ""


def _sizes(folds: Sequence[Fold], gallery: str) -> Iterator[str]:
    counted = [(fold.split, fold.counts) for fold in folds if fold.counts is not None]
    yield f"queries / {gallery} / unseen classes / seen classes: " + ", ".join(
        f"{split} {n.n_queries:,} / {n.n_gallery:,} / {n.n_unseen_classes} / {n.n_seen_classes}"
        for split, n in counted
    )
    for split, n in counted:
        if n.n_seen_queries:
            yield f"{n.n_seen_queries:,} queries of seen classes beside them in {split}"
    for split, n in counted:
        if n.n_without_positives:
            queries = _counted(n.n_without_positives, "query", "queries")
            yield f"{queries} of {split} without a positive left out"
    for fold in folds:
        for metric, n_used in fold.n_used.items():
            if fold.counts and n_used < fold.counts.n_queries - fold.counts.n_without_positives:
                yield f"{metric} over {n_used:,} of {fold.counts.n_queries:,} queries of {fold.split}"


def _pictures(comparison: Comparison) -> str:
    protocol = comparison.protocol
    codes = ", codes real" if protocol.codes == "real" else ""  # others have a footnote of their own
    weights = "" if comparison.weights == "published" else f" ({comparison.weights})"
    return (
        f"backbone {comparison.backbone}{weights}, features {protocol.feature_norm}, "
        f"pairs by {protocol.pairs}{codes}; {protocol.preprocessing}."
    )


def _exposure(comparison: Comparison) -> Iterator[str]:
    """How far the backbone knows the unseen classes, where that was counted."""
    protocol, backbone = comparison.protocol, comparison.backbone
    others = f"was trained on {comparison.supervised_on} data: not strictly zero-shot"
    if text := _STRICTNESS.get(comparison.supervised_on, others):
        who = "the network behind the features" if backbone == GIVEN else backbone
        yield f"{who} {text}."
    for fold in comparison.folds:
        found = exposure(fold.protocol, comparison.supervised_on)
        if found is None:
            continue
        is_photo_gallery = protocol.setting == "zs" and protocol.modalities[1] == "photo"
        gallery = next(
            (one for one in found.galleries if one.gallery == protocol.protocol and is_photo_gallery), None
        )
        counted = f" As published, {total_sentence(fold.split, gallery)}." if gallery else ""
        n_exposed = sum(one.is_exposed for one in found.classes)
        yield (
            f"{backbone} was trained on ILSVRC-1k: {found.n_labels} of {len(found.classes)} unseen classes "
            f"of {fold.split} bear the name of one of its labels, {n_exposed} are exposed (by a label, by a "
            f"WordNet synset above, at or below one of its own, or by a photo with its id).{counted}"
        )
    if any(row.by_exposure for row in comparison.rows):
        yield "Exposed classes differ from the others in more than that: the gap is not what ImageNet gave."


def _codes(term: str) -> str:
    """What codes named as in a record are; empty for real embeddings."""
    kind, *details = term.split(", ")
    if kind == "real":
        return ""
    if kind == "sign":
        return "the sign of each coordinate, compared by Hamming distance."
    removed, fitted = _ITQ_ITEMS[kind]
    return (
        f"{kind}: iterative quantisation (Gong and Lazebnik, CVPR 2011) to {details[0]}, compared by Hamming "
        f"distance: each modality's mean over {removed} items removed, then PCA and a rotation fitted on "
        f"{fitted}, {N_ITERATIONS} iterations; rows that differ by centring alone become equal."
    )


def _definitions(metric_ids: Sequence[str]) -> Iterator[str]:
    families = {parse(metric).family.pattern: parse(metric).family for metric in metric_ids}
    for pattern, family in families.items():
        yield f"{pattern} = {family.title[0].lower()}{family.title[1:]}, {family.formula}"


def _intervals(comparison: Comparison) -> str:
    text = (
        "in brackets, 95 %: classes resampled, each with all its queries, studentised and widened by t; "
        "values averaged over seeds first. Every interval is conditional on split, gallery and backbone."
    )
    n_classes = [fold.counts.n_unseen_classes for fold in comparison.folds if fold.counts]
    if min(n_classes) < N_CLASSES_ENOUGH:
        text += (
            f" In simulations it covers 93 to 97 %, but with fewer than {N_CLASSES_ENOUGH} classes only "
            f"91 to 93 % where single classes stand far above the others; here a split has {min(n_classes)}."
        )
    if len(n_classes) > 1:
        text += " Splits share training classes, which no interval shows."
    for one, other in combinations(comparison.folds, 2):
        if n_shared := len(one.query_names & other.query_names):
            text += (
                f" {one.split} and {other.split} share {n_shared:,} queries: they are not independent, and "
                "the interval of their mean is too narrow."
            )
    return text


def _differences(comparison: Comparison) -> str:
    if any(row.name == comparison.reference for row in comparison.rows):
        return f"{comparison.main_metric} minus that of '{comparison.reference}', query by query."
    return f"none, because no run of '{comparison.reference}' is among these."


def _missing(comparison: Comparison) -> Iterator[str]:
    for row in comparison.rows:
        splits_of: dict[str, list[str]] = defaultdict(list)
        for split, reason in row.absent.items():
            splits_of[" ".join(reason.split())].append(split)
        for reason, splits in splits_of.items():
            yield f"{row.name} on {_splits(splits, comparison)}, {reason}"
        if row.folds and row.absent:
            yield f"{row.name} therefore has no mean"


def _left_out(comparison: Comparison) -> Iterator[str]:
    if comparison.n_partial:
        yield f"{_counted(comparison.n_partial, 'partial run', 'partial runs')} (--limit)"
    n_skipped = max(fold.n_skipped_files for fold in comparison.folds)
    if n_skipped:
        yield _counted(n_skipped, "unreadable picture", "unreadable pictures") + " (--skip-corrupt)"
    for fold in comparison.folds:
        if fold.counts and fold.counts.n_copies_left_out:
            items = _counted(fold.counts.n_copies_left_out, "training item", "training items")
            yield f"{items} of {fold.split} with the same picture as an item of an unseen class"
    if comparison.n_superseded:
        yield _counted(comparison.n_superseded, "run", "runs") + " superseded by a newer one"
    for metric, reason in comparison.dropped_metrics.items():
        yield f"{metric} where it cannot be computed: {reason}"


def _chance(comparison: Comparison) -> str:
    """What the row of chance is, and which rows lie above it."""
    main = comparison.main_metric
    text = "computed, not run: the expectation under a random order; of curves, R/N."
    limits = {row.name: row.mean[main].above_chance for row in comparison.rows if main in row.mean}
    known = {name: limit for name, limit in limits.items() if limit is not None}
    if not known:
        return text
    below = [name for name, limit in known.items() if limit <= 0]
    rows = "every row" if len(known) == len(comparison.rows) else "every row that has a value"
    if below:
        rows += f" but {', '.join(below)}"
    if len(below) == len(known):
        rows = "no row"
    return f"{text} Above chance on {main}, by a one-sided 95 % interval of the difference: {rows}."


def _side_information(row: Row) -> Iterator[str]:
    """What the card lists; of class vectors, which ones."""
    kinds = sorted(set(row.class_vectors.values()))
    for item in row.card.get("side_information", ()):
        yield f"{item} {' and '.join(kinds)}" if item == CLASS_VECTORS and kinds else item


def _grouped(rows: Iterable[Row], kinds: Callable[[Row], Iterable[str]]) -> str:
    names_of: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for kind in kinds(row):
            names_of[kind].append(row.name)
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in sorted(names_of.items()))


def _splits(splits: Sequence[str], comparison: Comparison) -> str:
    return "every split" if len(splits) == len(comparison.folds) > 1 else ", ".join(splits)


def _counted(n: int, noun: str, plural: str) -> str:
    return f"{n:,} {noun if n == 1 else plural}"
