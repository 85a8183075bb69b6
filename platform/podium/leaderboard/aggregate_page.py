"""The page of several boards together: aggregate.md, its picture of performance profiles, and all figures as JSON."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from podium.leaderboard.aggregate import RESAMPLES, TRIM, Aggregate, Interval
from podium.leaderboard.plots import LINE, inline_svg, themed
from podium.leaderboard.render import template
from podium.leaderboard.study_plot import alone
from podium.leaderboard.text import rounded, spoken
from podium.leaderboard.unit import PERCENT, Unit, unit_of
from podium.records.files import write_atomically
from podium.records.record import canonical_json

PAGE_FILE, PICTURE_FILE, DATA_FILE = "aggregate.md", "profiles.svg", "aggregate.json"
COLOURS = ("#9a5b00", "#31688e", "#35a36b", "#a0337d", "#66625b", "#c23b22", "#6a5acd", "#0f766e")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)))


def write(found: Aggregate, out: Path) -> None:
    """Write the page, its picture and its figures into a folder.

    Raises:
        ValueError: the folder holds something else.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / PAGE_FILE).is_file())):
        raise ValueError(
            f"out must be the folder of such a page, an empty one or none, got {out}; name another"
        )
    out.mkdir(parents=True, exist_ok=True)
    for name, content in render(found).items():
        write_atomically(out / name, content)


def render(found: Aggregate) -> dict[str, bytes]:
    """Every file of the page, by name."""
    values = {
        "found": found,
        "unit": unit_of(found.metric),
        "interval": interval,
        "share": PERCENT,
        "spoken": spoken(found.metric),
        "resamples": RESAMPLES,
        "middle": f"{100 * (1 - 2 * TRIM):g}",
        "picture": PICTURE_FILE,
        "data": DATA_FILE,
    }
    figures = {
        "boards": list(found.boards),
        "metric": found.metric,
        "interquartile_means": {key: _plain(one) for key, one in found.means.items()},
        "probabilities_of_improvement": [
            {"first": one.first, "second": one.second, **_plain(one.probability)}
            for one in found.improvements
        ],
        "left_out": found.left_out,
    }
    return {
        PAGE_FILE: template("aggregate.md.j2", autoescape=False).render(values).encode(),
        PICTURE_FILE: alone(profiles_plot(found)).encode(),
        DATA_FILE: (canonical_json(figures, indent=1) + "\n").encode(),
    }


def profiles_plot(found: Aggregate) -> str:
    """The share of runs at least as good as each threshold, a line for each entry in its band."""
    with themed("profiles"):
        figure = Figure(figsize=(8.4, 4.2))
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.07, 0.13, 0.6, 0.83))
        axes.grid(color=LINE, linewidth=0.5, alpha=0.6)
        axes.set_axisbelow(True)
        unit = unit_of(found.metric)
        shown = unit.scale * found.thresholds
        for place, (key, one) in enumerate(found.profiles.items()):
            colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
            axes.fill_between(
                shown, 100 * one.low, 100 * one.high, color=colour, alpha=0.15, linewidth=0, step="post"
            )
            axes.plot(
                shown,
                100 * one.share,
                color=colour,
                linewidth=1.8,
                linestyle=dash,
                label=key,
                drawstyle="steps-post",
            )
        better = "at most" if found.direction == "min" else "at least"
        axes.set_xlabel(f"{spoken(found.metric)} of {better}{unit.title}")
        axes.set_ylabel("share of runs, %")
        axes.set_ylim(-2, 102)
        axes.set_yticks(np.arange(0, 101, 25))
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
        return inline_svg(figure, "profiles")


def interval(one: Interval, unit: Unit) -> str:
    """An estimate with its interval."""
    return f"{unit.text(one.value)} ({unit.text(one.low)} to {unit.text(one.high)})"


def _plain(one: Interval) -> dict[str, float]:
    return {name: rounded(value) for name, value in asdict(one).items()}
