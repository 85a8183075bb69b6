"""Networks that others wrote, made to take part like ours.

Initialisers, tricks and weights find the last linear layer at ``output``; activations work on copies, so that what is
inserted behind them sees their input unchanged; and samples that the layers cannot take are refused in one line.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from podium.layers.surgery import replace

_FIRST_LINE = 160  # characters: of somebody else's message


class Adopted(nn.Module):
    """A network of somebody else, as ``inner``; its last linear layer runs behind it, as ``output``.

    A linear layer stays where it is, and ``output`` is None, when the network goes on after it: when it averages two
    of them, say, or ends in a convolution.

    Raises:
        ValueError: its layers cannot take samples of this shape.
    """

    def __init__(self, inner: nn.Module, *, in_shape: Sequence[int], network: str) -> None:
        super().__init__()
        for module in inner.modules():
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]  # torch takes it for a tensor or a module
        with fitting(in_shape, network=network):
            last = _last_linear(inner, in_shape)
        self.output_path = next((path for path, module in inner.named_modules() if module is last), "")
        if last is not None:
            inner = replace(inner, lambda _, m: m is last, lambda _: nn.Identity(), what="a linear layer")
        self.inner = inner
        self.output = last

    def forward(self, input: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        result: Tensor = self.inner(input)
        return result if self.output is None else self.output(result)

    def torchvision_name(self) -> str | None:
        """None: published weights are known for torchvision's networks only."""
        return None

    def torchvision_modules(self) -> dict[str, str]:
        """The path of every module to its path in the network as its authors have it."""
        paths = {f"inner.{path}" if path else "inner": path for path, _ in self.inner.named_modules()}
        if self.output is not None:
            paths.pop(f"inner.{self.output_path}" if self.output_path else "inner")
            paths["output"] = self.output_path
        return paths


@contextmanager
def fitting(in_shape: Sequence[int], *, network: str) -> Iterator[None]:
    """Say in one line that a network's layers cannot take samples of this shape, instead of what torch says.

    Raises:
        ValueError: they cannot.
    """
    try:
        yield
    # Strangers' layers say so in many ways: negative sizes, assertions, divisions by no pixels.
    except (RuntimeError, ValueError, AssertionError, ArithmeticError, IndexError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:_FIRST_LINE]
        size = "x".join(str(length) for length in in_shape)
        raise ValueError(
            f"{network} requires images that its layers can take, got samples of {size} ({said}); "
            "use images of another size, mostly larger, or another network.name"
        ) from None


def check_name(name: str, known: Iterable[str], *, network: str) -> None:
    """Refuse a name that is not known, and say which is nearest.

    Raises:
        ValueError: it is not known.
    """
    names = sorted(known)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
        raise ValueError(f"name must be a network of {network}, got {name!r}; set network.name={close[0]}")


def _last_linear(inner: nn.Module, in_shape: Sequence[int]) -> nn.Linear | None:
    """The linear layer whose result is the network's, in training as well as in evaluation; found by running it."""
    device = next((parameter.device for parameter in inner.parameters()), torch.device("cpu"))
    modes = [(module, module.training) for module in inner.modules()]
    buffers = [
        (module, name, buffer.clone())
        for module in inner.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            sample = torch.zeros(2, *in_shape, device=device)
            ends = [_ends_in(inner.train(mode), sample) for mode in (True, False)]
    finally:
        for module, training in modes:
            module.training = training
        for module, name, buffer in buffers:  # running statistics: nothing was seen yet
            setattr(module, name, buffer)
    last = ends[0] if ends[0] is ends[1] else None
    names = [path for path, module in inner.named_modules(remove_duplicate=False) if module is last]
    return last if len(names) == 1 else None


def _ends_in(network: nn.Module, sample: Tensor) -> nn.Linear | None:
    """The linear layer that made the result of one pass, if it ran once only."""
    made: list[tuple[nn.Linear, Any]] = []
    with ExitStack() as hooks:
        for module in network.modules():
            if isinstance(module, nn.Linear):
                hook = module.register_forward_hook(lambda layer, _, output: made.append((layer, output)))
                hooks.callback(hook.remove)
        result = network(sample)
    layers = [layer for layer, output in made if output is result]
    return layers[0] if len(layers) == 1 and [layer for layer, _ in made].count(layers[0]) == 1 else None
