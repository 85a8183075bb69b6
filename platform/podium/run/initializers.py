"""Compare initialisers on one network: signal and gradients of each layer as a table, a picture and a sentence each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from podium.run.assemble import compose
from podium.run.build import build, training_batch
from podium.run.engine import pin_threads
from podium.run.errors import ConfigError
from podium.run.propagation import LayerSignal, backward_course, forward_course, measure, verdict
from podium.visualize.signal import Line, signal_picture

_KEY = "initializer="
_FOLDER = Path("reports") / "initializers"


@dataclass(frozen=True)
class Comparison:
    """What each initialiser makes of the same network and the same examples, and the picture of it."""

    signals: dict[str, list[LayerSignal]]
    examples: int
    picture: Path


def initializers_command(overrides: Sequence[str], *, examples: int) -> int:
    """Print the comparison of the initialisers that the overrides name."""
    from podium.run.command import show_notes

    show_notes()
    result = compare(overrides, examples=examples)
    print(render(result.signals))
    for scheme, signals in result.signals.items():
        print(f"{scheme}: {verdict(signals)}")
    print(f"on {result.examples} training examples, before the first step; picture: {result.picture}")
    return 0


def compare(overrides: Sequence[str], *, examples: int) -> Comparison:
    """Build the network with each initialiser of ``initializer=a,b`` (or the configured one) and follow its signal.

    Raises:
        ConfigError: a configuration that cannot be built, an initialiser twice, weights that replace what it draws, or a
            network without a layer that a signal goes through.
    """
    schemes, others = _schemes(overrides)
    configs = {
        name: compose([*others, *([] if chosen is None else [f"{_KEY}{chosen}"])])
        for name, chosen in schemes.items()
    }
    signals = {}
    for name, config in configs.items():
        signals[name], data, seen = _signal(config, examples)
    first = next(iter(configs.values()))["name"]
    if not all(signals.values()):
        raise ConfigError(
            f"the network must have linear or convolutional layers to follow a signal through, got {first}, which has "
            "tables alone; choose another network"
        )
    picture = _FOLDER / f"{re.sub(r'[^A-Za-z0-9_.]+', '_', first)}-{data}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    layers = [signal.name for signal in next(iter(signals.values()))]
    lines = [_line(name, found) for name, found in signals.items()]
    signal_picture(layers, lines, f"{first} on {data}: the signal before training", picture)
    return Comparison(signals, seen, picture)


def render(signals: dict[str, list[LayerSignal]]) -> str:
    """A row a layer, and for each initialiser its signal, its gradient and its dead relu units in per cent."""
    layers = [signal.name for signal in next(iter(signals.values()))]
    wide = max(len("layer"), *(len(name) for name in layers))
    head, units = f"{'':<{wide + 4}}", f"{'':<4}{'layer':<{wide}}"
    for scheme in signals:
        head += f"  {scheme:<25}"
        units += f"  {'signal':>8} {'gradient':>9} {'dead':>6}"
    lines = [head.rstrip(), units, "-" * len(units)]
    for k, name in enumerate(layers):
        line = f"{k + 1:>3} {name:<{wide}}"
        for found in signals.values():
            dead = found[k].dead
            share = "" if dead is None else f"{dead:.0%}"
            line += f"  {found[k].forward:>8.2g} {found[k].backward:>9.2g} {share:>6}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _schemes(overrides: Sequence[str]) -> tuple[dict[str, str | None], list[str]]:
    """The initialisers by the name they are shown with, and the other overrides."""
    asked = [text.removeprefix(_KEY) for text in overrides if text.startswith(_KEY)]
    others = [text for text in overrides if not text.startswith(_KEY)]
    if not asked:
        return {"as configured": None}, others
    names = ",".join(asked).strip("[]").split(",")
    if len(set(names)) < len(names) or "" in names:
        raise ConfigError(
            f"initializer must name each file of conf/initializer once, got {','.join(asked)!r}; "
            "write initializer=he_normal,glorot_normal"
        )
    return dict(zip(names, names, strict=True)), others


def _signal(config: dict[str, Any], examples: int) -> tuple[list[LayerSignal], str, int]:
    """The signal with one initialiser, the name of the data, and how many examples passed."""
    if config["network"].get("weights") is not None:
        raise ConfigError(
            f"network.weights must be null, got {config['network']['weights']}: it replaces what an initializer draws"
        )
    pin_threads(config["runtime"])
    parts = build(config)
    if parts.task.by_rule:
        raise ConfigError(
            f"a gradient is needed to be followed, got task={type(parts.task).__name__}; choose another network"
        )
    batch = training_batch(parts.data, examples)
    torch.manual_seed(config["seed"])
    return measure(parts.task, batch), parts.data.name, len(batch.input)


def _line(name: str, signals: Sequence[LayerSignal]) -> Line:
    return Line(
        name=name,
        forward=[signal.forward for signal in signals],
        backward=[signal.backward for signal in signals],
        dead=[signal.dead for signal in signals],
        lost_forward=forward_course(signals).at,
        lost_backward=backward_course(signals).at,
    )
