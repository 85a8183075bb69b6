"""The ImageNet challenge by year: the errors that were published, and what is counted here of their networks.

The challenge is that of Russakovsky et al., ImageNet large scale visual recognition challenge, 2015,
https://arxiv.org/abs/1409.0575. Results and their sources stand under ``years`` in docs/catalogue/published.yaml.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from podium.leaderboard.plots import ACCENT, INK, LINE, MUTED, SOFT, inline_svg, themed
from podium.run.catalogue import PUBLISHED_FILE, Counted, Published, Source
from podium.run.errors import ConfigError, nearest

NAME = "ilsvrc"
PICTURE_FILE = f"{NAME}.svg"
NOTHING = "–"
NEEDED, OPTIONAL = ("year", "system", "error", "source"), ("network", "outside_data")
OF_PERSON = ("error", "source", "about")
WIDTH, LINE_HEIGHT, HEAD, FOOT = 8.4, 0.31, 0.42, 0.52  # inches
LEFT, NUMBERS = 2.45, 1.85  # inches for years and systems, and for the numbers at the right


@dataclass(frozen=True)
class Result:
    """One entry of the challenge: its top-5 error in per cent, in the digits that were printed.

    ``layers`` and ``parameters`` are counted of ``network``, and are a dash where none here is that architecture.
    """

    year: int
    system: str
    error: str
    source: Source
    outside_data: bool
    network: str
    layers: str
    parameters: str

    @property
    def data(self) -> str:
        """What it was trained with: the images that the challenge gave, or others too."""
        return "outside" if self.outside_data else "given"


@dataclass(frozen=True)
class Person:
    """The error of a person on the same test set, in per cent, as printed."""

    error: str
    source: Source
    about: str


@dataclass(frozen=True)
class Years:
    """The challenge by year, ready to be shown."""

    title: str
    about: str
    results: tuple[Result, ...]
    person: Person


def named(published: Published) -> set[str]:
    """The networks that the results name."""
    return {raw["network"] for raw in published.years.get("results", ()) if "network" in raw}


def years(published: Published, counted: Sequence[Counted]) -> Years:
    """The results of published.yaml, with what is counted of their networks.

    Raises:
        ConfigError: a result lacks its year, system, error or source, or names a source or network that is not known.
    """
    raw, networks = published.years, {found.entry.name: found for found in counted}
    results = tuple(_result(one, published.sources, networks) for one in raw["results"])
    return Years(raw["title"], raw["about"], results, _person(raw["person"], published.sources))


def picture(found: Years) -> str:
    """A bar for each result from the first year to the last, and the person's error as a line, as inline SVG."""
    height = LINE_HEIGHT * len(found.results) + HEAD + FOOT
    with themed(NAME):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        axes = figure.add_axes(
            (LEFT / WIDTH, FOOT / height, 1 - (LEFT + NUMBERS) / WIDTH, 1 - (HEAD + FOOT) / height)
        )
        axes.grid(axis="x", color=LINE, linewidth=0.5, alpha=0.6)
        axes.set_axisbelow(True)
        shown = 0
        for place, one in enumerate(found.results):
            _bar(axes, place, one, "" if one.year == shown else str(one.year))
            shown = one.year
        person = float(found.person.error)
        axes.axvline(person, color=ACCENT, linewidth=1.4, linestyle=(0, (4, 3)))
        _heading(axes, person, f"a person, {found.person.error}", data=True)
        _heading(axes, 1.18, "error, %")
        _heading(axes, 1.42, "weight layers")
        axes.set_ylim(len(found.results) - 0.5, -0.5)
        axes.set_yticks([])
        axes.set_xlim(left=0)
        axes.set_xlabel("top-5 error, %, as published; hollow: trained with outside data too")
        return inline_svg(figure, NAME)


def _bar(axes: Axes, place: int, one: Result, year: str) -> None:
    """One result: year and system at the left, its bar, its figures at the right."""
    fill = "none" if one.outside_data else SOFT
    axes.barh(place, float(one.error), 0.62, facecolor=fill, edgecolor=SOFT, linewidth=1)
    across = axes.get_yaxis_transform()
    texts = ((-0.5, year, MUTED), (-0.03, one.system, INK), (1.18, one.error, INK), (1.42, one.layers, INK))
    for x, text, colour in texts:
        axes.text(x, place, text, transform=across, ha="right", va="center", color=colour)


def _heading(axes: Axes, x: float, text: str, *, data: bool = False) -> None:
    """Words above the bars: at a value of the axis, or ending at a share of its width."""
    transform = axes.get_xaxis_transform() if data else axes.transAxes
    alignment = "center" if data else "right"
    axes.text(x, 1.02, text, transform=transform, ha=alignment, va="bottom", color=MUTED, fontsize=8)


def _result(raw: Mapping[str, Any], sources: Mapping[str, Source], networks: Mapping[str, Counted]) -> Result:
    what = f"the result {raw}"
    _complete(raw, NEEDED, OPTIONAL, what)
    if not isinstance(raw["year"], int):
        raise _wrong("must have whole years", f"{raw['year']} in {what}; write it as 2012")
    network = raw.get("network", "")
    if network and network not in networks:
        raise _wrong(
            "must name networks that are counted", f"{network} in {what}; {nearest(network, networks)}"
        )
    figures = networks[network].figures if network else {}
    return Result(
        year=raw["year"],
        system=raw["system"],
        error=_error(raw["error"], what),
        source=_source(raw["source"], sources, what),
        outside_data=raw.get("outside_data", False),
        network=network or NOTHING,
        layers=f"{figures['weight_layers']:.0f}" if figures else NOTHING,
        parameters=f"{figures['parameters']:,.0f}" if figures else NOTHING,
    )


def _person(raw: Mapping[str, Any], sources: Mapping[str, Source]) -> Person:
    what = f"the person {raw}"
    _complete(raw, OF_PERSON, (), what)
    return Person(_error(raw["error"], what), _source(raw["source"], sources, what), raw["about"])


def _complete(raw: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str], what: str) -> None:
    """Refuse what lacks a key, or has one that nobody would read."""
    requirement = f"must have {', '.join((*needed, *(f'{key} or not' for key in optional)))}"
    for key in needed:
        if key not in raw:
            raise _wrong(requirement, f"{what} without {key}; add it")
    for key in raw:
        if key not in (*needed, *optional):
            raise _wrong(requirement, f"{what} with {key}; take it out")


def _error(raw: object, what: str) -> str:
    """A published error; as text, for a number of YAML would lose the zeros that were printed."""
    try:
        if isinstance(raw, str) and 0 <= Decimal(raw) <= 100:
            return raw
    except InvalidOperation:
        pass
    raise _wrong("must have errors from 0 to 100 in quotes", f'{raw} of {what}; write it as "16.4"')


def _source(name: str, sources: Mapping[str, Source], what: str) -> Source:
    if name not in sources:
        raise _wrong("must name known sources", f"{name} of {what}; {nearest(name, sources)}")
    return sources[name]


def _wrong(requirement: str, got: str) -> ConfigError:
    return ConfigError(f"the years of {PUBLISHED_FILE} {requirement}, got {got}")
