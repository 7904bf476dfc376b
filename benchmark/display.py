"""What a person sees while a suite runs: live bars on a terminal, one line a step elsewhere. On stderr."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmark.plan import PlannedRun
from benchmark.records import StoredRun
from methods.base import FitProgress

_PLAIN_EVERY_S = 10.0


class Clock:
    """Says how long runs take: as long as the last run of the same method and variant took in this suite.

    guess: seconds of one whose like has not run yet.
    """

    def __init__(self, guess: Callable[[PlannedRun], float]) -> None:
        self._guess = guess
        self._seconds: dict[tuple[str, str], float] = {}

    def learn(self, run: PlannedRun, seconds: float) -> None:
        """Remember a run's time."""
        self._seconds[run.method.card.id, run.variant] = seconds

    def expected_s(self, run: PlannedRun) -> float:
        """Return the seconds of a run that is to come."""
        known = self._seconds.get((run.method.card.id, run.variant))
        return self._guess(run) if known is None else known


class SuiteDisplay:
    """Shows stages (rendering, features) and runs with the time left of the whole suite."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_live = console.is_terminal
        self._said: set[str] = set()

    def message(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def message_once(self, text: str) -> None:
        """Print one line unless it was printed before: grids of one suite say the same of their data."""
        if text not in self._said:
            self._said.add(text)
            self.message(text)

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Callable[[int, int], None]]:
        """Show long work before the runs; yields a callback (done, total). Silent when there is none."""
        bars = _bars(self._console) if self._is_live else None
        task = None
        start = shown = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal task, shown
            now = time.monotonic()
            left = f"{duration((now - start) / done * (total - done))} left" if done else ""
            if bars is not None:
                if task is None:
                    bars.start()
                    task = bars.add_task(title, total=total, status="")
                bars.update(task, completed=done, total=total, status=f"{done}/{total}  {left}")
            elif now - shown > _PLAIN_EVERY_S:
                shown = now
                self.message(f"{title}: {done}/{total}{', ' if left else ''}{left}")

        try:
            yield progress
        finally:
            if task is not None and bars is not None:
                bars.stop()

    @contextlib.contextmanager
    def runs(self, planned: Sequence[PlannedRun], clock: Clock) -> Iterator[_Runs]:
        """Show the runs that are to be executed."""
        shown = _Runs(self, planned, clock, _bars(self._console) if self._is_live else None)
        with shown.live or contextlib.nullcontext():
            yield shown


class _Runs:
    """The runs of one suite; a bar for all of them and one for the current.

    One remaining time is shown: on a terminal by the bar, which counts down, elsewhere on the line of a run.
    """

    def __init__(
        self, display: SuiteDisplay, planned: Sequence[PlannedRun], clock: Clock, bars: _PolledBars | None
    ) -> None:
        self.live = bars
        self._display, self._clock, self._n_planned = display, clock, len(planned)
        self._waiting = {run.identity: run for run in planned}
        self._current, self._progress, self._started = "", FitProgress(), time.monotonic()
        if bars is not None:
            self._suite = bars.add_task("suite", total=float(len(planned)), status="")
            self._run = bars.add_task("", total=1.0, status="")
            bars.poll = self._poll

    def start(self, run: PlannedRun) -> FitProgress:
        """Show a run as the current one; the method writes into what is returned."""
        self._current, self._progress, self._started = run.identity, FitProgress(), time.monotonic()
        if self.live is not None:
            self.live.reset(self._run, description=run.label, total=1.0, status="")
        return self._progress

    def end(self, run: PlannedRun, stored: StoredRun, *, is_ours: bool = True) -> None:
        """Show how a run ended, here or in another process. Its id stands where no line is broken."""
        seconds = time.monotonic() - self._started
        del self._waiting[run.identity]
        if is_ours:
            self._clock.learn(run, seconds)
        record = stored.record
        score = record.scores.get("map@all")
        result = f"map@all {score.value:.3f}" if score else f"{record.status}: {record.reason}"
        left = f", {duration(self._left_s(0.0))} left" if self._waiting and self.live is None else ""
        took = f"{seconds:.1f} s{left}" if is_ours else f"another process{left}"
        self._display.message(
            f"[{self._n_done}/{self._n_planned}] {run.run_id}  {run.label}: {result}  ({took})"
        )

    @property
    def _n_done(self) -> int:
        return self._n_planned - len(self._waiting)

    def _fraction(self) -> float:
        progress = self._progress
        return min(progress.done / progress.total, 1.0) if progress.total else 0.0

    def _left_s(self, spent_s: float) -> float:
        """Of the current run what is left of its time, of the others all of theirs."""
        expected = {identity: self._clock.expected_s(run) for identity, run in self._waiting.items()}
        current = expected.pop(self._current, 0.0)
        return max(0.0, current - spent_s) + sum(expected.values())

    def _poll(self) -> None:
        if self.live is None or not self._waiting:
            return
        now, progress, fraction = time.monotonic(), self._progress, self._fraction()
        left = duration(self._left_s(now - self._started))
        status = f"{self._n_done}/{self._n_planned} runs  {left} left"
        self.live.update(self._suite, completed=self._n_done + fraction, status=status)
        steps = f"{progress.unit} {progress.done}/{progress.total}" if progress.total else ""
        self.live.update(self._run, completed=fraction, status=f"{steps} {progress.note}")


class _PolledBars(Progress):
    """Bars that ask for the newest state each time they are drawn: the work itself calls nothing."""

    poll: Callable[[], None] | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.poll is not None:
            self.poll()
        yield from super().get_renderables()


def duration(seconds: float) -> str:
    """Write seconds as `42 s`, `3 min 05 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _bars(console: Console) -> _PolledBars:
    return _PolledBars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[status]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        refresh_per_second=4,
    )
