"""docs/catalogue/pairings.md: the pairing table for readers, with marks and the reasons behind them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

import yaml
from network_cases import CONF, NETWORKS, REPOSITORY
from pairing_cases import BATCHES, ENOUGH, LEARNS, REFUSED, Cell
from pairing_networks import EPOCHS, EXAMPLES, TRICKS
from pairing_table import Table

PAGE = REPOSITORY / "docs" / "catalogue" / "pairings.md"
ASIDE = re.compile(r" \(([^()]|\([^()]*\))*\)")
CHECK, REST = "✓", "…"
HEAD = """\
<!-- Made by tests/golden/pairings.py from tests/golden/pairings.yaml; run it again after a change. -->

# Any trick on any network

Every trick of `tricks=[NAME]` on every network of `network=NAME`, composed and built as `podium train` does it:
{pairs:,} pairs. {learns:,} learn{trains}, and {refused:,} are refused for a reason that is stated.

Each network is trained with one trick on a fixed batch of {examples} examples for {steps} steps; where these are not
enough, for {more} or {most}. It **learns** when the loss of that batch, in evaluation, falls by at least {share:.0%}.
The tricks have the values of their files. The networks are narrow, as in the contract tests, on the smallest samples
that they take (twice as large where a trick makes images smaller). The largest are shortened: ResNets have 18 or 50
layers, CIFAR's ResNets 8, wide ResNets 10, DenseNets 2 layers a block, PReLU nets 2 a stage, dense networks 32 units a
layer, and the detector's pictures are 96 pixels wide. The deep autoencoder begins with random weights. Three tricks on
each network are trained a few steps at its full depth too, by `make test-slow`.

[The table](../../tests/golden/pairings.yaml) has a line for each pair. What is new is added by

```console by-hand
$ .venv/bin/python tests/golden/pairings.py
```

and what has changed is made again by the same command with its name behind it.
"""


def page(table: Table) -> str:
    """The whole page."""
    cells = [cell for row in table.values() for cell in row.values()]
    counts = Counter(cell.outcome for cell in cells)
    trains = len(cells) - counts[LEARNS] - counts[REFUSED]
    head = HEAD.format(
        pairs=len(cells),
        learns=counts[LEARNS],
        trains=f", {trains:,} train, but the batch is learned with an easier value only" if trains else "",
        refused=counts[REFUSED],
        examples=EXAMPLES,
        steps=EPOCHS * BATCHES[0],
        more=EPOCHS * BATCHES[1],
        most=EPOCHS * BATCHES[2],
        share=1 - ENOUGH,
    )
    numbers = numbered(table)
    parts = [head]
    for title, names in sections():
        parts += _section(title, {name: table[name] for name in names}, numbers)
    return "\n".join([*parts, *_reasons(numbers)]).rstrip() + "\n"


def sections() -> list[tuple[str, list[str]]]:
    """Networks by what they are trained for; most are classifiers."""
    classifiers = [name for name in NETWORKS if task_of(name).endswith("classification")]
    others = [name for name in NETWORKS if name not in classifiers]
    return [("Networks that classify", classifiers), ("Networks with other tasks and rules", others)]


def numbered(table: Table) -> dict[str, int]:
    """A number for each reason, in the order of the sections and of the tricks in them."""
    found = (
        general(cell, name, trick)
        for _, names in sections()
        for trick in TRICKS
        for name in names
        if (cell := table[name][trick]).reason
    )
    return {reason: number for number, reason in enumerate(dict.fromkeys(found), start=1)}


def general(cell: Cell, network: str, trick: str) -> str:
    """A reason without what depends on the one network, its task and the one trick."""
    reason = ASIDE.sub(f" {REST}", cell.reason)
    for name in (class_of_network(network), class_of_task(task_of(network)), class_of_trick(trick)):
        reason = re.sub(rf"\b{name}\b", REST, reason)
    return re.sub(f"{REST}( {REST})+", REST, re.sub(r"\d+ blocks", f"{REST} blocks", reason))


@cache
def class_of_network(name: str) -> str:
    """The class that a file of conf/network chooses, or the file that it builds on."""
    block = yaml.safe_load((CONF / "network" / f"{name}.yaml").read_text(encoding="utf-8"))
    if "_target_" in block:
        return str(block["_target_"].rpartition(".")[2])
    (parent,) = (entry for entry in block["defaults"] if entry in NETWORKS)
    return class_of_network(parent)


@cache
def class_of_trick(name: str) -> str:
    (block,) = yaml.safe_load((CONF / "tricks" / f"{name}.yaml").read_text(encoding="utf-8")).values()
    return str(block["_target_"].rpartition(".")[2])


@cache
def task_of(name: str) -> str:
    """The task that a file of conf/network chooses, or the file that it builds on."""
    block = yaml.safe_load((CONF / "network" / f"{name}.yaml").read_text(encoding="utf-8"))
    entries = block.get("defaults", [])
    for entry in entries:
        if isinstance(entry, dict):
            return str(*entry.values())
    parents = [entry for entry in entries if entry in NETWORKS]
    return task_of(*parents) if parents else "classification"


@cache
def class_of_task(name: str) -> str:
    """The class that a file of conf/task chooses."""
    block = yaml.safe_load((CONF / "task" / f"{name}.yaml").read_text(encoding="utf-8"))
    if "_target_" in block:
        return str(block["_target_"].rpartition(".")[2])
    (parent,) = (entry for entry in block["defaults"] if entry != "_self_")
    return class_of_task(parent)


def _section(title: str, table: Table, reasons: Mapping[str, int]) -> Iterator[str]:
    everywhere = [t for t in TRICKS if all(row[t].outcome == LEARNS for row in table.values())]
    yield f"## {title}"
    yield ""
    if everywhere:
        yield f"Each of the {len(table)} learns with {', '.join(f'`{trick}`' for trick in everywhere)}."
        yield ""
    yield from _matrix(table, [trick for trick in TRICKS if trick not in everywhere], reasons)


def _matrix(table: Table, tricks: list[str], reasons: Mapping[str, int]) -> Iterator[str]:
    yield f"{CHECK} learns; a number: [why not, or not so soon](#reasons). Networks with the same marks share a row."
    yield ""
    yield f"| networks | {' | '.join(f'`{trick}`' for trick in tricks)} |"
    yield f"|---|{':-:|' * len(tricks)}"
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, row in table.items():
        groups.setdefault(tuple(_mark(row[t], name, t, reasons) for t in tricks), []).append(name)
    for marks, names in sorted(
        groups.items(), key=lambda group: (sum(m != CHECK for m in group[0]), group[1])
    ):
        yield f"| {', '.join(f'`{name}`' for name in names)} | {' | '.join(marks)} |"
    yield ""


def _mark(cell: Cell, network: str, trick: str, reasons: Mapping[str, int]) -> str:
    return str(reasons[general(cell, network, trick)]) if cell.reason else CHECK


def _reasons(reasons: Mapping[str, int]) -> Iterator[str]:
    yield "## Reasons"
    yield ""
    yield f"{REST} stands for what depends on the network and its task."
    yield ""
    yield from (f"{number}. {reason}" for reason, number in reasons.items())
