"""Hydra's compositions, kept: configurations that differ in values alone are composed once in a process.

A sweep has thousands of those, and Hydra takes longer over one than a small network over its training.
"""

import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from podium.run.conf import conf_dir, groups

KEPT = 64


def composition(overrides: Sequence[str], root: str) -> tuple[DictConfig, Mapping[str, Any]]:
    """What the overrides choose from ``conf/``, without Hydra's own part, and the file that is chosen in each group.

    Raises:
        HydraException, OmegaConfBaseException, ValueError: as Hydra's ``compose``.
    """
    parsed = _parser().parse_overrides(list(overrides))
    known = groups()
    values = [one for one in parsed if _is_value(one, known)]
    chosen = tuple(str(one.input_line) for one in parsed if not _is_value(one, known))
    kept, choices = _composed(chosen, root, *state())
    config = copy.deepcopy(kept)
    try:
        for one in values:
            OmegaConf.update(config, one.key_or_group, one.value(), merge=True)
    except OmegaConfBaseException:  # Hydra says more clearly what is wrong
        config, choices = _composed(tuple(overrides), root, *state())
    OmegaConf.set_struct(config, False)
    return config, choices


def _is_value(override: Override, known: Mapping[str, Any]) -> bool:
    """Whether it changes one existing value, which Hydra does last, when everything is chosen."""
    key = override.key_or_group
    group = "/" in key or override.package is not None or key in known
    other = override.is_add() or override.is_force_add() or override.is_delete()
    return not (group or other or override.is_sweep_override() or key.split(".")[0] == "hydra")


@contextmanager
def hydra_at(folder: Path) -> Iterator[None]:
    """Hydra with the configurations of a folder."""
    with initialize_config_dir(config_dir=str(folder), version_base="1.3", job_name="podium"):
        yield


def state() -> tuple[Path, int]:
    """What ``conf/`` is: its folder, and when a file there was last changed; with another state all is composed anew."""
    return conf_dir(), _changed(conf_dir())


@lru_cache(maxsize=1)
def _parser() -> OverridesParser:
    return OverridesParser.create()


@lru_cache(maxsize=KEPT)
def _composed(
    chosen: tuple[str, ...], root: str, folder: Path, changed: int
) -> tuple[DictConfig, dict[str, Any]]:
    """``changed`` is there for the cache: another folder's state is another composition."""
    with hydra_at(folder):
        whole = compose(root, overrides=list(chosen), return_hydra_config=True)
    config = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    OmegaConf.set_struct(config, True)
    return config, dict(whole.hydra.runtime.choices)


def _changed(folder: Path) -> int:
    """When a file of the folder was last changed, added or taken away, in nanoseconds."""
    places = [folder, *(Path(entry) for entry in os.scandir(folder) if entry.is_dir())]
    files = [entry for place in places for entry in os.scandir(place)]  # Path.iterdir knows no times
    times = [place.stat().st_mtime_ns for place in places]
    return max(*times, *(file.stat().st_mtime_ns for file in files))
