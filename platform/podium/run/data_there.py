"""Whether the data of many runs can be had, asked once for each data set before the first run trains."""

from collections.abc import Iterable, Mapping
from typing import Any

from podium.records.record import canonical_json
from podium.run.build import make, refusals


def check_data(configs: Iterable[Mapping[str, Any]]) -> None:
    """Load every data set that differs by more than the run's seed.

    Raises:
        ConfigError: one cannot be had, or is not what its configuration says.
    """
    seen: set[str] = set()
    for config in configs:
        key = canonical_json({key: value for key, value in config["data"].items() if key != "seed"})
        if key not in seen:
            seen.add(key)
            with refusals("data"):
                data = make(config["data"], "data")
                data.prepare_data()
                data.fingerprint()
