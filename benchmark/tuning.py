"""Choose a method's hyper-parameters on the validation classes of a split, which are seen classes."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmark.configs import resolve_config, tuned_path
from benchmark.display import SuiteDisplay
from benchmark.embed import fit_and_embed
from benchmark.errors import BenchmarkError, NotRunnable
from benchmark.grade import evaluate
from benchmark.prepare import PreparedData, Where
from benchmark.registry import METHODS
from benchmark.suite import Suite
from benchmark.tuned_files import Attempt, Search, write_search
from datasets.splits import ZeroShotSplit
from methods.base import FitProgress, RetrievalMethod, SearchRange

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

METRIC = "map@all"
SEEDS = (0, 1, 2)
N_TRIALS = 30
N_FINALISTS = 3

Report = Callable[[Attempt], None]


def tune_method(
    method_id: str,
    suite: Suite,
    where: Where,
    display: SuiteDisplay,
    *,
    n_trials: int = N_TRIALS,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Search for a method on each split of a suite; return the configurations written.

    A split whose configuration exists is left out unless `overwrite`. Each split is written as soon as it is
    searched. Raises BenchmarkError without Optuna, for a method with nothing to search, and when every trial
    of a split fails.
    """
    _require_optuna()
    method: type[RetrievalMethod] = METHODS.get(method_id)
    if not method.search_space:
        raise BenchmarkError(f"method '{method_id}' has no `search_space`: there is nothing to tune.")
    data = PreparedData(suite, where)
    with display.stage("preparing pictures") as progress:
        data.read(progress)
    waiting = []
    for split in data.splits():
        path = tuned_path(method_id, data.dataset.id, split.id)
        if path.is_file() and not overwrite:
            display.message(f"{split.id}: {_shown(path)} exists and is kept. Give --overwrite to replace it.")
        else:
            waiting.append((split, path))
    if waiting and method.card.input == "features":
        for split, _ in waiting:
            data.prepare_features(
                split, phase="tune", is_finetuned=data.suite.finetune == "seen", stage=display.stage
            )
    n_of_split = n_trials + N_FINALISTS * (len(_seeds(method)) - 1)
    with display.stage(f"tuning {method_id}") as progress:

        def report(attempt: Attempt) -> None:
            if attempt.score is None:
                display.message(f"trial {attempt.trial}, seed {attempt.seed} failed: {attempt.reason}")
            progress(next(counted), len(waiting) * n_of_split)

        for i, (split, path) in enumerate(waiting):
            # Fewer than three finalists leave fits out: each split starts where the full count would be.
            counted = itertools.count(i * n_of_split + 1)
            found = search(method, data, split, n_trials=n_trials, report=report)
            write_search(path, found, data)
            display.message(f"{split.id}: {found.summary}. Written to {_shown(path)}")
    return tuple(path for _, path in waiting)


def search(
    method: type[RetrievalMethod],
    data: PreparedData,
    split: ZeroShotSplit,
    *,
    n_trials: int,
    report: Report = lambda attempt: None,
) -> Search:
    """Search on one split: trials on one seed, the defaults first; the best again on the other seeds.

    A trial that raises or scores NaN counts as failed and the others go on. The winner has the largest mean
    over the seeds. Raises BenchmarkError when nothing is left to choose from.
    """
    import optuna
    from optuna.trial import TrialState

    if len(split.validation) < 2:
        raise BenchmarkError(
            f"split '{split.id}' has one validation class, '{split.validation[0]}', so every photo would "
            "match. Name at least two seen classes in `validation`."
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    start = time.perf_counter()
    attempts: list[Attempt] = []

    def run(trial: int, params: dict[str, Any], seed: int) -> Attempt:
        attempt = _attempt(method, data, split, trial=trial, params=params, seed=seed)
        attempts.append(attempt)
        report(attempt)
        return attempt

    defaults = resolve_config(method, "default", split, width=data.suite.width).values
    distributions = {name: _distribution(method, name, defaults) for name in method.search_space}
    first_seed, *other_seeds = _seeds(method)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=first_seed))
    study.enqueue_trial({name: defaults[name] for name in distributions})
    for _ in range(n_trials):
        trial = study.ask(distributions)
        attempt = run(trial.number, trial.params, first_seed)
        state = TrialState.FAIL if attempt.score is None else TrialState.COMPLETE
        study.tell(trial, attempt.score, state=state)

    finalists = []
    for best in _best(attempts):
        scores = [best.score, *(run(best.trial, best.params, seed).score for seed in other_seeds)]
        complete = tuple(score for score in scores if score is not None)
        if len(complete) == len(scores):
            finalists.append((best, complete))
    if not finalists:
        last = [attempt for attempt in attempts if attempt.score is None][-1]
        raise BenchmarkError(
            f"nothing to choose from for method '{method.card.id}' on split '{split.id}': all {n_trials} "
            f"trials failed, or the best on another seed. The last failure: {last.reason}"
        )
    winner, winner_scores = max(finalists, key=lambda finalist: fmean(finalist[1]))
    return Search(
        method=method,
        split=split,
        metric=METRIC,
        n_trials=n_trials,
        seeds=_seeds(method),
        attempts=tuple(attempts),
        winner=winner,
        winner_scores=winner_scores,
        seconds=time.perf_counter() - start,
    )


def _attempt(
    method: type[RetrievalMethod],
    data: PreparedData,
    split: ZeroShotSplit,
    *,
    trial: int,
    params: dict[str, Any],
    seed: int,
) -> Attempt:
    start = time.perf_counter()
    score, reason, device = None, "", data.where.device
    try:
        config = resolve_config(method, "default", split, width=data.suite.width, changes=params).config
        task = data.task(split, method.card, phase="tune")
        embedded = fit_and_embed(method, config, task, seed=seed, device=device, progress=FitProgress())
        score = evaluate(embedded, data.index, device=device, terms=task.terms).summary[METRIC]
        if not math.isfinite(score):
            raise FloatingPointError(f"{METRIC} is {score}")
    except NotRunnable as error:
        raise BenchmarkError(f"method '{method.card.id}' cannot be tuned here: {error}") from error
    except Exception as error:
        score, reason = None, f"{type(error).__name__}: {error}"
    return Attempt(trial, seed, params, score, reason, time.perf_counter() - start)


def _best(attempts: list[Attempt]) -> list[Attempt]:
    """Return the best attempts of different parameters, the earlier one first where scores are equal."""
    by_params: dict[tuple[tuple[str, Any], ...], Attempt] = {}
    complete = [attempt for attempt in attempts if attempt.score is not None]
    for attempt in sorted(complete, key=lambda attempt: attempt.score or 0.0, reverse=True):
        by_params.setdefault(tuple(attempt.params.items()), attempt)
    return list(by_params.values())[:N_FINALISTS]


def _distribution(method: type[RetrievalMethod], name: str, defaults: dict[str, Any]) -> BaseDistribution:
    """Return the range of one hyper-parameter, which holds its default: the first trial is the defaults."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    allowed = method.search_space[name]
    where = f"search_space of method '{method.card.id}': '{name}'"
    if not isinstance(allowed, SearchRange):
        raise BenchmarkError(
            f"{where} is {allowed!r}. Write SearchRange(low=1, high=10) or SearchRange(choices=(1, 2))."
        )
    if name not in defaults:
        raise BenchmarkError(f"{where} is no parameter of its Config. It has: {', '.join(defaults)}.")
    default = defaults[name]
    is_inside = default in allowed.choices if allowed.choices else allowed.low <= default <= allowed.high
    if not is_inside:
        values = allowed.choices or f"{allowed.low} to {allowed.high}"
        raise BenchmarkError(f"{where} has the default {default!r}, which is not among {values}.")
    if allowed.choices:
        return CategoricalDistribution(allowed.choices)
    if isinstance(default, int):
        return IntDistribution(int(allowed.low), int(allowed.high), log=allowed.log)
    return FloatDistribution(allowed.low, allowed.high, log=allowed.log)


def _seeds(method: type[RetrievalMethod]) -> tuple[int, ...]:
    return SEEDS if method.card.is_random else SEEDS[:1]


def _shown(path: Path) -> str:
    """Return `methods/configs/...`, or the whole path outside a checkout."""
    return "/".join(path.parts[-5:])


def _require_optuna() -> None:
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise BenchmarkError(
            '`tune` searches with Optuna, which is not installed: pip install -e ".[tune]"'
        ) from error
