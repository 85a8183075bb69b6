"""The pages of the catalogue, in Markdown."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from podium.run.catalogue import COUNTED, QUOTED, Claim, Counted, Published, build_empty, differences
from podium.run.layers import Layer, LayerTable, Line, count_layers, differences_of

_MADE = "<!-- Made by pipelines/catalogue.py from published.yaml and conf/network; change those and run it again. -->"
_INTRODUCTION = """\
# The networks

Every network that `network=NAME` chooses, counted at full size from its shapes. [Its layers](layers.md) are set beside
published tables. Figures that others published stand next to ours and are never mixed with them; where two differ, the
reason is given.

- **Parameters** are all that are trained. **Keras' count** adds the running mean and variance of every batch
  normalisation, as the Keras table does.
- **Weight layers** are the convolutions and matrix products on the longest path from input to output.
- **Keras' depth** is the longest path in layers of any kind, by one rule: input, convolution (a separable one is one
  layer), batch normalisation, pooling, merge, flattening, dense. An activation counts where it follows anything but a
  weight layer, flattening where it does not follow global pooling. Dropout (idle in evaluation), padding, an adaptive
  pooling that has nothing to do, and a softmax at the end do not count. The depths of the Keras table were counted by
  several people [in several ways](https://github.com/keras-team/keras/pull/12001); those that this rule does not reach
  are explained below.
- **Size** is parameters and running statistics as 4 bytes each, in MiB (2^20 bytes).
- **Multiply-adds** are those of convolutions and matrix products, for one image.
"""
_LAYERS = """\
# Networks by their layers

Published tables beside what the networks here have. Output sizes are height x width x channels.
"""
_ACCURACIES = ("top-1 accuracy", "top-5 accuracy", "top-1 error", "top-5 error")


def networks_page(published: Published, counted: Sequence[Counted]) -> str:
    """All networks with their costs, what was published beside it, and published accuracies."""
    parts = [_MADE, "", _INTRODUCTION]
    for section in dict.fromkeys(entry.section for entry in published.entries.values()):
        inside = [network for network in counted if network.entry.section == section]
        if inside:
            parts += [f"## {section}", "", *_costs(inside), ""]
        claims = [row for network in inside for row in _claims(published, network)]
        if claims:
            parts += ["| network | figure | published | here | |", "|---|---|--:|--:|---|", *claims, ""]
    parts += [*_accuracies(published), *_not_counted(published)]
    return "\n".join(parts).rstrip() + "\n"


def layers_page(published: Published) -> str:
    """The tables of layers."""
    parts = [_MADE, "", _LAYERS]
    for table in published.tables:
        entry = published.entries[table.network]
        network, _ = build_empty(entry)
        layers = count_layers(network, entry.shape, table.lines)
        parts += [*_layer_table(published, table, layers), ""]
    return "\n".join(parts).rstrip() + "\n"


def _costs(networks: Sequence[Counted]) -> Iterator[str]:
    yield (
        "| network | what it is | images | parameters | Keras' count | weight layers | Keras' depth | size, MiB |"
        + (" multiply-adds | task | paper |")
    )
    yield "|---|---|---|--:|--:|--:|--:|--:|--:|---|---|"
    for network in networks:
        shape = "x".join(str(size) for size in (*network.entry.shape[1:], network.entry.shape[0]))
        cells = [
            f"`{network.entry.name}`",
            _cell(network.about),
            f"{shape}, {network.entry.classes} classes",
            *(_number(figure, network.figures[figure]) for figure in COUNTED),
            network.task,
            _linked("paper", network.link) if network.link else "",
        ]
        yield f"| {' | '.join(cells)} |"


def _claims(published: Published, network: Counted) -> Iterator[str]:
    for claim, computed, same in differences(network):
        source = published.sources[claim.source]
        why = "the same" if same else network.entry.explained.get(claim.figure, "NOT EXPLAINED")
        cells = [
            f"`{network.entry.name}`",
            COUNTED[claim.figure],
            _linked(printed(claim), source.link),
            _number(claim.figure, computed),
            _cell(why),
        ]
        yield f"| {' | '.join(cells)} |"


def _accuracies(published: Published) -> Iterator[str]:
    """What others measured, one row for each network and source."""
    yield "## Published accuracies"
    yield ""
    yield "As others published them, on ImageNet's validation set unless the source says otherwise."
    yield "What Podium measured stands beside them on [the reference boards](reference.md)."
    yield ""
    yield f"| network | {' | '.join(_ACCURACIES)} | source |"
    yield "|---|--:|--:|--:|--:|---|"
    for entry in published.entries.values():
        for name in dict.fromkeys(claim.source for claim in entry.claims):
            values = {claim.figure: claim.value for claim in entry.claims if claim.source == name}
            if any(figure in values for figure in QUOTED):
                source = published.sources[name]
                cells = [values.get(figure, "") for figure in QUOTED]
                yield f"| `{entry.name}` | {' | '.join(cells)} | {_linked(source.title, source.link)} |"
    yield ""


def _not_counted(published: Published) -> Iterator[str]:
    entries = [entry for entry in published.entries.values() if entry.reason]
    if entries:
        yield "## Not counted here"
        yield ""
        yield "| network | why |"
        yield "|---|---|"
        yield from (f"| `{entry.name}` | {_cell(entry.reason)} |" for entry in entries)


def _layer_table(published: Published, table: LayerTable, layers: Sequence[Layer]) -> Iterator[str]:
    source = published.sources[table.source]
    yield f"## {table.network}"
    yield ""
    yield f"By {_linked(source.title, source.link)}. {_cell(table.note)}"
    yield ""
    yield "| layer | output | here | parameters | here | operations | multiply-adds here | |"
    yield "|---|---|---|--:|--:|--:|--:|---|"
    for line, layer in zip(table.lines, layers, strict=True):
        yield _layer_row(line, layer)


def _layer_row(line: Line, layer: Layer) -> str:
    different = differences_of(line, layer)
    kilo = (line.parameters or "").endswith("K")
    parameters = f"{layer.weights:,} = {layer.weights / 1024:,.1f}K" if kilo else f"{layer.parameters:,}"
    figures = [name for name in ("parameters", "operations") if getattr(line, name) is not None]
    same = "the same" if figures and not different else ""
    cells = [
        line.name,
        line.output,
        layer.output if "output" in different else "the same",
        line.parameters or "",
        parameters if layer.parameters else "",
        line.operations or "",
        f"{layer.multiply_adds:,}" if layer.multiply_adds else "",
        _cell(line.remark or ("NOT EXPLAINED" if different else same)),
    ]
    return f"| {' | '.join(cells)} |"


def _linked(text: str, link: str) -> str:
    return f"[{text}]({link})" if link else text


def _number(figure: str, value: float) -> str:
    return f"{value:,.2f}" if figure == "size_mib" else f"{value:,.0f}"


def printed(claim: Claim) -> str:
    """A published number in as many digits as were printed: 138e6 as 138 million."""
    value = Decimal(claim.value)
    for exponent, word in ((9, "billion"), (6, "million")):
        if int(value.as_tuple().exponent) > 0 and value >= Decimal(10) ** exponent:
            return f"{value.scaleb(-exponent):f} {word}"
    return f"{value:,f}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
