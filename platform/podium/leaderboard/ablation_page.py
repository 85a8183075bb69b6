"""An ablation's files: index.html, ablation.md, ablation.csv, board.json and its pictures, from its table alone."""

import csv
import io
import math
import re
import shlex
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from podium.leaderboard.ablation import Kind, short
from podium.leaderboard.ablation_effects import Answer, ablation_of, answer, smallest, verdict
from podium.leaderboard.ablation_map import Cell, interaction_map
from podium.leaderboard.columns import NOTHING, load_column
from podium.leaderboard.forest import Line, forest, signed
from podium.leaderboard.paired import Effect
from podium.leaderboard.render import template
from podium.leaderboard.rows import SUMMARY_FILE
from podium.leaderboard.statistics import BOOTSTRAP_FROM, MIN_SEEDS, mean_interval
from podium.leaderboard.summary import builders, summary
from podium.leaderboard.table import Row, Table
from podium.leaderboard.text import csv_cell, rounded, spoken
from podium.leaderboard.unit import is_share, unit_of
from podium.records.record import canonical_json

HEADINGS = {
    Kind.LEFT_OUT: "in company: all against all but this one",
    Kind.ALONE: "alone: this one against none",
    Kind.COMPANY: "in company beyond alone",
}
COLOURS = re.compile(r":root \{.*?\}\n(?:@media \(prefers-color-scheme: dark\) \{.*?\n\}\n)", re.DOTALL)


class Shown:
    """How the numbers of one ablation are written: in percentage points, or as they are."""

    def __init__(self, table: Table) -> None:
        board = ablation_of(table)
        self.factors = board.factors
        unit = unit_of(board.metric)
        self.scale, self.digits = unit.scale, unit.decimals
        metric = spoken(board.metric)
        self.metric = metric if metric.startswith("mAP") else metric[:1].lower() + metric[1:]
        points = f"{unit.points} of " if unit.points else ""
        change = "taken away" if board.direction == "min" else "added"
        self.unit = "points" if points else self.metric
        self.axis = f"{points}{board.metric.partition('/')[0]} {self.metric} {change}"

    def name(self, found: Answer) -> str:
        """What the question is about."""
        return " + ".join(short(factor, self.factors) for factor in found.question.factors)

    def number(self, value: float | None, *, sign: bool = True) -> str:
        """A value of the metric, or a difference of two."""
        if value is None or math.isnan(value):
            return NOTHING
        return signed(self.scale * value, self.digits) if sign else f"{self.scale * value:.{self.digits}f}"

    def effect(self, found: Effect) -> str:
        """A mean with its interval."""
        if math.isnan(found.mean):
            return NOTHING
        if math.isnan(found.low):
            return f"{self.number(found.mean)} (no interval)"
        return f"{self.number(found.mean)} ({self.number(found.low)} to {self.number(found.high)})"

    def mean(self, row: Row, metric: str) -> str:
        """The mean of a variation and its interval over seeds."""
        values = [(record.metrics or {})[metric] for record in row.finished]
        if not values:
            return NOTHING
        mean = self.number(math.fsum(values) / len(values), sign=False)
        low, high = mean_interval(values)
        if math.isnan(low):
            return f"{mean} (no interval)"
        if is_share(metric):
            low, high = max(low, 0.0), min(high, 1.0)
        return f"{mean} ({self.number(low, sign=False)} to {self.number(high, sign=False)})"

    def cost(self, found: Answer) -> str:
        """The training time that a trick adds."""
        if found.cost_s is None or found.share is None:
            return NOTHING
        packed = " packed" if found.packed else ""
        return f"{signed(found.cost_s, 1)} s{packed} ({signed(100 * found.share, 0)}%)"

    def line(self, found: Answer) -> Line:
        """A line of the forest plot."""
        mean, low, high = (
            self.scale * value for value in (found.effect.mean, found.effect.low, found.effect.high)
        )
        return Line(self.name(found), mean, low, high, claimed=found.claim != 0)


def render(table: Table) -> dict[str, bytes]:
    """Every file of the ablation except its records and checksums, by name.

    Raises:
        ValueError: a column or metric that does not exist.
    """
    answers = answer(table)
    pictures = _pictures(table, answers)
    values = _values(table, answers, pictures)
    return {
        "index.html": template("ablation.html.j2", autoescape=True).render(values).encode(),
        "ablation.md": template("ablation.md.j2", autoescape=False).render(values).encode(),
        "ablation.csv": _csv(table, answers),
        SUMMARY_FILE: (canonical_json(_summary(table, answers), indent=1) + "\n").encode(),
        **{f"{name}.svg": _alone(picture).encode() for name, picture in pictures.items()},
    }


def train_command(table: Table, key: str, seed: int) -> str:
    """The command that trains one seed of a variation."""
    board = ablation_of(table)
    off = [f"~{factor}" for factor in board.off(key)]
    return shlex.join(["podium", "train", *board.overrides, *off, f"seed={seed}"])


def ablate_command(table: Table) -> str:
    """The command that makes the ablation again."""
    board = ablation_of(table)
    modes = [f"--{mode.replace('_', '-')}" for mode in board.modes]
    return shlex.join(
        [
            "podium",
            "ablate",
            *board.overrides,
            *modes,
            "--seeds",
            str(len(board.seeds)),
            "--metric",
            board.metric,
        ]
    )


def watching(table: Table) -> list[str]:
    """The tricks that look at the validation split themselves, where the ablation does too: it flatters them."""
    board = ablation_of(table)
    if not board.metric.startswith("validation/"):
        return []
    found: dict[str, None] = {}
    for row in table.rows:
        for run in row.runs:
            config = run.record.config if run.record else {}
            for factor in board.factors:
                group, _, name = factor.partition(".")
                block = config.get(group, {}).get(name, {})
                if any(str(value).startswith("validation/") for value in block.values()):
                    found[short(factor, board.factors)] = None
    return list(found)


def _pictures(table: Table, answers: Sequence[Answer]) -> dict[str, str]:
    """The forest of worths, and the map of interactions where pairs were asked for."""
    shown = Shown(table)
    kinds = [kind for kind in HEADINGS if any(found.question.kind is kind for found in answers)]
    groups = {
        HEADINGS[kind]: [shown.line(found) for found in answers if found.question.kind is kind]
        for kind in kinds
    }
    pictures = {"worth": forest(groups, name="worth", axis=shown.axis, digits=shown.digits)}
    singles = [found for found in answers if found.question.kind is Kind.ALONE]
    pairs = [found for found in answers if found.question.kind is Kind.PAIR]
    if len(singles) > 1 and pairs:
        place = {factor: k for k, factor in enumerate(shown.factors)}
        cells = {
            (place[found.question.factors[-1]], place[found.question.factors[0]]): Cell(
                None if math.isnan(found.effect.mean) else shown.scale * found.effect.mean, found.claim != 0
            )
            for found in [*singles, *pairs]
        }
        names = [short(factor, shown.factors) for factor in shown.factors]
        pictures["together"] = interaction_map(names, cells, name="together", digits=shown.digits)
    return pictures


def _alone(picture: str) -> str:
    """A picture of the page as a file of its own, with the page's colours."""
    colours = COLOURS.search(template("board.css", autoescape=False).render())
    assert colours is not None
    style = f"<style>{colours[0]}svg {{ background: var(--card); }}</style>"
    return re.sub(r"(<svg [^>]*>)", lambda found: found[1] + style, picture, count=1)


def _values(table: Table, answers: Sequence[Answer], pictures: dict[str, str]) -> dict[str, Any]:
    board, shown = ablation_of(table), Shown(table)
    runs = [record.metrics or {} for row in table.rows for record in row.finished]
    metrics = dict.fromkeys([board.metric, f"{board.metric.partition('/')[0]}/loss"])
    style = (template(name, autoescape=False).render() for name in ("board.css", "ablation.css"))
    return {
        "table": table,
        "board": board,
        "report": f"reports/ablate-{board.name}",
        "shown": shown,
        "Kind": Kind,
        "answers": answers,
        "verdict": lambda found: verdict(found, answers),
        "pictures": {name: Markup(picture) for name, picture in pictures.items()},
        "columns": {name: load_column(name) for name in board.columns},
        "smallest": smallest(table, answers, interactions=False),
        "smallest_interaction": smallest(table, answers, interactions=True),
        "watching": watching(table),
        "split": board.metric.partition("/")[0],
        "train_command": train_command,
        "ablate_command": ablate_command(table),
        "style": Markup("".join(style)),
        "seed_metrics": [metric for metric in metrics if all(metric in run for run in runs)],
        "spoken": spoken,
        "unit_of": unit_of,
        "builders": builders(),
        "min_seeds": MIN_SEEDS,
        "bootstrap_from": BOOTSTRAP_FROM,
        "planned": len(table.rows) * len(board.seeds),
        "finished": len(runs),
    }


def _summary(table: Table, answers: Sequence[Answer]) -> dict[str, Any]:
    """What a board's file says, with answers in place of ranks: rows of an ablation are not ranked."""
    whole = {key: value for key, value in summary(table).items() if key not in ("comparisons", "detectable")}
    whole["rows"] = [{key: value for key, value in row.items() if key != "rank"} for row in whole["rows"]]
    return {**whole, "answers": [_plain(found, answers) for found in answers]}


def _plain(found: Answer, answers: Sequence[Answer]) -> dict[str, Any]:
    numbers = {
        "worth": found.effect.mean,
        "low": found.effect.low,
        "high": found.effect.high,
        "p_corrected": found.effect.p,
        "train_s_added": found.cost_s,
        "train_share_added": found.share,
    }
    return {
        "kind": str(found.question.kind),
        "factors": list(found.question.factors),
        "weights": dict(found.question.weights),
        "seeds": found.effect.seeds,
        "verdict": verdict(found, answers),
        "packed": found.packed,
        **{name: None if v is None or math.isnan(v) else rounded(v) for name, v in numbers.items()},
    }


def _csv(table: Table, answers: Sequence[Answer]) -> bytes:
    """One line a question; no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    lines = [_plain(found, answers) for found in answers]
    writer.writerow(lines[0])
    for line in lines:
        flat = {**line, "factors": " ".join(line["factors"])}
        flat["weights"] = " ".join(
            f"{'+' if sign > 0 else '-'} {key}" for key, sign in line["weights"].items()
        )[2:]
        writer.writerow([csv_cell(value) for value in flat.values()])
    return buffer.getvalue().encode()
