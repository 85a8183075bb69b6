"""A network of your own, from a package that is installed beside Podium: network=own network.name=my_lab.nets:Net.

Which packages may be named is never for a configuration to say, because it may come from a stranger: the environment
variable PODIUM_PACKAGES lists them, separated by commas.
"""

import importlib
import inspect
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.adopted import Adopted

PACKAGES = "PODIUM_PACKAGES"
_NAME = re.compile(r"(?P<module>[a-z]\w*(?:\.[a-z]\w*)*):(?P<name>[a-z]\w*)", re.IGNORECASE | re.ASCII)
_OURS = "podium.networks"  # may be named without being listed, as in every network's file
_GIVEN = ("in_shape", "num_classes")


class Own(Adopted):
    """The class that ``name`` names as module:Class, made with in_shape, num_classes and ``arguments``.

    Raises:
        ValueError: the name is not allowed, or the network refuses its values or samples of this shape.
    """

    def __init__(
        self, *, in_shape: Sequence[int], num_classes: int, name: str, arguments: Mapping[str, Any] | None
    ) -> None:
        inner = self.named_class(name)(in_shape=in_shape, num_classes=num_classes, **(arguments or {}))
        super().__init__(inner, in_shape=in_shape, network=name)

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return super().forward(input)

    @staticmethod
    def named_class(name: Any) -> type[nn.Module]:
        """The class of a name; its module is imported only if its package is allowed.

        Raises:
            ValueError: it is not module:Class, not of an allowed package, not there, or no network.
        """
        found = _NAME.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            raise ValueError(f"name must be module:Class, got {name!r}; write it as my_lab.nets:Net")
        _check_allowed(found["module"], what=f"name must be of a package that {PACKAGES} lists, got {name!r}")
        try:
            owner = getattr(importlib.import_module(found["module"]), found["name"], None)
        except ImportError as error:
            raise ValueError(
                f"name must be importable, got {name!r} ({error}); correct it, install its package, or add its "
                "folder to PYTHONPATH"
            ) from None
        if not (inspect.isclass(owner) and issubclass(owner, nn.Module)):
            raise ValueError(f"name must be a class of torch.nn.Module, got {name!r}; correct it")
        _check_allowed(owner.__module__, what=f"name must be defined in such a package, got {name!r}")
        _check_takes(owner, name)
        return owner


def _check_allowed(module: str, *, what: str) -> None:
    package = module.partition(".")[0]
    listed = [entry.strip() for entry in os.environ.get(PACKAGES, "").split(",")]
    if package not in listed and not module.startswith(f"{_OURS}."):
        raise ValueError(f"{what}; if you trust it, set the environment variable {PACKAGES}={package}")


def _check_takes(owner: type[nn.Module], name: str) -> None:
    parameters = inspect.signature(owner).parameters.values()
    names = {parameter.name for parameter in parameters}
    if not set(_GIVEN) <= names and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise ValueError(
            f"name must be a class that takes {' and '.join(_GIVEN)}, got {name!r} with "
            f"{', '.join(sorted(names)) or 'nothing'}; add them to its constructor"
        )
