"""Compose a configuration with Hydra into plain, resolved, checked values. Nothing is built here."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hydra import compose as hydra_compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from podium.leaderboard.board import Board
from podium.run.bind import check_targets, check_values
from podium.run.changes import check_changes, in_order
from podium.run.compositions import composition, hydra_at
from podium.run.conf import conf_dir, groups
from podium.run.errors import ConfigError, nearest
from podium.run.pretrained import pinned
from podium.run.settings import PathSettings, RuntimeSettings, TrackingSettings, TrainerSettings


def compose(overrides: Sequence[str], *, root: str = "train") -> dict[str, Any]:
    """The resolved configuration that the overrides choose, as plain dictionaries and lists; a run's is checked whole.

    Raises:
        ConfigError: one line: what is required, what was given, and the nearest right name.
    """
    if root == "train":
        (config,) = compose_seeds(overrides, seeds=None)
        check_run(config)
        return config
    composed, _ = _composed(overrides, root)
    return _resolved(composed)


def compose_seeds(overrides: Sequence[str], *, seeds: Sequence[int] | None) -> list[dict[str, Any]]:
    """One run's configuration for each seed, composed once; targets are not imported, so ``check_run`` comes later.

    Without seeds: one configuration, with the seed that the overrides choose.

    Raises:
        ConfigError: as ``compose``.
    """
    composed, choices = _composed(overrides, "train")
    configs = []
    for seed in [None] if seeds is None else seeds:
        if seed is not None:
            composed.seed = seed
        plain = _resolved(composed)
        plain["name"] = plain.get("name") or _default_name(choices, plain)
        configs.append(pinned(plain))
    return configs


def _composed(overrides: Sequence[str], root: str) -> tuple[DictConfig, Mapping[str, Any]]:
    try:
        composed, choices = composition(overrides, root)
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # ValueError: of network=null
        with hydra_at(conf_dir()):
            raise ConfigError(_diagnose(overrides, root, error)) from None
    for text in overrides:
        if text.lstrip("+~").startswith(("hydra.", "hydra/")):
            raise ConfigError(f"{text} sets Hydra itself, which decides nothing here; leave it out")
    _refuse_ignored_task(overrides, choices)
    return composed, choices


def _refuse_ignored_task(overrides: Sequence[str], choices: Mapping[str, Any]) -> None:
    """A network names its task, and that wins over the command line: say so instead of ignoring what was asked."""
    for text in overrides:
        asked = text.removeprefix("task=")
        if asked != text and asked != choices["task"]:
            raise ConfigError(
                f"task must be {choices['task']}, which network={choices['network']} names, got {asked}"
            )


def _resolved(composed: DictConfig) -> dict[str, Any]:
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"every value must resolve, got {str(error).strip().splitlines()[0]}; correct it"
        ) from None
    assert isinstance(plain, dict)
    if isinstance(trainer := plain.get("trainer"), Mapping):
        plain["trainer"] = in_order(trainer)
    return {str(key): value for key, value in plain.items()}


def check_run(config: Mapping[str, Any]) -> None:
    """Check a run's whole configuration, also one that was read from a record.

    Raises:
        ConfigError: an unknown or missing block, key, type or target.
    """
    blocks = {
        "trainer": TrainerSettings,
        "runtime": RuntimeSettings,
        "paths": PathSettings,
        "tracking": TrackingSettings,
    }
    known = {
        "name",
        "seed",
        "data",
        "task",
        "optimizer",
        "schedule",
        "initializer",
        "network",
        "tricks",
        "augment",
    }
    for key in config:
        if key not in known | set(blocks):
            raise ConfigError(f"{key} is not a key of a run; {nearest(key, known | set(blocks))}")
    if missing := (known | set(blocks)) - {"augment"} - set(config):  # records from before it have none
        raise ConfigError(f"a run needs the block {min(missing)}, got none; start from conf/train.yaml")
    if (
        not isinstance(config["seed"], int)
        or isinstance(config["seed"], bool)
        or not 0 <= config["seed"] < 2**32
    ):
        raise ConfigError(f"seed must be an integer from 0 to 4294967295, got {config['seed']!r}")
    if not isinstance(config["name"], str) or not config["name"].strip():
        raise ConfigError(f"name must be text or null, got {config['name']!r}; quote it")
    _refuse_secrets(config["tracking"])
    _refuse_auto(config["trainer"])
    for block, owner in blocks.items():
        check_values(owner, config[block], block)
        try:
            owner(**config[block])
        except ValueError as error:
            raise ConfigError(f"{block}.{error}") from None
    check_targets(config)
    check_changes(config)


def load_board(name: str) -> Board:
    """The board of conf/board/NAME.yaml.

    Raises:
        ConfigError: there is none of that name, or it is not whole.
    """
    board, _ = board_and_out([f"board={name}"])
    return board


def board_and_out(overrides: Sequence[str]) -> tuple[Board, Path]:
    """The board that the overrides choose and change, and the folder for its pages.

    Raises:
        ConfigError: there is none of that name, or it is not whole.
    """
    composed, choices = _composed(overrides, "leaderboard")
    config = _resolved(composed)
    name = str(choices["board"])
    try:
        board = Board.from_dict({"name": name, **config["board"]})
    except ValueError as error:
        raise ConfigError(f"conf/board/{name}.yaml: {error}") from None
    return board, Path(config["out"] or f"reports/{name}")


def keys(config: Any, prefix: str = "") -> Iterator[str]:
    """Every dotted key of a composed configuration, blocks included."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield f"{prefix}{key}"
            yield from keys(value, f"{prefix}{key}.")


def _refuse_secrets(tracking: Mapping[str, Any]) -> None:
    """A password in the address would stand in every record and on every published board."""
    if urlsplit(str(tracking.get("uri") or "")).password is not None:
        raise ConfigError(
            "tracking.uri must hold no password, got one; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )


def _refuse_auto(trainer: Any) -> None:
    """Runs that are compared are trained in a form that somebody named: two machines could find two."""
    for key in ("precision", "channels_last", "compile"):
        if isinstance(trainer, Mapping) and trainer.get(key) == "auto":
            raise ConfigError(
                f"trainer.{key} must be named where runs are compared, got auto; podium train with trainer=auto finds a name"
            )


def _default_name(choices: Mapping[Any, Any], config: Mapping[str, Any]) -> str:
    augment = choices.get("augment")  # one file's name; none when several were chosen
    augmentations = [augment] if augment else list(config.get("augment", {}))
    parts = [choices.get("network"), *config.get("tricks", {}), *augmentations]
    return " + ".join(str(part) for part in parts if part != "none")


def _diagnose(overrides: Sequence[str], root: str, error: Exception) -> str:
    """Say which override is at fault, by looking at each in turn; else Hydra's own first line."""
    choices = groups()
    accepted: list[str] = []
    for text in overrides:
        try:
            (override,) = OverridesParser.create().parse_overrides([text])
        except HydraException:
            return (
                f"{text!r} must be an override such as network=lenet5 or trainer.max_epochs=3; quote it for the shell, "
                "and inside a list every text that holds ="
            )
        key = override.get_key_element().lstrip("+~")
        group = key.split("@")[0]
        if override.is_sweep_override():
            return f"{key} must have one value, got {text}; podium sweep searches over several"
        if group in choices and not override.is_delete():
            if override.value() is None:
                return f"{group} must be a file of conf/{group}, got null; podium train --help lists them"
            chosen = override.value()
            for option in chosen if isinstance(chosen, list) else [chosen]:
                if not isinstance(option, str | int) or str(option) not in choices[group]:
                    return f"{group}={option} is not in conf/{group}; {nearest(str(option), choices[group])}"
        elif not text.startswith(("+", "~")):
            known = _known_keys(accepted, root) | set(choices)
            if key not in known:
                return f"{key} is not a key of this configuration; {nearest(key, known)}"
        accepted.append(text)
    return str(error).strip().splitlines()[0]


def _known_keys(overrides: Sequence[str], root: str) -> set[str]:
    """Every key of the configuration that the overrides choose; of the root alone when they do not compose."""
    try:
        composed = hydra_compose(root, overrides=list(overrides))
    except (HydraException, OmegaConfBaseException):
        composed = hydra_compose(root)
    return set(keys(OmegaConf.to_container(composed, resolve=False)))
