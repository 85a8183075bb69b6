"""Features: what goes into a layer of a network for each example, and a cache of them on the disk.

A kept file is used for what it was made of alone. Its name is a hash of every tensor of the network in front of the layer,
of the data's content and split, and of the features of the first few examples, computed anew each time: the same weights
in a network that does something else with them (another activation, another library) give others. What it holds is
checked against its own hash, so a damaged file is made again.
"""

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from podium.data.arrays import Examples
from podium.data.base import DataModule
from podium.data.loader import read
from podium.records.files import write_atomically
from podium.records.record import canonical_json
from podium.run.errors import ConfigError
from podium.run.score import BATCH

_LOG = logging.getLogger(__name__)
_PROBES = 8  # examples whose features are part of a file's name
FOLDER = "features"  # below paths.data
Features = npt.NDArray[np.float32]
Keep = Literal["cached", "computed"]


def training_features(
    config: Mapping[str, Any], keep: Keep, data: Callable[[], DataModule]
) -> Callable[[nn.Module, nn.Module], tuple[Features, npt.NDArray[np.int64]]]:
    """A function that gives the features in front of a network's layer over the training split, and the class numbers.

    Raises:
        ConfigError: the configuration augments, which features of the examples as they are would ignore.
    """
    if augment := config.get("augment"):
        raise ConfigError(
            f"augment must be none where the training examples are seen once, as they are, got {', '.join(augment)}; "
            "set augment=none"
        )

    def features(network: nn.Module, layer: nn.Module) -> tuple[Features, npt.NDArray[np.int64]]:
        found = data()
        examples = found.examples("train")
        labels: npt.NDArray[np.int64] = examples.target.numpy()
        if keep == "computed":
            return features_of(network, layer, examples), labels
        key = _key(network, layer, found)
        return _cached(
            Path(found.root) / FOLDER / f"{key}.npz", lambda: features_of(network, layer, examples)
        ), labels

    return features


def features_of(
    network: nn.Module, layer: nn.Module, examples: Examples, *, most: int | None = None
) -> Features:
    """What goes into the layer for the examples, or the first ``most`` of them, in evaluation: (examples, features).

    Raises:
        ValueError: what the layer gives is not what the network gives.
    """
    kept: list[Tensor] = []
    made: list[Tensor] = []

    def keep(_module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        kept.append(inputs[0].flatten(1).float().cpu())
        made[:] = [output]

    count = min(len(examples), most or len(examples))
    rows = (slice(k, min(k + BATCH, count)) for k in range(0, count, BATCH))
    parameter = next(layer.parameters())
    modes = [(module, module.training) for module in network.modules()]
    hook = layer.register_forward_hook(keep)
    network.eval()
    try:
        with torch.inference_mode():
            for batch in read(examples, rows):
                output = network(batch.input.to(parameter))
                if not (made and made[0].shape == output.shape and torch.equal(made[0], output)):
                    raise ValueError(
                        f"the network must give what its last layer gives, got {type(network).__name__}, which goes on "
                        "behind it; choose another network"
                    )
    finally:
        hook.remove()
        for module, training in modes:
            module.training = training
    return torch.cat(kept).numpy()


def _key(network: nn.Module, layer: nn.Module, data: DataModule) -> str:
    """The hash of all that the features depend on."""
    own = {id(tensor) for tensor in layer.state_dict(keep_vars=True).values()}
    digest = hashlib.sha256()
    for name, tensor in network.state_dict(keep_vars=True).items():
        if id(tensor) not in own:
            values = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
            digest.update(values.flatten().view(torch.uint8).numpy().tobytes())
    digest.update(canonical_json({"data": asdict(data.fingerprint()), "split": "train"}).encode())
    digest.update(features_of(network, layer, data.examples("train"), most=_PROBES).tobytes())
    return digest.hexdigest()


def _cached(path: Path, make: Callable[[], Features]) -> Features:
    """The features kept at this path, or made and kept there."""
    if (kept := _read(path)) is not None:
        _LOG.info("features of %d examples were read from %s", len(kept), path)
        return kept
    made = make()
    buffer = io.BytesIO()
    np.savez(buffer, features=made, sha256=np.array(_sha256(made, path)))
    try:
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise ConfigError(
            f"paths.data must be a folder to write to, got {path.parent} ({error.strerror}); set paths.data, or "
            "tricks.logistic_head.features=computed"
        ) from None
    return made


def _read(path: Path) -> Features | None:
    """What is kept at a path, if it is whole; what is not is removed."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            features, digest = file["features"], str(file["sha256"])
        if features.dtype == np.float32 and digest == _sha256(features, path):
            return np.asarray(features)
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        pass
    _LOG.warning("%s was damaged; its features are computed again", path)
    path.unlink(missing_ok=True)
    return None


def _sha256(features: Features, path: Path) -> str:
    """The hash of some features under their name: a file that was renamed is another one's."""
    return hashlib.sha256(f"{path.stem} {features.shape}\n".encode() + features.tobytes()).hexdigest()
