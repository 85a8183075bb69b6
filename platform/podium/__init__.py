"""Podium: train every network and trick under identical conditions, and publish boards that anyone can run again."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podium.run.build import Assembly
    from podium.run.estimator import PodiumClassifier

    __version__: str

__all__ = ["PodiumClassifier", "__version__", "build"]


def build(*overrides: str) -> "Assembly":
    """Compose, check and build one run, as `podium train` would, for a notebook: nothing is trained or written.

    >>> parts = podium.build("network=dense32", "tricks=[dropout]", "tricks.dropout.p=0.2")
    >>> parts.network(parts.data.examples("train").input[:3]).shape
    torch.Size([3, 10])

    Raises:
        ConfigError: one line: what is required, what was given, and the nearest right name.
    """
    from podium.run.assemble import compose
    from podium.run.build import build as build_parts

    return build_parts(compose(overrides))


def __getattr__(name: str) -> Any:
    """``PodiumClassifier`` and ``__version__``, read only when asked for: they take longer than everything else here."""
    if name == "PodiumClassifier":
        from podium.run.estimator import PodiumClassifier

        return PodiumClassifier
    if name == "__version__":
        from importlib.metadata import version

        return version("podium")
    raise AttributeError(f"module 'podium' has no attribute {name!r}")
