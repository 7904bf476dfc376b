"""What may not be concluded, as far as records, cards and committed class facts say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from benchmark.dataset_ids import kind_of
from benchmark.reporting.exposure import exposure
from benchmark.reporting.findings.evidence import METRIC, Study
from benchmark.reporting.findings.words import code, counted, listed, number
from benchmark.reporting.footnotes import N_CLASSES_ENOUGH
from benchmark.reporting.rows import Row
from benchmark.tuning import N_TRIALS
from datasets.published.dataset import PublishedDataset


def limits(studies: Sequence[Study]) -> str:
    """A list of what the numbers of this page do not carry."""
    lines = [
        *(line for study in studies for line in _data(study)),
        *_published(studies),
        *_backbone(studies),
        *_methods(studies),
        *_widths(studies),
        *_intervals(studies),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _data(study: Study) -> Iterator[str]:
    kind = kind_of(study.dataset)
    caution = kind.card.caution if kind else ""
    folds = study.main.comparison.folds
    sizes = [fold.counts for fold in folds if fold.counts]
    queries, photos = (sum(getattr(own, name) for own in sizes) for name in ("n_queries", "n_gallery"))
    text = (
        f"**{study.dataset}** tests {counted(study.n_classes, 'class', 'classes')} in "
        f"{counted(len(folds), 'split')}, {queries:,} sketches against {photos:,} photos."
    )
    yield f"{text} {caution}".rstrip()


def _published(studies: Sequence[Study]) -> Iterator[str]:
    kinds = [kind_of(study.dataset) for study in studies]
    if not any(kind is not None and issubclass(kind, PublishedDataset) for kind in kinds):
        yield (
            "**None of this is measured on a data set that papers report.** A method that loses here may win "
            "on those of its paper: nothing on this page contradicts a published number."
        )


def _backbone(studies: Sequence[Study]) -> Iterator[str]:
    for key in dict.fromkeys((s.main.comparison.backbone, s.main.comparison.supervised_on) for s in studies):
        backbone, labels = key
        own = [s for s in studies if (s.main.comparison.backbone, s.main.comparison.supervised_on) == key]
        tuned = any(study.main.comparison.first_stage for study in own)
        kind = "features fine-tuned on seen classes" if tuned else "frozen features"
        seen = " ".join(_exposed(study) for study in own)
        yield (
            f"**The backbone**, {code(backbone)}, {kind}, trained on {labels}: what a method gains "
            f"by training its own backbone is not in these rows{_on_pictures(own)}. A "
            f"class that the method has not seen may be one that the backbone has. {seen}"
        )


def _on_pictures(studies: Sequence[Study]) -> str:
    names = [name for name, row in _rows(studies).items() if row.card.get("input") == "images"]
    return f"; {listed(map(code, names))} alone read{'s' * (len(names) == 1)} pictures" if names else ""


def _exposed(study: Study) -> str:
    comparison = study.main.comparison
    found = [exposure(fold.protocol, comparison.supervised_on) for fold in comparison.folds]
    known = [own for own in found if own is not None]
    if len(known) < len(found):
        return f"Which classes of {study.dataset} it has seen was not counted."
    classes = {one.class_name: one.is_exposed for own in known for one in own.classes}
    text = (
        f"Of {study.dataset}'s {counted(len(classes), 'unseen class', 'unseen classes')} it may know "
        f"{sum(classes.values())}"
    )
    sides = study.main.reference.by_exposure.get(METRIC)
    if sides is None:
        return f"{text}."
    exposed, others = map(number, sides)
    return f"{text} ({code(study.main.reference.name)}: {exposed} on these, {others} on the others)."


def _methods(studies: Sequence[Study]) -> Iterator[str]:
    rows = _rows(studies)
    kinds = Counter(str(row.card.get("fidelity")) for row in rows.values())
    again = {
        name: len(row.card.get("deviations") or ())
        for name, row in rows.items()
        if row.card.get("fidelity") == "reimplementation"
    }
    text = f"**The methods are not the papers' systems.** By their cards: {_kinds(kinds)}."
    if again:
        most = [name for name, n in again.items() if n == max(again.values())]
        text += (
            f" A reimplementation lists {median(again.values()):g} deviations from its paper in the median, "
            f"{listed(map(code, most))} the most, {again[most[0]]}. A row speaks for an idea on features, "
            "not for its paper."
        )
    yield text
    tuned = [sum(row.is_tuned for row in study.main.comparison.rows) for study in studies]
    if any(tuned):
        counts = listed(
            f"{n} of {len(study.main.comparison.rows)} methods on {study.dataset}"
            for n, study in zip(tuned, studies, strict=True)
        )
        yield (
            f"**Short tuning.** Tuned were {counts}, on validation classes among the seen ones; the protocol "
            f"gives a search {N_TRIALS} trials. Longer searches, more data and other ranges can change "
            "places that lie close."
        )


def _widths(studies: Sequence[Study]) -> Iterator[str]:
    comparison = studies[0].main.comparison
    reference, suite = studies[0].main.reference, comparison.protocol.width
    wide = reference.embedding_width or 0
    if wide > suite:
        alike = [
            code(row.name)
            for row in comparison.rows
            if (row.embedding_width or 0) == wide and row.name != reference.name
        ]
        also = f", as {'does' if len(alike) == 1 else 'do'} {listed(alike)}" if alike else ""
        yield (
            f"**One protocol is not one size.** {code(reference.name)} embeds in {wide:,} numbers, as many "
            f"as a feature has{also}; methods whose width is free have {suite}. Part of their loss may be "
            f"width. What they are given is what {code(reference.name)} ranks by: centred features."
        )


def _intervals(studies: Sequence[Study]) -> Iterator[str]:
    conditions = [_condition(study) for study in studies]
    few = [study.dataset for study in studies if study.n_classes < N_CLASSES_ENOUGH]
    small = (
        f" With as few classes as {listed(few)} has, they can be too narrow where single classes stand out."
    )
    yield (
        "**No interval covers everything.** They speak of other unseen classes like these. But "
        f"{listed(conditions)}: other training classes could order the methods otherwise. Gallery, backbone "
        "and tuning are taken as given. Intervals are not adjusted for the number of comparisons; the "
        f"p-values are.{small if few else ''}"
    )


def _condition(study: Study) -> str:
    n_splits = len(study.main.comparison.folds)
    shared = f"the {n_splits} splits of {study.dataset} share training classes"
    return shared if n_splits > 1 else f"{study.dataset} has one split"


def _rows(studies: Sequence[Study]) -> dict[str, Row]:
    return {row.name: row for study in reversed(studies) for row in study.main.comparison.rows}


def _kinds(kinds: Counter[str]) -> str:
    given = [
        f"{counted(n, kind)}{' of our own' if kind == 'baseline' else ''}" for kind, n in kinds.most_common()
    ]
    absent = [] if kinds["port"] or kinds["wrapper"] else ["none of the authors' own code"]
    return listed([*given, *absent])
