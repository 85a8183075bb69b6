"""The plain values of a run that are not objects: how it is trained, and where and how it runs."""

from dataclasses import dataclass
from typing import Any, Literal

GRAPHS = ("reduce-overhead", "max-autotune")  # modes of torch.compile that replay a step as CUDA graphs
MODES = (*GRAPHS, "max-autotune-no-cudagraphs")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """How training goes: part of an entry's identity.

    ``compile`` true is torch.compile in its default mode, a text another of its modes.
    ``changes`` maps an epoch, as text, to values by dotted key that count from then on (run/changes.py). It has a default,
    so that records from before there were such changes can be run again.
    """

    max_epochs: int
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true"]
    channels_last: bool
    compile: bool | str
    deterministic: bool
    accumulate: int
    changes: dict[str, dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        _require(self.max_epochs >= 1, f"max_epochs must be at least 1, got {self.max_epochs}")
        _require(self.accumulate >= 1, f"accumulate must be at least 1 batch, got {self.accumulate}")
        _require(
            isinstance(self.compile, bool) or self.compile in MODES,
            f"compile must be true, false or one of {', '.join(MODES)}, got {self.compile}; "
            "set true for torch's default mode",
        )
        _require(
            self.accumulate == 1 or self.compile not in GRAPHS,
            f"accumulate must be 1 with compile={self.compile}, whose CUDA graphs write over the gradients of the batch "
            f"before, got {self.accumulate}; set compile=true",
        )


@dataclass(frozen=True, kw_only=True)
class RuntimeSettings:
    """Where and how a run is carried out: never part of an entry's identity."""

    accelerator: Literal["auto", "cpu", "gpu", "mps"]
    devices: int
    threads: int
    progress: bool
    checkpoint_every_s: float
    flush_every_n_steps: int
    stop_epoch: int | None
    groups: list[str]
    tags: dict[str, str]

    def __post_init__(self) -> None:
        _require(self.devices >= 1, f"devices must be at least 1, got {self.devices}")
        _require(self.threads >= 1, f"threads must be at least 1, got {self.threads}")
        _require(
            self.checkpoint_every_s >= 0,
            f"checkpoint_every_s must be at least 0, got {self.checkpoint_every_s}",
        )
        _require(
            self.flush_every_n_steps >= 1,
            f"flush_every_n_steps must be at least 1, got {self.flush_every_n_steps}",
        )
        _require(
            self.stop_epoch is None or self.stop_epoch >= 1,
            f"stop_epoch must be null or at least 1, got {self.stop_epoch}",
        )


@dataclass(frozen=True, kw_only=True)
class TrackingSettings:
    """Which MLflow a run is sent to: never part of an entry's identity."""

    uri: str | None
    artifacts: str | None
    experiment: str
    follow: bool
    wait_s: float


@dataclass(frozen=True, kw_only=True)
class PathSettings:
    """Folders, absolute or from the working directory."""

    data: str
    runs: str
