"""How the losses of one run fell: a panel for each player's loss and for each of its terms."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.records import StoredRun
from benchmark.reporting.joining import row_name
from benchmark.reporting.plots import PALETTE
from benchmark.training_curves import read_curves

_N_COLUMNS = 3
_WIDTH, _HEIGHT = 3.1, 2.2  # of a panel, inches


def training(run: StoredRun) -> Figure:
    """Draw the training curves of a run, also of one that failed, as far as it came.

    Raises BenchmarkError where it has none.
    """
    curves = read_curves(run.folder)
    n_columns = min(_N_COLUMNS, len(curves.columns))
    n_rows = math.ceil(len(curves.columns) / n_columns)
    width = max(_WIDTH * n_columns, 5.5)
    figure = Figure(figsize=(width, _HEIGHT * n_rows + 0.6), layout="constrained")
    figure.suptitle("\n".join(textwrap.wrap(_title(run), int(width * 13))), fontsize=10, x=0.01, ha="left")
    panels = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for axes, name in zip(panels, curves.columns, strict=False):
        values = curves[name]
        axes.plot(curves.index, values, color=PALETTE[0], linewidth=1.5, marker="o", markersize=2.5)
        axes.set_xlim(0.5, len(curves) + 0.5)
        if not np.isfinite(values).any():
            axes.set_yticks([])
        axes.set_title(_panel_title(str(name), values), loc="left", fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.tick_params(labelsize=8)
        axes.grid(color="0.9", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(curves.columns) :]:
        axes.set_visible(False)
    figure.supxlabel("epoch", fontsize=9)
    return figure


def _title(run: StoredRun) -> str:
    record = run.record
    where = f"{record.protocol.dataset}, {record.protocol.split}, seed {record.seed} ({record.run_id})"
    ended = "" if record.status == "complete" else f"; {record.status}: {record.reason}"
    return f"{row_name(record)}, {where}: mean of each epoch's batches, terms as weighted in the loss{ended}"


def _panel_title(name: str, values: pd.Series[float]) -> str:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return f"{name}: not finite from epoch 1"
    ended = f", not finite from epoch {len(finite) + 1}" if len(finite) < len(values) else ""
    peak = (
        f", at most {finite.max():.3g}" if finite.max() > 1.2 * max(finite.iloc[0], finite.iloc[-1]) else ""
    )
    return f"{name}: {finite.iloc[0]:.3g} to {finite.iloc[-1]:.3g}{peak}{ended}"
