"""Whether a network of conf/network packs: two of it, folded, must give the gradients that each gives alone."""

import torch
import yaml
from network_cases import REPOSITORY, case_of
from torch import Tensor, nn

from podium.pack.bucket import TASK
from podium.pack.errors import Unpackable
from podium.pack.fold import Lanes
from podium.pack.network import FoldedNetwork
from podium.pack.trial import TOLERANCE

GOLDEN = REPOSITORY / "tests" / "golden" / "packing.yaml"
HEAD = "# Which networks pack, and why others do not; made by tests/golden/packing.py.\n"
PACKS = "packs"
LANES, BATCH = 2, 4


def verdict(name: str) -> str:
    """``packs``, or the reason why not, as a run of this network would be told."""
    case = case_of(name)
    if not TASK.endswith(f".{case.task.__name__}"):
        return f"task {case.task.__name__}"
    networks = [case.build(seed).train() for seed in range(LANES)]
    inputs = torch.rand(LANES, BATCH, *case.shape, generator=torch.Generator().manual_seed(5))
    alone = [
        _alone(network, input, seed)
        for seed, (network, input) in enumerate(zip(networks, inputs, strict=True))
    ]
    streams = [torch.Generator() for _ in range(LANES)]
    for seed, stream in enumerate(streams):
        torch.manual_seed(seed)
        stream.set_state(torch.get_rng_state())
    try:
        folded = FoldedNetwork(networks, Lanes(streams))
        (gradient,) = torch.autograd.grad(_loss(folded(inputs.flatten(0, 1))) * LANES, folded.weights)
    except Unpackable as error:
        return str(error)
    for lane, own in enumerate(alone):
        if float((gradient[lane] - own).abs().max()) > TOLERANCE * float(own.abs().max()):
            return "gives other gradients when it is folded"
    return PACKS


def _alone(network: nn.Module, input: Tensor, seed: int) -> Tensor:
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    torch.manual_seed(seed)
    output = network(input)
    if not isinstance(output, Tensor):
        return torch.zeros(1)
    _loss(output).backward()
    network.load_state_dict(state)
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]
    network.zero_grad(set_to_none=True)
    return torch.cat([gradient.reshape(-1) for gradient in gradients])


def _loss(output: Tensor) -> Tensor:
    return nn.functional.log_softmax(output, 1)[:, 0].mean()


def read_table() -> dict[str, str]:
    """The verdicts by network."""
    table: dict[str, str] = yaml.safe_load(GOLDEN.read_text(encoding="utf-8"))
    return table
