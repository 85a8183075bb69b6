"""Weights that timm publishes for its own networks: files of the Hugging Face hub (https://huggingface.co/timm).

They are downloaded once, into that library's own folder (HF_HOME). The hub may put another file in the place of one, so
a configuration names the hash of the one it means.
"""

import os
from pathlib import Path
from typing import Any

from torch import nn

from podium.networks.timm_zoo import Timm
from podium.run.errors import ConfigError, nearest

TIMM = "timm"
_KEY = "network.weights"
_FILE = "model.safetensors"


def timm_file(network: nn.Module, source: str, *, progress: bool) -> Path:
    """The file that ``timm`` (its own choice), or ``timm:TAG`` (of several), names for a network of timm.

    Raises:
        ConfigError: the network is not timm's, there are no such weights, or they cannot be had.
    """
    if not isinstance(network, Timm):
        raise ConfigError(
            f"{_KEY}={source} requires network=timm, got {type(network).__name__}; set {_KEY}=null, or that network"
        )
    import timm  # there, as the network is

    about: Any = network.inner.pretrained_cfg
    name: str = about["architecture"]
    _, colon, tag = source.partition(":")
    offered = {one.partition(".")[2]: one for one in timm.list_pretrained(f"{name}.*")}
    if not offered:
        raise ConfigError(f"{_KEY}={source} requires published weights, got none of {name}; set {_KEY}=null")
    if colon and tag not in offered:
        raise ConfigError(f"{source} is not published for {name}; {nearest(tag, offered)}")
    settings = timm.get_pretrained_cfg(offered[tag] if colon else name)
    assert settings is not None
    if not settings.hf_hub_id:
        raise ConfigError(
            f"{_KEY}={source} requires a file of the hub, got {name} without one; download {settings.url or 'it'} and "
            f"name the file, {_KEY}=FILE.safetensors"
        )
    return _downloaded(settings.hf_hub_id, source, progress=progress)


def _downloaded(repository: str, source: str, *, progress: bool) -> Path:
    """The file of a repository of the hub, from its folder on this machine if it is there."""
    if not progress:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read when the library is imported
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, _FILE))
    except Exception as error:  # of several libraries, by what is wrong with the connection
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ConfigError(
            f"{_KEY}={source} requires {_FILE} of https://huggingface.co/{repository}, got no such file ({said}); "
            f"try again with a connection, or copy it here and set {_KEY}=FOLDER/{_FILE}"
        ) from None
