"""Weights that a network begins with: published by torchvision or timm, or of a file (network.weights=...).

- ``torchvision``, or ``torchvision:IMAGENET1K_V1`` for one of several: the weights of the same network, downloaded once
  into torch's own folder (TORCH_HOME). They were trained on colour images of 0 to 1, less their channels' means and by
  their deviations; those of GoogLeNet and Inception v3 on images of -1 to 1.
- ``timm@SHA256``, or ``timm:a1_in1k@SHA256`` for one of several: the weights of a network of timm, from its hub.
- ``runs/NAME/network.safetensors@SHA256``: a file of this network's weights, under our names or its authors', with at
  least the first 16 digits of its hash: .safetensors, or .pth and .pt without objects. A run's network is such a file,
  and ``podium.run.pretrained`` writes these words for ``runs/NAME``.

Only tensors are read, never code. An output layer for another number of classes keeps its fresh weights, which is
logged; anything else that does not fit is refused. The other way, ``podium.layers.naming.to_torchvision`` gives a
network's state under torchvision's names.
"""

import hashlib
import io
import logging
import pickle
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn

import safetensors.torch
import torch
from torch import Tensor, nn

from podium.layers.naming import Published, State, from_torchvision
from podium.records.record import WEIGHTS_DIGITS
from podium.run.errors import ConfigError, nearest
from podium.run.timm_weights import TIMM, timm_file

_LOG = logging.getLogger(__name__)
_KEY = "network.weights"
_TORCHVISION = "torchvision"
_AUXILIARY = (
    "aux1.",
    "aux2.",
    "AuxLogits.",
)  # torchvision's auxiliary classifiers, which a network may do without
_DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.\w+)$")  # norm.1 of old files is norm1 now
_SUFFIXES = (".safetensors", ".pth", ".pt")
_PATIENCE_S = 60.0  # without a byte from the other side


def load_weights(network: nn.Module, source: str, *, progress: bool) -> None:
    """Load the weights that ``source`` names into a network; ``progress`` draws a bar for a download.

    Raises:
        ConfigError: there are none, they cannot be had, are not what their hash says, or are of another network.
    """
    if source == _TORCHVISION or source.startswith(f"{_TORCHVISION}:"):
        state = _published(network, source, progress=progress)
    elif re.match(rf"{TIMM}($|[:@])", source):
        named, _, _ = source.partition("@")
        state = _from_file(network, source, timm_file(network, named, progress=progress))
    else:
        state = _from_file(network, source, Path(_path(source)).expanduser())
    _fill(network, state, source)


def _published(network: nn.Module, source: str, *, progress: bool) -> State:
    """Torchvision's weights for a network that it has too."""
    if not isinstance(network, Published) or (name := network.torchvision_name()) is None:
        why = ", with options or images that make it another" if isinstance(network, Published) else ""
        raise ConfigError(
            f"{_KEY}={source} requires a network as torchvision has it, got {type(network).__name__}{why}; "
            f"set {_KEY}=null, or the options of torchvision's"
        )
    from torchvision.models import get_model_weights  # late: seconds, and only for its weights

    offered = {member.name: member for member in get_model_weights(name)}
    _, colon, chosen = source.partition(":")
    if colon and chosen not in offered:
        raise ConfigError(f"{source} is not published for {name}; {nearest(chosen, offered)}")
    url = offered[chosen].url if colon else get_model_weights(name).DEFAULT.url
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    content = _downloaded(url, file, progress=progress)
    state = _parsed(content, file)
    ours = set(network.torchvision_modules().values())
    state = {
        _DENSE_LAYER.sub(r"\1\2", key): tensor
        for key, tensor in state.items()
        if not key.startswith(_AUXILIARY) or key.rpartition(".")[0] in ours
    }
    return _renamed(network, state, source)


def _downloaded(url: str, file: Path, *, progress: bool) -> bytes:
    """A published file's content; its name ends in the first digits of its SHA-256."""
    found = torch.hub.HASH_REGEX.search(file.name)
    if found is None:
        raise ConfigError(
            f"{_KEY} requires a file with its hash in its name, got {url}; choose other weights"
        )
    if not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with _patience(_PATIENCE_S):
                torch.hub.download_url_to_file(url, str(file), found[1], progress=progress)
        except (OSError, HTTPException) as error:
            raise ConfigError(
                f"{_KEY} requires {url}, got no connection or no room ({error}); "
                f"try again, or put the file into {file.parent}"
            ) from None
        except RuntimeError as error:  # the hash, checked while it came
            raise ConfigError(f"{_KEY} requires {url} as it was published, got {error}; try again") from None
    content = file.read_bytes()
    _check_hash(content, found[1], file, remedy="delete it to download it again")
    return content


def _path(source: str) -> str:
    """What stands in front of the hash, if there is one."""
    path, at, _ = source.rpartition("@")
    return path if at else source


def _from_file(network: nn.Module, source: str, file: Path) -> State:
    """The weights of a file, under the network's own names; ``source`` must end in its hash."""
    _, at, digits = source.rpartition("@")
    if file.suffix not in _SUFFIXES:
        raise ConfigError(
            f"{_KEY} must be torchvision, torchvision:NAME, timm, timm:TAG, the folder of a finished run, or a file "
            f"({', '.join(_SUFFIXES)}) with @ and its hash, got {source}; set {_KEY}=null for none"
        )
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{_KEY} must be a file to read, got {file} ({error.strerror}); correct it"
        ) from None
    digest = hashlib.sha256(content).hexdigest()
    if not at:
        raise ConfigError(
            f"{_KEY} must name the file's hash, got {source}; write {_KEY}={source}@{digest[:WEIGHTS_DIGITS]}"
        )
    if not re.fullmatch(rf"[0-9a-f]{{{WEIGHTS_DIGITS},64}}", digits):
        raise ConfigError(
            f"{_KEY} must end in {WEIGHTS_DIGITS} to 64 digits of a SHA-256, got @{digits}; write @{digest[:WEIGHTS_DIGITS]}"
        )
    _check_hash(content, digits, file, remedy="restore it, or write the hash of the file that you want")
    state = _parsed(content, file)
    if set(state) <= set(network.state_dict()):
        return state
    return _renamed(network, state, source)


def _check_hash(content: bytes, digits: str, file: Path, *, remedy: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(digits):
        raise ConfigError(f"{_KEY} requires {file} with SHA-256 {digits}, got {digest}; {remedy}")


def _parsed(content: bytes, file: Path) -> State:
    """The tensors of a file, by name: never anything that runs."""
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load(content)
        loaded: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        _refuse_content(file, "objects or code besides them, or a damaged file")
    except Exception as error:  # what a damaged archive raises depends on where the damage is
        _refuse_content(file, f"{type(error).__name__}: {error}")
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        keys = ", ".join(str(key) for key in list(loaded)[:4]) if isinstance(loaded, Mapping) else ""
        _refuse_content(file, f"{type(loaded).__name__} of {keys}" if keys else type(loaded).__name__)
    return {str(name): tensor for name, tensor in loaded.items()}


def _refuse_content(file: Path, found: str) -> NoReturn:
    raise ConfigError(
        f"{_KEY} requires {file} to hold tensors by name and nothing else, got {found[:200]}; "
        "save a network's state_dict alone"
    )


def _renamed(network: nn.Module, state: Mapping[str, Tensor], source: str) -> State:
    """A state under its authors' names, under the network's own."""
    if not isinstance(network, Published):
        unknown = next(key for key in state if key not in network.state_dict())
        _refuse_fit(network, source, f"{unknown}, which it does not have")
    try:
        return from_torchvision(network, state)
    except ValueError as error:
        raise ConfigError(f"{_KEY}={source}: {error}") from None


def _fill(network: nn.Module, state: State, source: str) -> None:
    """Copy a state into a network; all of it, except an output layer for another number of classes."""
    ours = network.state_dict()
    if unknown := [key for key in state if key not in ours]:
        _refuse_fit(network, source, f"{unknown[0]}, which it does not have")
    # Files from before torch counted batches lack the counters, which no result depends on.
    if missing := [key for key in ours if key not in state and not key.endswith("num_batches_tracked")]:
        _refuse_fit(network, source, f"no {missing[0]}")
    differing = {key: (ours[key], tensor) for key, tensor in state.items() if ours[key].shape != tensor.shape}
    classes = _classes(network, differing)
    if differing and classes is None:
        key, (own, theirs) = next(iter(differing.items()))
        _refuse_fit(network, source, f"{key} of shape {tuple(theirs.shape)} for {tuple(own.shape)}")
    kept = {key: tensor for key, tensor in state.items() if key not in differing}
    for key, tensor in kept.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            _refuse_fit(network, source, f"numbers in {key} that are not finite")
    network.load_state_dict(kept, strict=False)
    if classes is not None:
        layers = ", ".join(dict.fromkeys(key.rpartition(".")[0] for key in differing))
        _LOG.info(
            "%s=%s: %s is for %d classes there and %d here, and keeps its fresh weights",
            _KEY,
            source,
            layers,
            *classes,
        )


def _classes(network: nn.Module, differing: Mapping[str, tuple[Tensor, Tensor]]) -> tuple[int, int] | None:
    """(classes there, classes here) when whole layers differ in nothing else: the last one, auxiliary classifiers."""
    layers = [path for path, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    last = "output" if "output" in layers else layers[-1]
    different = {key.rpartition(".")[0] for key in differing}
    whole = all(
        key in differing
        for key, tensor in network.state_dict().items()
        if key.rpartition(".")[0] in different and tensor.ndim > 0
    )
    rest = all(theirs.ndim > 0 and ours.shape[1:] == theirs.shape[1:] for ours, theirs in differing.values())
    if last not in different or not whole or not rest:
        return None
    sizes = {(len(theirs), len(ours)) for ours, theirs in differing.values()}
    return sizes.pop() if len(sizes) == 1 else None


def _refuse_fit(network: nn.Module, source: str, found: str) -> NoReturn:
    raise ConfigError(
        f"{_KEY}={source} must be of this network ({type(network).__name__}), got {found}; choose other weights"
    )


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Let connections that say nothing fail: a firewall may swallow every byte."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
