"""What every metric id means: formula, source and who uses it.

Neither numpy nor torch is imported here, so that listing the metrics costs nothing.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

Relevance = Literal["class", "instance"]

TIE_RULES: dict[str, str] = {
    "expected": "the mean over all orders of the items of equal score",
    "grouped": "items of equal score pass a threshold together, as in scikit-learn",
    "stable": "items of equal score stay in one seeded order of the gallery",
    "optimistic": "the best order of the items of equal score",
    "pessimistic": "the worst order of the items of equal score",
}


@dataclass(frozen=True)
class Family:
    """One metric with its cut-off left open: `p@k` stands for `p@1`, `p@2` and so on.

    Formulas speak of one query: N ranked items, R of them positive at ranks r_1 < ... < r_R, h_k positives
    among the first k. relevance: what makes an item a positive, the query's class or its instance. is_drawn:
    the mean over the orders of a tie has no closed form and is taken over seeded orders.
    """

    pattern: str
    title: str
    formula: str
    source: str
    used_by: str
    relevance: Relevance = "class"
    is_curve: bool = False
    is_drawn: bool = False
    range: tuple[float, float] = (0.0, 1.0)

    @property
    def has_cut(self) -> bool:
        """True where the id needs a number of ranks to look at."""
        return "@k" in self.pattern

    def id_for(self, k: int | str) -> str:
        """The id of this family at one cut-off.

        >>> FAMILIES["p@k/capped"].id_for(10)
        'p@10/capped'
        """
        return self.pattern.replace("@k", f"@{k}")


@dataclass(frozen=True)
class Metric:
    """A complete id: a family, and its cut-off (None where the family has none)."""

    id: str
    family: Family
    k: int | None

    @property
    def ranks_needed(self) -> int | None:
        """How many ranks the id looks at; None for all that there are, or as many as there are positives."""
        return None if self.k is None else self.k + (self.family.pattern == "p@k/item")


_MANNING = "Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), chapter 8"
_TREC = "trec_eval (NIST)"
_VOC = "Everingham et al., The PASCAL Visual Object Classes Challenge (IJCV 2010)"

FAMILIES: dict[str, Family] = {
    family.pattern: family
    for family in (
        Family(
            "map@all",
            "Mean average precision over the whole ranking",
            "(1/R) sum_i i/r_i",
            _MANNING,
            "SEM-PCYC, PCMSN, doodle2search, ZSIH, IIAE, UCDR",
        ),
        Family(
            "map@all/voc",
            "Mean average precision over the whole ranking, precision interpolated",
            "(1/R) sum_i max_{j>=i} j/r_j",
            f"{_VOC}; code published with SAKE",
            "SAKE, DSN, TCN, MATHM, ZSE-SBIR, ACNet",
            is_drawn=True,
        ),
        Family(
            "map@k/r",
            "Average precision of the first k, divided by all positives",
            "(1/R) sum_{r_i<=k} i/r_i",
            f"{_TREC}, map_cut",
            "trec_eval",
        ),
        Family(
            "map@k/k",
            "Average precision of the first k, divided by k",
            "(1/k) sum_{r_i<=k} i/r_i",
            "code published with CVAE (Yelamarthi et al., ECCV 2018)",
            "CVAE, IIAE, BDT",
        ),
        Family(
            "map@k/min_k_r",
            "Average precision of the first k, divided by the positives that fit in",
            "(1/min(k,R)) sum_{r_i<=k} i/r_i",
            "the bound that lets a perfect ranking reach 1 at every k",
            "-",
        ),
        Family(
            "map@k/hits",
            "Average precision of the first k, divided by the positives found there",
            "(1/h_k) sum_{r_i<=k} i/r_i, 0 where h_k = 0",
            "scikit-learn's average_precision_score on the first k, in code published with SEM-PCYC",
            "SEM-PCYC, UCDR, TCN, ICFRR, ClipPrompt, torchmetrics",
        ),
        Family(
            "map@k/voc",
            "Average precision of the first k, precision interpolated, divided by the positives that fit in",
            "(1/min(k,R)) sum_{r_i<=k} max_{j>=i, r_j<=k} j/r_j",
            f"{_VOC}; code published with SAKE",
            "SAKE, DSN, MATHM, ZSE-SBIR, ACNet",
            is_drawn=True,
        ),
        Family(
            "p@k",
            "Precision of the first k",
            "h_k / k",
            _MANNING,
            "most papers, SEM-PCYC and SAKE among them",
        ),
        Family(
            "p@k/capped",
            "Precision of the first min(k, R)",
            "h_m / m with m = min(k,R)",
            "code published with ZSE-SBIR (Lin et al., CVPR 2023)",
            "ZSE-SBIR, MA-ZS-SBIR",
        ),
        Family(
            "p@k/min_k_r",
            "Positives among the first k, as a share of those that fit in",
            "h_k / min(k,R)",
            "code published with doodle2search (Dey et al., CVPR 2019)",
            "doodle2search",
        ),
        Family(
            "p@k/item",
            "The item at rank k + 1 is a positive",
            "1 if some r_i = k + 1, else 0 (needs N > k)",
            "code published with TCN (0-based index k of the ranking)",
            "TCN",
        ),
        Family("recall@k/r", "Share of all positives among the first k", "h_k / R", _MANNING, "retrieval"),
        Family(
            "r_precision", "Precision of the first R", "h_R / R", f"{_MANNING}; {_TREC}, Rprec", "retrieval"
        ),
        Family(
            "map@r",
            "Average precision of the first R",
            "(1/R) sum_{r_i<=R} i/r_i",
            "Musgrave, Belongie and Lim, A Metric Learning Reality Check (ECCV 2020)",
            "metric learning",
        ),
        Family(
            "ndcg@k",
            "Normalised discounted cumulative gain of the first k",
            "sum_{r_i<=k} 1/log2(1+r_i) / sum_{i<=min(k,R)} 1/log2(1+i)",
            "Järvelin and Kekäläinen, Cumulated Gain-Based Evaluation of IR Techniques (TOIS 2002)",
            "retrieval",
        ),
        Family(
            "hit@k",
            "A positive is among the first k",
            "1 if h_k > 0, else 0",
            "Jégou, Douze and Schmid, Product Quantization for Nearest Neighbor Search (TPAMI 2011)",
            "metric learning, where it is called recall@k",
        ),
        Family(
            "mrr",
            "Mean reciprocal rank of the first positive",
            "1/r_1",
            "Voorhees, The TREC-8 Question Answering Track Report (1999)",
            "question answering",
        ),
        Family(
            "acc@k",
            "An item with the query's instance is among the first k",
            "1 if an item of the same instance is among the first k, else 0",
            "Yu et al., Sketch Me That Shoe (CVPR 2016)",
            "fine-grained SBIR",
            relevance="instance",
        ),
        Family(
            "pr_curve",
            "Precision at the recalls 0, 0.1 ... 1",
            "max_{i >= ceil(tR)} i/r_i, i >= 1, t = 0, 0.1 ... 1",
            f"{_MANNING} (11-point interpolated precision)",
            "ZSCMR",
            is_curve=True,
        ),
    )
}

DEFAULT: tuple[str, ...] = (
    "map@all", "p@10", "p@100", "p@200", "recall@100/r", "hit@1", "mrr", "acc@1", "acc@5",
)  # fmt: skip

# What else a name that is no complete id has been used for.
_OTHER_READINGS = {"recall@k": ("hit@k",), "recall": ("hit@k",)}


def parse(text: str) -> Metric:
    """The family and the cut-off that a complete id names.

    Raises ValueError for an ambiguous id (with its complete variants), for an unknown one (with close
    names and all known ones) and for a cut-off that is no whole number from 1.

    >>> metric = parse("p@10")
    >>> metric.family.pattern, metric.k
    ('p@k', 10)
    """
    match = re.search(r"@(-?\d+|k)(?=/|$)", text)
    pattern = text[: match.start()] + "@k" + text[match.end() :] if match else text
    number = match.group(1) if match else "k"
    family = FAMILIES.get(pattern)
    if family is None:
        raise ValueError(_refusal(text, pattern, number))
    if not family.has_cut:
        return Metric(text, family, None)
    if not re.fullmatch(r"[1-9]\d*", number):
        raise ValueError(f"{text!r}: k must be a whole number from 1, for example {family.id_for(10)!r}.")
    return Metric(text, family, int(number))


def _refusal(text: str, pattern: str, number: str) -> str:
    begins_with = (f"{pattern}/", f"{pattern}@")
    readings = [family for name, family in FAMILIES.items() if name.startswith(begins_with)]
    readings += [FAMILIES[name] for name in _OTHER_READINGS.get(pattern, ())]
    if readings:
        variants = "; ".join(f"{f.id_for(number)} = {f.formula}" for f in readings)
        return f"Metric {text!r} is ambiguous. Name one of its complete variants: {variants}."
    close = [
        FAMILIES[name].id_for(number)
        for name in difflib.get_close_matches(pattern.lower(), FAMILIES, n=3, cutoff=0.5)
    ]
    hint = f" Close names: {', '.join(close)}." if close else ""
    return f"No metric named {text!r}.{hint} Known: {', '.join(FAMILIES)}."
