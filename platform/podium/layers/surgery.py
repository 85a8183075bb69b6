"""Surgery: put modules before, after, or in place of, the modules of a finished network.

What is inserted lives inside the module beside it, as its child ``before`` or ``after``, and runs on that module's
first input or on its output, so the type and every parameter name of the existing layers stay what they were: names
that match a layer match it before and after an edit, and weights saved without a trick fit the network with it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.nn.modules import activation

Match = Callable[[str, nn.Module], bool]

_ACTIVATIONS = tuple(getattr(activation, name) for name in activation.__all__ if name != "MultiheadAttention")
BEFORE, AFTER = (
    "before",
    "after",
)  # the children of a module that hold what was inserted in front of it and behind it
PARAMETRIZATIONS = "parametrizations"  # torch's child of a layer whose weight is computed from another
ADDED = frozenset({BEFORE, AFTER, PARAMETRIZATIONS})  # children that make no container of a layer


def named_originals(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules of a network with their names, without those that were inserted or compute a weight."""
    return ((name, module) for name, module in network.named_modules() if ADDED.isdisjoint(name.split(".")))


def is_activation(module: nn.Module) -> bool:
    """Whether a module is one of torch's activation modules (softmax included)."""
    return isinstance(module, _ACTIVATIONS)


def insert_after(network: nn.Module, match: Match, make: Callable[[], nn.Module], *, what: str) -> nn.Module:
    """Put a new module after every module that matches, and return the edited network.

    ``match`` gets each module's name and the module; ``make`` is called once for each match. ``what`` names
    what is looked for, for the error. A second insertion at one place runs after the first.

    Raises:
        ValueError: nothing matched.
    """
    for module in dict.fromkeys(module for _, module in _matches(network, match, what=what)):
        if not hasattr(module, AFTER):
            _attach(module, nn.Sequential())
        _inserted(module, AFTER).append(make())
    return network


def insert_before(network: nn.Module, match: Match, make: Callable[[], nn.Module], *, what: str) -> nn.Module:
    """Put a new module on the first input of every module that matches, as ``insert_after`` does behind it.

    A sequence cannot match: it would run a new child as one of its layers.

    Raises:
        ValueError: nothing matched.
    """
    for module in dict.fromkeys(module for _, module in _matches(network, match, what=what)):
        if not hasattr(module, BEFORE):
            _attach_before(module, nn.Sequential())
        _inserted(module, BEFORE).append(make())
    return network


def replace(
    network: nn.Module, match: Match, make: Callable[[nn.Module], nn.Module], *, what: str
) -> nn.Module:
    """Put ``make(module)`` in place of every module that matches, and return the edited network.

    A module used under several names is replaced under each of them, by one new module. What was inserted
    after the old module follows the new one.

    Raises:
        ValueError: nothing matched.
    """
    made: dict[nn.Module, nn.Module] = {}
    for name, module in _matches(network, match, what=what):
        if module not in made:
            made[module] = _follow(module, make(module))
        if name == "":
            return made[module]
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, made[module])
    return network


def _matches(network: nn.Module, match: Match, *, what: str) -> list[tuple[str, nn.Module]]:
    """The modules that match, with their names, in the order of the walk; never empty."""
    named = list(network.named_modules(remove_duplicate=False))
    found = [(name, module) for name, module in named if match(name, module)]
    if not found:
        raise ValueError(
            f"the network must hold {what}, got {type(network).__name__} without one; "
            "choose another network or leave this edit out"
        )
    return found


def _inserted(module: nn.Module, place: str) -> nn.Sequential:
    found = module.get_submodule(place)
    assert isinstance(found, nn.Sequential)
    return found


def _run_before(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Forward hook: a named function, so that an edited network can be copied and pickled."""
    return (module.get_submodule(BEFORE)(inputs[0]), *inputs[1:])


def _run_after(module: nn.Module, _inputs: Any, output: Any) -> Any:
    """Forward hook: a named function, so that an edited network can be copied and pickled."""
    return module.get_submodule(AFTER)(output)


def _follow(old: nn.Module, new: nn.Module) -> nn.Module:
    """Move what was inserted beside the old module to the new one, unless that still contains the old."""
    if all(module is not old for module in new.modules()):
        if hasattr(old, BEFORE):
            _attach_before(new, old.get_submodule(BEFORE))
        if hasattr(old, AFTER):
            _attach(new, old.get_submodule(AFTER))
    return new


def _attach_before(module: nn.Module, before: nn.Module) -> None:
    assert not isinstance(module, nn.Sequential)  # it would run a new child as one of its layers
    module.add_module(BEFORE, before)
    module.register_forward_pre_hook(_run_before)


def _attach(module: nn.Module, after: nn.Module) -> None:
    module.add_module(AFTER, after)
    if not isinstance(module, nn.Sequential):  # a sequence runs its last child by itself
        module.register_forward_hook(_run_after)
