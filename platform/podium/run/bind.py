"""Bind a configuration to the constructors it names, before anything is built.

Hydra's instantiate calls any importable function, so a configuration from a stranger could delete files. Here a target
must be a class of a package that its group allows, its keys must be its parameters, and its values must have their
types.
"""

import importlib
import inspect
import typing
from collections.abc import Collection, Mapping
from typing import Any, Literal

from podium.run.errors import ConfigError, nearest

# Which packages a group may name. The dot at the end keeps `podium.tricks_of_a_stranger` out.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "network": ("podium.networks.",),
    "initializer": ("podium.layers.",),
    "tricks": ("podium.tricks.",),
    "augment": ("podium.augment.",),
    "task": ("podium.tasks.",),
    "data": ("podium.data.",),
    "optimizer": ("torch.optim.",),
    "schedule": ("torch.optim.lr_scheduler.", "podium.optim."),
}
# Groups of which several files can be chosen: their blocks lie below their names.
NAMED_BLOCKS = ("tricks", "augment")
# Built in two steps: the composition root hands over the first argument later.
PARTIAL = frozenset({"optimizer", "schedule"})
# Arguments that the composition root hands over itself.
GIVEN: Mapping[str, frozenset[str]] = {
    "task": frozenset({"network", "tricks", "optimizer", "schedule"}),
    "optimizer": frozenset({"params"}),
    "schedule": frozenset({"optimizer"}),
}
# Keys of a block that the composition root takes out, with their types: a constructor sees at most what it makes of them.
RESERVED: Mapping[str, Mapping[str, Any]] = {
    "network": {"weights": str | None},
    "tricks.distillation": {"teacher": str},
    "tricks.logistic_head": {"features": Literal["cached", "computed"]},
}


def check_targets(config: Mapping[str, Any]) -> None:
    """Check every target of a run's resolved configuration.

    Raises:
        ConfigError: a target that is refused or missing, a key that is no parameter, a value of another type.
    """
    for group in ALLOWED:
        # records from before there were augmentations have none
        node = config.get(group, {}) if group == "augment" else config[group]
        if group in NAMED_BLOCKS:
            for name, block in node.items():
                _check_node(block, f"{group}.{name}", group)
        else:
            _check_node(node, group, group)


def locate(target: Any, path: str, group: str) -> type:
    """The class that a target names.

    Raises:
        ConfigError: it is outside the group's packages, cannot be imported, or is no class.
    """
    allowed = ALLOWED[group]
    if not isinstance(target, str) or not target.startswith(allowed) or "._" in target:
        raise ConfigError(
            f"{path}._target_ must name a class below {' or '.join(a.rstrip('.') for a in allowed)}, got {target!r}; "
            f"choose a file of conf/{group}"
        )
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ConfigError(
            f"{path}._target_ must be importable, got {target!r} ({error}); correct its module"
        ) from None
    if not inspect.isclass(found):
        raise ConfigError(f"{path}._target_ must be a class, got {target!r}; correct its name")
    if not found.__module__.startswith(tuple(a.rstrip(".") for a in allowed)):
        raise ConfigError(
            f"{path}._target_ must be defined where it is named, got {target!r} of {found.__module__}"
        )
    return found


def check_values(owner: type, values: Mapping[str, Any], path: str, *, given: Collection[str] = ()) -> None:
    """Bind values to a constructor's parameters: none unknown, none missing, each of its annotated type.

    Raises:
        ConfigError: naming the key, what it must be, what it is, and the nearest right one.
    """
    parameters = {
        name: p
        for name, p in _signature(owner).parameters.items()
        if name not in given and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    for key in values:
        if key not in parameters:
            raise ConfigError(
                f"{path}.{key} is not a parameter of {owner.__name__}; {nearest(str(key), parameters)}"
            )
    missing = [n for n, p in parameters.items() if p.default is p.empty and n not in values]
    if missing:
        raise ConfigError(f"{path} needs {path}.{missing[0]}, got nothing; set {path}.{missing[0]}=...")
    for key, value in values.items():
        if isinstance(value, Mapping) and "_target_" in value:
            continue
        hint = parameters[key].annotation
        if not isinstance(hint, str) and hint is not inspect.Parameter.empty:
            _check_type(value, hint, f"{path}.{key}")


def _check_node(node: Any, path: str, group: str) -> None:
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise ConfigError(
            f"{path} must be a block with _target_, got {node!r}; choose a file of conf/{group}"
        )
    target = locate(node["_target_"], path, group)
    special = {key for key in node if str(key).startswith("_")} - {"_target_", "_partial_"}
    if special:
        raise ConfigError(f"{path}.{min(special)} is not allowed; write plain parameters")
    if bool(node.get("_partial_", False)) is not (path in PARTIAL):
        remedy = "write _partial_: true" if path in PARTIAL else "leave it out"
        raise ConfigError(f"{path}._partial_ must fit the group, got {node.get('_partial_')!r}; {remedy}")
    reserved = RESERVED.get(path, {})  # by its path: a block deeper down has none
    given = GIVEN.get(group, frozenset()) | reserved.keys()
    for key, hint in reserved.items():
        _check_type(node.get(key), hint, f"{path}.{key}")
    values = {key: value for key, value in node.items() if key not in {"_target_", "_partial_", *reserved}}
    check_values(target, values, path, given=given)
    _check_named_class(target, values, path)
    for key, value in values.items():
        _check_nested(value, f"{path}.{key}", group)


def _check_named_class(target: type, values: Mapping[str, Any], path: str) -> None:
    """Check a class that is named by a value (network=own), and bind ``arguments`` to its constructor.

    Which classes may be named is for the target to say, and never for the configuration.
    """
    if (named_class := getattr(target, "named_class", None)) is None:
        return
    try:
        owner = named_class(values["name"])
    except ValueError as error:
        raise ConfigError(f"{path}.{error}") from None
    check_values(owner, values["arguments"] or {}, f"{path}.arguments", given=("in_shape", "num_classes"))


def _check_nested(value: Any, path: str, group: str) -> None:
    if isinstance(value, Mapping):
        if "_target_" in value:
            _check_node(value, path, group)
        else:
            for key, item in value.items():
                _check_nested(item, f"{path}.{key}", group)
    elif isinstance(value, list):
        for k, item in enumerate(value):
            _check_nested(item, f"{path}[{k}]", group)


def _check_type(value: Any, hint: Any, path: str) -> None:
    if not _fits(value, hint):
        raise ConfigError(f"{path} must be {_readable(hint)}, got {value!r} ({type(value).__name__})")


def _signature(owner: type) -> inspect.Signature:
    """A constructor's signature, with annotations as types where they can be."""
    try:
        return inspect.signature(owner, eval_str=True)
    except NameError:  # torch's own annotations need names that exist only for type checkers
        return inspect.signature(owner)


def _fits(value: Any, hint: Any) -> bool:
    from beartype import BeartypeConf  # late: a Tab of the shell composes and checks no value
    from beartype.door import is_bearable

    if isinstance(value, bool) and hint in (int, float):
        return False
    if isinstance(value, list) and not all(_fits(v, h) for v in value for h in _numbers_of(hint)):
        return False
    tower = BeartypeConf(is_pep484_tower=True)  # an int is a float where a float is asked for
    if is_bearable(value, hint, conf=tower):
        return True
    return isinstance(value, list) and is_bearable(tuple(value), hint, conf=tower)  # YAML has no tuples


def _numbers_of(hint: Any) -> list[Any]:
    """The items' type of a list of plain numbers, for which beartype would take booleans."""
    items = [item for item in typing.get_args(hint) if item is not Ellipsis]
    return items[:1] if items and set(items) <= {int, float} else []


def _readable(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(str(choice) for choice in typing.get_args(hint))
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        return hint.__name__
    return str(hint).replace("typing.", "").replace("NoneType", "null").replace("None", "null")
