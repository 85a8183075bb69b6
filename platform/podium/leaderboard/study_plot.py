"""The picture of a study: a dot for each seed of each variant, their mean and its interval, and the claim's bounds."""

import math

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from podium.leaderboard.forest import Line, forest
from podium.leaderboard.plots import ACCENT, INK, LINE, MUTED, SOFT, VARIABLES, inline_svg, themed
from podium.leaderboard.study_comparisons import Bound
from podium.leaderboard.study_results import Results
from podium.leaderboard.study_verdict import Verdict
from podium.leaderboard.study_words import axis, decimals, said, scale, unit

WIDTH, LINE_HEIGHT, FOOT = 8.4, 0.4, 0.52  # inches
LETTER = 0.072  # inches that a letter of a label takes
ALONE = dict(zip(VARIABLES.values(), ("#1c1b19", "#66625b", "#dedad2", "#9a5b00", "#7d93a6"), strict=True))


def seeds_plot(results: Results) -> str:
    """Every value as a dot, variants from top to bottom, as inline SVG."""
    study, factor = results.study, scale(results.study)
    left = 0.25 + LETTER * max(len(one.name) for one in results.variants)
    height = LINE_HEIGHT * len(results.variants) + FOOT
    name = f"{study.name}-seeds"
    with themed(name):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        axes = figure.add_axes(
            (left / WIDTH, FOOT / height, 1 - (left + 0.2) / WIDTH, 1 - (FOOT + 0.06) / height)
        )
        axes.grid(axis="x", color=LINE, linewidth=0.5, alpha=0.6)
        axes.set_axisbelow(True)
        for place, one in enumerate(results.variants):
            values = [factor * value for value in one.values.values()]
            axes.plot(values, [place + 0.17] * len(values), "o", color=SOFT, markersize=4, alpha=0.8)
            if not math.isnan(one.low):
                axes.plot(
                    [factor * one.low, factor * one.high], [place - 0.12] * 2, color=ACCENT, linewidth=2
                )
            if values:
                axes.plot([factor * one.mean], [place - 0.12], "o", color=ACCENT, markersize=6)
            axes.text(
                -0.015,
                place,
                one.name,
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                color=INK,
            )
        for bound in sorted({one.value for one in study.comparisons if isinstance(one, Bound)}):
            axes.axvline(factor * bound, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_ylim(len(results.variants) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.06)
        axes.set_xlabel(axis(study))
        return inline_svg(figure, name)


def effects_plot(results: Results) -> str:
    """Every comparison's effect with its interval, right of zero where it is as claimed, as inline SVG."""
    study, factor = results.study, scale(results.study)
    lines = [
        Line(
            label=said(study, one.comparison),
            mean=factor * one.effect.mean,
            low=factor * one.effect.low,
            high=factor * one.effect.high,
            claimed=one.verdict is not Verdict.UNDECIDED,
        )
        for one in results.outcomes
    ]
    return forest(
        {"": lines},
        name=f"{study.name}-effects",
        axis=f"effect in {unit(study)}; right of zero: as claimed",
        digits=decimals(study),
    )


def alone(svg: str) -> str:
    """An inline picture as a file of its own: its colours on white, whatever page shows it."""
    for variable, colour in ALONE.items():
        svg = svg.replace(f"var({variable})", colour)
    svg = svg.replace("var(--font)", "sans-serif")
    return svg.replace("<svg ", '<svg style="background:#ffffff" ', 1)
