"""Made-up runs on disk, so that tables and plots can be tested without running anything."""

import itertools

import numpy as np
import pytest

from benchmark.records import Counts, PerQuery, Protocol, Rankings, Record, Score, digest, write_run
from benchmark.reporting.comparison import compare

N_GALLERY = 12
PROTOCOL = {
    "dataset": "toy",
    "protocol": "standard",
    "file_list_sha256": "f" * 64,
    "setting": "zs",
    "direction": "sketch2photo",
    "relevance": "category",
    "exclusions": "none",
    "preprocessing": "stretch: RGB on white, stretched to a square, bicubic",
    "feature_norm": "centred",
    "pairs": "class",
    "width": 64,
    "codes": "real",
    "ties": "expected",
    "metric_engine": "1",
}
CARD = {
    "fidelity": "baseline",
    "side_information": [],
    "width": "free",
    "feature_norm": "suite",
    "input": "features",
}
COUNTS = {
    "n_gallery": N_GALLERY,
    "n_seen_classes": 5,
    "n_train_classes": 5,
    "n_train_sketches": 50,
    "n_train_photos": 50,
    "n_without_positives": 0,
    "n_near_ties": 0,
    "tie_frac": {},
}


def _score(values, labels, chance):
    by_class = [np.nanmean(values[labels == label]) for label in np.unique(labels)]
    return Score(
        value=float(np.nanmean(values)),
        ci_low=0.0,
        ci_high=1.0,
        class_balanced=float(np.mean(by_class)),
        chance=chance,
        n_queries_used=int(np.isfinite(values).sum()),
    )


def _measured(scores, labels, chance, counts):
    n_classes = len(np.unique(labels))
    return {
        "phases_s": {"fit": 2.0},
        "pr_curve": np.linspace(0.9, 0.1, 11).tolist(),
        "chance_pr_curve": [0.1] * 11,
        "embedding_width": 64,
        "distance": "euclidean",
        "scores": {
            metric: _score(np.asarray(values, float), labels, chance) for metric, values in scores.items()
        },
        "counts": Counts(**{"n_queries": len(labels), "n_unseen_classes": n_classes, **COUNTS, **counts}),
    }


@pytest.fixture
def make_run(tmp_path):
    """Write a run and return it: see `_writer`."""
    return _writer(tmp_path)


def _writer(runs_dir):
    """Return a function that writes a run and returns it.

    scores: metric -> (Q,) values of the queries. labels: (Q,) classes. protocol, card, counts: changed
    fields. ranked: (items, positives) of every query. Everything else replaces fields of the record. Later
    calls start later.
    """
    clock = itertools.count()

    def write(
        method="centred",
        split="fold0",
        seed=0,
        *,
        scores=None,
        labels=(0, 0, 1, 1),
        chance=0.1,
        status="complete",
        protocol=None,
        card=None,
        counts=None,
        ranked=None,
        top=None,
        names=None,
        photo_names=None,
        **changes,
    ):
        block = Protocol(**{**PROTOCOL, "split": split, "split_sha256": digest(split), **(protocol or {})})
        labels = np.asarray(labels)
        scores = {"map@all": np.full(len(labels), 0.5)} if scores is None else scores
        count = next(clock)
        identity = digest([block.fingerprint, method, seed, count])
        is_measured = status in ("complete", "partial")
        fields = {
            "run_id": f"seed{seed}-{identity[:8]}",
            "identity": identity,
            "status": status,
            "started": f"2026-01-01T00:{count // 60:02d}:{count % 60:02d}+00:00",
            "method": method,
            "seed": seed,
            "backbone": "tiny_net",
            "supervised_on": "nothing",
            "backbone_preprocessing": "none",
            "weights_sha256": "b" * 64,
            "source_sha256": "a" * 64,
            "config": {},
            "config_source": "default",
            "protocol": block,
            "fingerprint": block.fingerprint,
            "split_family": "fold" if split.startswith("fold") else "",
            "environment": {},
            "card": {"title": method.upper(), **CARD, **(card or {})},
            **(_measured(scores, labels, chance, counts or {}) if is_measured else {}),
        }
        record = Record(**{**fields, **changes})
        if not is_measured:
            return write_run(runs_dir, record)
        per_query = PerQuery(
            metric_ids=np.array(list(scores)),
            values=np.array(list(scores.values()), dtype=np.float32),
            labels=labels,
            names=np.array(names or [f"{split}/{i}.png" for i in range(len(labels))]),
            n_ranked=None if ranked is None else np.full(len(labels), ranked[0]),
            n_relevant=None if ranked is None else np.full(len(labels), ranked[1]),
        )
        shuffled = np.stack([np.random.default_rng(i).permutation(N_GALLERY) for i in range(len(labels))])
        top = np.asarray(shuffled if top is None else top, dtype=np.int32)
        rankings = Rankings(
            top=top,
            tied=np.zeros(top.shape, dtype=bool),
            names=np.array(photo_names or [f"{split}/{i}.png" for i in range(N_GALLERY)]),
            labels=np.arange(N_GALLERY) // 4,
        )
        return write_run(runs_dir, record, per_query=per_query, rankings=rankings)

    return write


METRICS = ("map@all", "p@10", "p@100", "recall@100/r", "hit@1", "mrr", "acc@1")
# Title, level, seeds.
METHODS = {
    "frozen": ("Frozen features", 0.30, 1),
    "centred": ("Centred features", 0.38, 1),
    "linear_map": ("Linear map", 0.36, 1),
    "sem_pcyc": ("SEM-PCYC: semantically tied paired cycle consistency", 0.42, 1),
    "zscmr": ("ZSCMR", 0.45, 3),
    "sake": ("SAKE", 0.44, 3),
    "cca": ("Canonical correlation analysis", 0.33, 1),
    "doodle_to_search": ("Doodle to Search", 0.40, 1),
}
BASELINES = ("frozen", "centred", "linear_map", "cca")


@pytest.fixture(scope="session")
def comparison(tmp_path_factory):
    """Eight methods in four folds: two with three seeds, one failed in a fold; one skipped, one partial."""
    return compare(_realistic_runs(_writer(tmp_path_factory.mktemp("runs")), n_each=4))


def _realistic_runs(make_run, *, n_classes=13, n_each):
    runs, labels = [], np.repeat(np.arange(n_classes), n_each)
    for fold, (method, (title, level, n_seeds)) in itertools.product(range(4), METHODS.items()):
        shared = np.random.default_rng(fold)
        base = level + shared.normal(0, 0.1, n_classes)[labels] + shared.normal(0, 0.15, len(labels))
        is_baseline = method in BASELINES
        for seed in range(n_seeds):
            own = np.random.default_rng([fold, seed, len(method)]).normal(0, 0.08, len(labels))
            ap = np.clip(base + own, 0.01, 1)
            has_failed = method == "cca" and fold == 2
            measured = {
                "phases_s": {"fit": level * 40},
                "embedding_width": 1280 if method in ("frozen", "centred") else 64,
                "pr_curve": (level * np.linspace(2, 0.5, 11) ** 1.3).clip(0, 1).tolist(),
                "chance_pr_curve": np.linspace(0.2, 0.08, 11).tolist(),
            }
            runs.append(
                make_run(
                    method,
                    f"fold{fold}",
                    seed,
                    scores={m: np.clip(ap * (1 + 0.1 * i), 0, 1) for i, m in enumerate(METRICS)},
                    labels=labels,
                    chance=0.088,
                    protocol={"dataset": "emoji54"},
                    card={
                        "title": title,
                        "fidelity": "baseline" if is_baseline else "reimplementation",
                        "side_information": [] if is_baseline else ["class vectors"],
                        "width": "fixed" if is_baseline else "free",
                        "venue": "CVPRW" if method == "zscmr" else None,
                        "year": 2020 if method == "zscmr" else None,
                    },
                    config_source="default" if is_baseline else "tuned",
                    counts={"n_gallery": 340 + fold, "n_seen_classes": 41, "n_train_classes": 41},
                    status="failed" if has_failed else "complete",
                    **({"reason": "LinAlgError: matrix is singular"} if has_failed else measured),
                )
            )
    for fold in range(4):
        runs.append(
            make_run(
                "zse_sbir",
                f"fold{fold}",
                protocol={"dataset": "emoji54"},
                status="skipped",
                reason="needs the library timm: pip install timm",
                card={"title": "ZSE-SBIR", "fidelity": "port"},
            )
        )
    return [*runs, make_run(protocol={"dataset": "emoji54"}, status="partial")]
