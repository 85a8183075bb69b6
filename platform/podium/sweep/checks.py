"""What every sweep must say, whatever it searches."""

from collections.abc import Mapping
from typing import Any

from podium.run.errors import ConfigError


def check(config: Mapping[str, Any]) -> None:
    """Check what every sweep has, whatever its search.

    Raises:
        ConfigError: a value is not of its kind.
    """
    seeds, metric, mode, named = config["seeds"], config["metric"], config["mode"], config.get("sweep")
    folds = config["folds"]
    if folds is not None and (not isinstance(folds, int) or isinstance(folds, bool) or folds < 2):
        raise ConfigError(f"folds must be null or a number from 2, got {folds!r}; set folds=5")
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise ConfigError(f"seeds must be a number of replicates, at least 1, got {seeds!r}; set seeds=3")
    if not isinstance(metric, str) or not metric.startswith("validation/"):
        raise ConfigError(
            f"metric must be a validation metric, got {metric!r}: the test split takes no part in "
            "choosing; set "
            "metric=validation/top1_error"
        )
    if mode not in ("min", "max"):
        raise ConfigError(f"mode must be min or max, got {mode!r}")
    if config["pack"] not in ("auto", "off"):
        raise ConfigError(f"pack must be auto or off, got {config['pack']!r}")
    for key in ("name", "out"):
        if config[key] is not None and not isinstance(config[key], str):
            raise ConfigError(f"{key} must be text, got {config[key]!r}; quote it")
    if named is not None and (not isinstance(named, dict) or not set(named) <= {"space", "fixed"}):
        raise ConfigError(
            "a named sweep must have the keys space and fixed only; correct its file in conf/sweep"
        )


def replicates(config: Mapping[str, Any], *, asked: bool) -> int:
    """How many runs a configuration gets: the seeds; with folds one for each, or as many rounds as were asked for.

    Raises:
        ConfigError: folds do not divide them.
    """
    seeds, folds = int(config["seeds"]), config["folds"]
    if folds is None or (asked and seeds % folds == 0):
        return seeds
    if asked:
        raise ConfigError(
            f"seeds must be a multiple of folds={folds}, got {seeds}; leave seeds out, or set seeds={folds}"
        )
    return int(folds)
