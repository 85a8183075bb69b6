"""Reference boards: what others published beside what boards here measured, and never mixed with it.

Published figures, their sources and which of them make a board stand in docs/catalogue/published.yaml. Measured ones come
from boards of the same name on the same data; parameters are counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from markupsafe import Markup

from podium.leaderboard.board import Board
from podium.leaderboard.build import record_folders
from podium.leaderboard.render import template
from podium.leaderboard.rows import read_summary
from podium.leaderboard.study_plot import alone
from podium.leaderboard.summary import definition
from podium.leaderboard.table import Row, Table, make_table
from podium.records.record import RunRecord, canonical_json
from podium.run.assemble import compose_seeds
from podium.run.catalogue import Claim, Counted, Published, count
from podium.run.catalogue_pages import printed
from podium.run.errors import ConfigError, told
from podium.run.ilsvrc import PICTURE_FILE, Years, named, picture

METRICS = {"test/top1_error": "top-1 error", "test/top5_error": "top-5 error"}
PARAMETERS, DEPTHS = ("parameters", "keras_parameters"), ("weight_layers", "keras_depth")
NOT_MEASURED, NOTHING = "not measured", "–"


@dataclass(frozen=True)
class Measured:
    """A board of runs, in its folder, for figures to stand beside."""

    folder: Path
    board: Board
    table: Table

    @classmethod
    def read(cls, folder: Path) -> "Measured":
        """The board of a folder.

        Raises:
            ConfigError: it is none, or its records are damaged.
        """
        with told():
            board, entries = definition(read_summary(folder))
            runs = record_folders(folder)
            records = [RunRecord.load(run) for run in runs]
            places = {f"records/{run.name}": run for run in runs}
            return cls(folder, board, make_table(board, entries, records, folders=places))

    def row(self, network: str) -> Row | None:
        """Its first row of a network of conf/network, whatever it is called there."""
        for row in self.table.rows:
            if row.groups is None and row.finished and _is(row.finished[0], network):
                return row
        return None


@dataclass(frozen=True)
class Error:
    """A published error in per cent, in the digits that were printed; what was measured; and how far that is away."""

    published: str
    measured: str
    gap: str


@dataclass(frozen=True)
class Line:
    """One network of one source. ``verdict`` is whether all that is counted here is what was published."""

    name: str
    source: str
    link: str
    errors: tuple[Error, ...]
    parameters: str
    counted: str
    depth: str
    counted_depth: str
    row: str
    verdict: str


@dataclass(frozen=True)
class Reference:
    """A reference board, ready to be shown."""

    key: str
    title: str
    about: str
    boards: tuple[str, ...]
    lines: tuple[Line, ...]


def references(
    published: Published, measured: Sequence[Measured], counted: Sequence[Counted]
) -> list[Reference]:
    """Every reference board of published.yaml.

    Raises:
        ConfigError: a measured board is on other data, or two have one name.
    """
    by_name = {found.board.name: found for found in measured}
    if len(by_name) < len(measured):
        raise ConfigError("boards must have different names to stand beside published figures; leave one out")
    networks = {found.entry.name: found for found in counted}
    return [
        _reference(key, raw, published, by_name.get(key), networks)
        for key, raw in published.references.items()
    ]


def count_referenced(published: Published) -> list[Counted]:
    """The networks that a reference board or a year names, counted."""
    sources = {source for raw in published.references.values() for source in raw["sources"]}
    by_year = named(published)
    return [
        count(entry)
        for entry in published.entries.values()
        if entry.name in by_year or sources & {claim.source for claim in entry.claims}
    ]


def pages(found: Sequence[Reference], years: Years) -> dict[str, str]:
    """The reference boards and the challenge by year as one page, in Markdown and HTML, and its picture."""
    svg = picture(years)
    values = {
        "references": found,
        "metrics": list(METRICS.values()),
        "not_measured": NOT_MEASURED,
        "years": years,
        "picture_file": PICTURE_FILE,
    }
    drawn = {"style": Markup(template("board.css", autoescape=False).render()), "picture": Markup(svg)}
    return {
        "reference.md": template("reference.md.j2", autoescape=False).render(values),
        "reference.html": template("reference.html.j2", autoescape=True).render(**values, **drawn),
        PICTURE_FILE: alone(svg),
    }


def _reference(
    key: str,
    raw: Mapping[str, Any],
    published: Published,
    measured: Measured | None,
    counted: Mapping[str, Counted],
) -> Reference:
    data = measured.table.data if measured else None
    if measured and (data is None or data.name != raw["data"]):
        raise ConfigError(
            f"the board {key} must be on {raw['data']} to stand beside what was published, got "
            f"{data.name if data else 'no data'} in {measured.folder}; leave it out"
        )
    lines = []
    for source in raw["sources"]:
        for entry in published.entries.values():
            if claims := [claim for claim in entry.claims if claim.source == source]:
                row = measured.row(entry.name) if measured else None
                lines.append(_line(entry.name, claims, published, row, counted[entry.name]))
    for other in raw.get("others", ()):
        claims = [Claim(figure, value, other["source"]) for figure, value in other["published"].items()]
        lines.append(_line(other["name"], claims, published, None, None))
    boards = () if measured is None else (f"{measured.board.title} ({measured.table.hardware})",)
    return Reference(key, raw["title"], raw["about"], boards, tuple(lines))


def _line(
    name: str,
    claims: Sequence[Claim],
    published: Published,
    row: Row | None,
    counted: Counted | None,
) -> Line:
    source = published.sources[claims[0].source]
    said = {claim.figure: claim for claim in claims}
    parameters = next((said[figure] for figure in PARAMETERS if figure in said), None)
    depth = next((said[figure] for figure in DEPTHS if figure in said), None)
    figures = counted.figures if counted else {}
    if (
        row is not None and row.finished[0].costs
    ):  # counted on the data of the board, whose images have another shape
        figures = {**figures, "parameters": row.finished[0].costs["parameters"]}
    shown = [claim for claim in (parameters, depth) if claim is not None]
    return Line(
        name=name,
        source=source.title,
        link=source.link,
        errors=tuple(_error(metric, said, row) for metric in METRICS),
        parameters=_digits(parameters),
        counted=_counted(figures, parameters.figure if parameters else "parameters"),
        depth=_digits(depth),
        counted_depth=_counted(figures, depth.figure if depth else "weight_layers"),
        row="" if row is None else f"row {row.number}, {row.name}",
        verdict=_verdict(shown, figures),
    )


def _error(metric: str, said: Mapping[str, Claim], row: Row | None) -> Error:
    """One error of one row: a published accuracy is what is missing to 1."""
    short = metric.removeprefix("test/")
    accuracy = said.get(short.replace("error", "accuracy"))
    known = Decimal(said[short].value) if short in said else None
    if accuracy is not None:
        known = (1 - Decimal(accuracy.value)).scaleb(2)
    shown = NOTHING if known is None else f"{known:f}"
    has = row is not None and all(metric in (record.metrics or {}) for record in row.finished)
    found = row.estimate(metric) if row is not None and has else None
    if found is None:
        return Error(shown, NOTHING if known is None else NOT_MEASURED, "")
    low, mean, high = (100 * value for value in (found.low, found.mean, found.high))
    gap = "" if known is None else f"{mean - float(known):+.2f}"
    return Error(shown, f"{mean:.2f} ({low:.2f} to {high:.2f})", gap)


def _is(record: RunRecord, network: str) -> bool:
    """Whether a run's network is the one of that name, for the run's own data."""
    data = record.config["data"]
    facts = [f"data.shape={list(data['shape'])}", f"data.num_classes={data['num_classes']}"]
    (config,) = compose_seeds([f"network={network}", *facts], seeds=None)
    here, there = (
        {k: v for k, v in one["network"].items() if k != "weights"} for one in (config, record.config)
    )
    return canonical_json(here) == canonical_json(there)


def _verdict(shown: Sequence[Claim], figures: Mapping[str, float]) -> str:
    """Whether what was published is what is counted, in the digits that were printed."""
    known = [claim.agrees(figures[claim.figure]) for claim in shown if claim.figure in figures]
    return NOTHING if not known else "yes" if all(known) else "no"


def _digits(claim: Claim | None) -> str:
    return NOTHING if claim is None else printed(claim)


def _counted(figures: Mapping[str, float], figure: str) -> str:
    return f"{figures[figure]:,.0f}" if figure in figures else NOTHING
