"""The folded network with the weights of all its lanes, and which networks fold."""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from podium.pack.convolve import FoldedConv1d, FoldedConv2d
from podium.pack.errors import Unpackable
from podium.pack.fold import (
    Folded,
    FoldedBatchNorm,
    FoldedDropout,
    FoldedDropout2d,
    FoldedLinear,
    FoldedPReLU,
    Lanes,
)
from podium.pack.form import Form
from podium.pack.home import chosen
from podium.run.engine import compile_network
from podium.tricks.dropout import OutputDropout

TWINS: dict[type[nn.Module], type[Folded]] = {
    nn.Linear: FoldedLinear,
    nn.Conv1d: FoldedConv1d,
    nn.Conv2d: FoldedConv2d,
    nn.BatchNorm1d: FoldedBatchNorm,
    nn.BatchNorm2d: FoldedBatchNorm,
    nn.PReLU: FoldedPReLU,
    nn.Dropout: FoldedDropout,
    OutputDropout: FoldedDropout,
    nn.Dropout2d: FoldedDropout2d,
}
PICTURES = 4  # dimensions of a batch of them
RANDOM = (_DropoutNd, nn.RReLU, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)


def twin_of(module: nn.Module) -> type[Folded] | None:
    """What stands for a module in a folded network; a subclass with the same forward has the same."""
    for owner, twin in TWINS.items():
        if isinstance(module, owner) and type(module).forward is owner.forward:
            return twin
    return None


def check_folds(network: nn.Module) -> None:
    """Check that every module is one that folds, or treats each sample alone.

    Raises:
        Unpackable: one is not.
    """
    for name, module in network.named_modules():
        if twin_of(module) is not None:
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is None:
                raise Unpackable(f"{name} has no momentum, which cannot be packed")
            continue
        holds = [*module._parameters.values(), *module._buffers.values()]
        if any(tensor is not None for tensor in holds) or isinstance(module, RANDOM):
            raise Unpackable(f"{name or 'the network'} ({type(module).__name__}) cannot be packed")
    if not all(parameter.requires_grad for parameter in network.parameters()):
        raise Unpackable("weights that are not trained cannot be packed")
    every = [p for module in network.modules() for p in module._parameters.values() if p is not None]
    if len(every) != len(set(every)):
        raise Unpackable("weights that two modules share cannot be packed")


class FoldedNetwork:
    """Many networks of one shape as one. ``weights`` (lanes, parameters) are what is trained.

    Raises:
        Unpackable: a module does not fold, or the networks differ.
    """

    def __init__(self, networks: Sequence[nn.Module], lanes: Lanes) -> None:
        check_folds(networks[0])
        shapes = [[(name, p.shape) for name, p in network.named_parameters()] for network in networks]
        if any(one != shapes[0] for one in shapes):
            raise Unpackable("their networks differ in shape")
        self.lanes = lanes
        self.shapes = dict(shapes[0])
        vectors = torch.stack([_vector(network) for network in networks])
        self.weights = vectors.to(lanes.device).requires_grad_()
        self._sizes = [shape.numel() for shape in self.shapes.values()]
        self._folded: dict[str, Folded] = {}
        self.module = self._fold(networks).to(lanes.device)
        owners = [name.rpartition(".") for name in self.shapes]
        self._places = [(self._folded[path], leaf) for path, _, leaf in owners]

    def _fold(self, networks: Sequence[nn.Module]) -> nn.Module:
        whole = copy.deepcopy(networks[0])
        made: dict[nn.Module, Folded] = {}
        for path, module in list(whole.named_modules(remove_duplicate=False)):
            if (twin := twin_of(module)) is None:
                continue
            if module not in made:
                of_lanes = [network.get_submodule(path) for network in networks]
                made[module] = self._folded[path] = twin.of(module, of_lanes, self.lanes)
            if path == "":
                return made[module]
            parent, _, child = path.rpartition(".")
            setattr(whole.get_submodule(parent), child, made[module])
        return whole

    def __call__(self, input: Tensor) -> Tensor:
        """What the networks give for (lanes * batch, ...), the first lane in front.

        Raises:
            Unpackable: it is no tensor, as with auxiliary classifiers.
        """
        pieces = torch.split(self.weights, self._sizes, 1)
        for (module, name), piece, shape in zip(self._places, pieces, self.shapes.values(), strict=True):
            module.__dict__[name] = piece.view(len(self.lanes), *shape)
        if self.lanes.form is Form.CHANNELS_LAST and input.ndim == PICTURES:
            input = input.to(memory_format=torch.channels_last)
        output = self.module(input)
        if not isinstance(output, Tensor):
            raise Unpackable(f"a network that gives {type(output).__name__} cannot be packed")
        return output

    def compile(self, wanted: bool | str) -> None:
        """Let torch compile the forward of all lanes, but for masks, which come from streams that it does not know."""
        if wanted:
            for module in self._folded.values():
                if isinstance(module, FoldedDropout):
                    module.__dict__["_mask"] = torch.compiler.disable(module._mask)
        compile_network(self.module, wanted)

    def parts(self, matrix: Tensor) -> dict[str, Tensor]:
        """A matrix (lanes, parameters), such as the weights, as (lanes, *shape) by name, sharing its memory."""
        pieces = torch.split(matrix.detach(), self._sizes, 1)
        return {
            name: piece.view(len(matrix), *shape)
            for piece, (name, shape) in zip(pieces, self.shapes.items(), strict=True)
        }

    def buffers(self) -> dict[str, Tensor]:
        """Statistics by name, (lanes, ...), but for counts, which all lanes share."""
        return {
            f"{path}.{name}" if path else name: buffer
            for path, folded in self._folded.items()
            for name, buffer in folded._buffers.items()
            if buffer is not None and name not in folded._non_persistent_buffers_set
        }

    def state(self, lane: int) -> dict[str, Tensor]:
        """The weights and statistics of one lane, as its own network names them; copies."""
        return of_lane({**self.parts(self.weights), **self.buffers()}, lane)

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only; the random streams are the caller's matter."""
        self.weights = chosen(self.weights.detach(), kept).requires_grad_()
        for folded in self._folded.values():
            folded.select(kept)


def of_lane(tensors: Mapping[str, Tensor], lane: int) -> dict[str, Tensor]:
    """The part of one lane in tensors (lanes, ...), and the counts that all share; copies."""
    return {name: (whole[lane] if whole.ndim else whole).clone() for name, whole in tensors.items()}


def put(state: Mapping[str, Tensor], network: nn.Module) -> None:
    """Give a network the weights and statistics of its lane."""
    tensors = network.state_dict()
    with torch.no_grad():
        for name, tensor in state.items():
            tensors[name].copy_(tensor)


def _vector(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])
