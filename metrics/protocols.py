"""What published evaluation code prints: its numbers as complete ids, with tie rule, averaging and source.

Neither numpy nor torch is imported here. Lines are those of the named commit; "stable" stands for whatever
order a sort leaves equal scores in, which no other program repeats exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Averaging = Literal["query", "class"]

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Reading:
    """One number of a protocol: a complete metric id, and how ties and the mean are taken."""

    metric: str
    ties: str  # a key of `metrics.definitions.TIE_RULES`
    averaging: Averaging  # mean over queries, or over classes of their queries' means
    source: str  # file and lines in the protocol's repository
    remark: str = ""


@dataclass(frozen=True)
class Protocol:
    """The evaluation of one published code base.

    distance: the name in `metrics.evaluate` that ranks as that code does. averaging: how the paper's numbers
    were averaged; "unknown" where the code does not fix it, and then both means are among the readings.
    """

    id: str
    title: str
    repository: str  # on GitHub
    commit: str
    distance: str
    distance_source: str
    averaging: str
    readings: tuple[Reading, ...]
    remark: str = ""


_SAKE = "src/test_cse_resnet_tuberlin_zeroshot.py"
_SAKE_AT_200 = "with top=200; the released scripts call it without, for the whole ranking"
_COMMENTED_OUT = "commented out in the code; whether the published number is this one is unknown"
_IIAE_SPLIT = "K is 100 on split 1 (100/25 classes) and 200 on split 2 (104/21)"

PROTOCOLS: dict[str, Protocol] = {
    protocol.id: protocol
    for protocol in (
        Protocol(
            "sake",
            "SAKE",
            "qliu24/SAKE",
            "aad0fe3",
            distance="cosine",
            distance_source=f"{_SAKE}: euclidean between features of unit length, the order of cosine",
            averaging=UNKNOWN,
            readings=(
                Reading("map@all/voc", "stable", "class", f"{_SAKE}:295-334"),
                Reading("map@all/voc", "stable", "query", f"{_SAKE}:295-334"),
                Reading("map@200/voc", "stable", "class", f"{_SAKE}:295-334", _SAKE_AT_200),
                Reading("map@200/voc", "stable", "query", f"{_SAKE}:295-334", _SAKE_AT_200),
                Reading("p@100", "stable", "class", f"{_SAKE}:337-344"),
                Reading("p@100", "stable", "query", f"{_SAKE}:337-344"),
            ),
            remark="The code prints one mean for each class and no total.",
        ),
        Protocol(
            "sem_pcyc",
            "SEM-PCYC",
            "AnjanDutta/sem-pcyc",
            "2e083fa",
            distance="euclidean",
            distance_source="src/test.py:286",
            averaging="query",
            readings=(
                Reading("map@all", "grouped", "query", "src/utils.py:83-100"),
                Reading(
                    "map@200/hits",
                    "stable",
                    "query",
                    "src/utils.py:91-100",
                    "scikit-learn groups the ties inside the first 200; here they too are in sorting order",
                ),
                Reading("p@100", "stable", "query", "src/utils.py:57-81"),
                Reading("p@200", "stable", "query", "src/utils.py:57-81"),
            ),
            remark="A query without positives counts 0 there; here it is left out. The binary numbers (ITQ "
            "fitted on the test sketches, hamming) are not part of this bundle.",
        ),
        Protocol(
            "zse",
            "ZSE-SBIR",
            "buptLinfy/ZSE-SBIR",
            "88f87f7",
            distance="cosine",
            distance_source="utils/valid.py:59-61: option `sa`, euclidean at unit length, "
            "the order of cosine",
            averaging="query",
            readings=(
                Reading("map@all/voc", "stable", "query", "utils/ap.py:39-113"),
                Reading("map@200/voc", "stable", "query", "utils/ap.py:39-113"),
                Reading("p@100/capped", "stable", "query", "utils/ap.py:65-74"),
                Reading("p@200/capped", "stable", "query", "utils/ap.py:65-74"),
            ),
            remark="By default (option `rn`) a trained network scores each pair: no distance between "
            "embeddings repeats that ranking.",
        ),
        Protocol(
            "doodle2search",
            "doodle2search",
            "sounakdey/doodle2search",
            "07680c4",
            distance="euclidean",
            distance_source="src/test.py:77",
            averaging="query",
            readings=(
                Reading("map@all", "grouped", "query", "src/test.py:117"),
                Reading("map@200/hits", "stable", "query", "src/test.py:103-106", _COMMENTED_OUT),
                Reading("p@200/item", "stable", "query", "src/test.py:108-109", _COMMENTED_OUT),
                Reading("p@5/min_k_r", "stable", "query", "src/utils.py:42-49", _COMMENTED_OUT),
            ),
        ),
        Protocol(
            "iiae",
            "IIAE",
            "gr8joo/IIAE",
            "abb2cb3",
            distance="cosine",
            distance_source="zs_cross_vae.py:396",
            averaging="query",
            readings=(
                Reading("map@all", "stable", "query", "zs_cross_vae.py:449"),
                Reading("map@100/k", "stable", "query", "zs_cross_vae.py:407", _IIAE_SPLIT),
                Reading("map@200/k", "stable", "query", "zs_cross_vae.py:407", _IIAE_SPLIT),
                Reading("p@100", "stable", "query", "zs_cross_vae.py:403", _IIAE_SPLIT),
                Reading("p@200", "stable", "query", "zs_cross_vae.py:403", _IIAE_SPLIT),
            ),
        ),
    )
}
