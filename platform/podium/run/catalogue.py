"""The catalogue: what every network of conf/network costs, beside what was published about it.

``published.yaml`` says for each network at which image size it is counted, how many parameters it must have, and what
papers and tables say; the counts are made here, at full size on the meta device. ``write`` makes the pages.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import torch
import yaml

from podium.run.assemble import compose_seeds
from podium.run.build import make
from podium.run.conf import conf_dir, groups
from podium.run.costs import keras_depth, keras_parameters, network_costs
from podium.run.errors import ConfigError
from podium.run.layers import LayerTable, Line

PUBLISHED_FILE = "published.yaml"
REMEDY = "run .venv/bin/python pipelines/catalogue.py"
# What is counted, and the figures that are only quoted: measured accuracies stand on boards.
COUNTED = {
    "parameters": "parameters",
    "keras_parameters": "parameters, Keras' count",
    "weight_layers": "weight layers",
    "keras_depth": "depth, Keras' count",
    "size_mib": "size, MiB",
    "multiply_adds": "multiply-adds",
}
QUOTED = ("top1_accuracy", "top5_accuracy", "top1_error", "top5_error")
_LINK = re.compile(r"https?://[^\s,;)]+[^\s,;).:]")


@dataclass(frozen=True)
class Source:
    """Where figures were published."""

    title: str
    link: str


@dataclass(frozen=True)
class Claim:
    """One published figure, in the digits that were printed."""

    figure: str
    value: str
    source: str

    def agrees(self, computed: float) -> bool:
        """Whether the computed figure is the published one when it is rounded to as many digits."""
        published = Decimal(self.value)
        unit = Decimal(1).scaleb(int(published.as_tuple().exponent))
        return abs(Decimal(computed) - published) <= unit / 2


@dataclass(frozen=True)
class Entry:
    """What published.yaml says about one network. Without a shape it is not counted, for the reason given.

    ``data`` is named where the network needs more facts of it than shape and classes.
    """

    name: str
    section: str
    shape: tuple[int, ...]
    classes: int
    parameters: int
    data: str = ""
    claims: tuple[Claim, ...] = ()
    explained: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Published:
    """Everything that published.yaml says."""

    sources: Mapping[str, Source]
    entries: Mapping[str, Entry]
    tables: tuple[LayerTable, ...]
    references: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    years: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """One network as it was counted."""

    entry: Entry
    about: str
    task: str
    link: str
    figures: Mapping[str, float]


def read_published(folder: Path) -> Published:
    """What ``published.yaml`` in a folder says.

    Raises:
        ConfigError: a network without an entry, an entry without a network, an unknown figure or source.
    """
    known = yaml.safe_load((folder / PUBLISHED_FILE).read_text(encoding="utf-8"))
    sources = {name: Source(**source) for name, source in known["sources"].items()}
    entries = {
        name: _entry(name, section, values or {})
        for section, networks in known["sections"].items()
        for name, values in networks.items()
    }
    tables = tuple(
        LayerTable(
            network=table["network"],
            source=table["source"],
            note=table["note"],
            lines=tuple(Line(**line) for line in table["lines"]),
        )
        for table in known["tables"]
    )
    for name in groups()["network"]:
        if name not in entries:
            raise ConfigError(
                f"docs/catalogue/{PUBLISHED_FILE} must have every network, got none called {name}; add "
                f"`{name}: {{shape: [3, 224, 224], classes: 1000, parameters: ...}}` to a section and {REMEDY}"
            )
    for name, entry in entries.items():
        if name not in groups()["network"]:
            raise ConfigError(f"{PUBLISHED_FILE} must name files of conf/network, got {name}; take it out")
        for claim in entry.claims:
            if claim.source not in sources or claim.figure not in (*COUNTED, *QUOTED):
                raise ConfigError(
                    f"{PUBLISHED_FILE} must name known figures and sources, got {claim} of {name}"
                )
    return Published(sources, entries, tables, known["references"], known["years"])


def _entry(name: str, section: str, values: Mapping[str, Any]) -> Entry:
    """One network's entry; Decimal takes the digits as they were written."""
    claims = tuple(
        Claim(figure, str(value), source)
        for source, figures in values.get("published", {}).items()
        for figure, value in figures.items()
    )
    return Entry(
        name=name,
        section=section,
        shape=tuple(values.get("shape", ())),
        classes=values.get("classes", 0),
        parameters=values.get("parameters", 0),
        data=values.get("data", ""),
        claims=claims,
        explained=values.get("explained", {}),
        reason=values.get("not_counted", ""),
    )


def count(entry: Entry) -> Counted:
    """Build a network at full size without memory, and count."""
    network, config = build_empty(entry)
    costs = network_costs(network, entry.shape)
    figures = {
        "parameters": costs["parameters"],
        "keras_parameters": float(keras_parameters(network)),
        "weight_layers": costs["depth"],
        "keras_depth": float(keras_depth(network, entry.shape)),
        "size_mib": costs["size_mib"],
        "multiply_adds": costs["multiply_adds"],
    }
    task = str(config["task"]["_target_"]).split(".")[-2]
    return Counted(entry, about(entry.name), task, _link(config["network"]["_target_"]), figures)


def build_empty(entry: Entry) -> tuple[torch.nn.Module, dict[str, Any]]:
    """A network of conf/network on the meta device, and the configuration that it stands in."""
    facts = [f"data.shape={list(entry.shape)}", f"data.num_classes={entry.classes}"]
    data = [f"data={entry.data}"] if entry.data else []
    (config,) = compose_seeds([f"network={entry.name}", *data, *facts], seeds=None)
    node = {key: value for key, value in config["network"].items() if key != "weights"}
    with torch.device("meta"):
        network: torch.nn.Module = make(node, "network")
    return network, config


def about(name: str) -> str:
    """The comment at the top of a network's YAML file, without what is a knob and without counts."""
    first = (conf_dir() / "network" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def _link(target: str) -> str:
    """The first address in the docstring of the module that a target is in: the paper."""
    module = importlib.import_module(target.rpartition(".")[0])
    found = _LINK.search(module.__doc__ or "")
    return found[0] if found else ""


def differences(counted: Counted) -> Iterator[tuple[Claim, float, bool]]:
    """Every published figure that is counted here: the claim, the count, whether they agree."""
    for claim in counted.entry.claims:
        if claim.figure in COUNTED:
            computed = counted.figures[claim.figure]
            yield claim, computed, claim.agrees(computed)


def count_all(published: Published) -> list[Counted]:
    """Every network that is counted, in the order of published.yaml."""
    return [count(entry) for entry in published.entries.values() if not entry.reason]
