"""What the tests of the inception networks have in common: their options, their smallest form, and their parameters."""

from pathlib import Path

import yaml

CONF = Path(__file__).parents[2] / "conf" / "network"
SMALL = {"width": 0.125, "in_shape": [3, 32, 32], "num_classes": 7, "stem": "small"}


def options(*names):
    """The constructor's arguments as files of conf/network give them, those of later files over those of earlier ones."""
    values = {}
    for name in names:
        values |= yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in values.items() if key not in ("defaults", "_target_", "weights")}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())
