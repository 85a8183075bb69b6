"""`podium translate`: let an encoder and decoder write about a text."""

import logging
from pathlib import Path

import torch

from podium.data.sequences import Sequences
from podium.data.symbols import filled_up
from podium.layers.writer import Writer
from podium.metrics.sequence_to_sequence import UNKNOWN
from podium.run.build import refusals
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.isolation import isolated

_LOG = logging.getLogger("podium")


def translate_command(folder: Path, *, text: str, beams: int) -> int:
    """Print what a finished run's network writes about a text."""
    print(translate(folder, text=text, beams=beams))
    return 0


def translate(folder: Path, *, text: str, beams: int) -> str:
    """The likeliest answer that is found with a beam of so many beginnings.

    Raises:
        ConfigError: the run is none that reads and writes text, or the text or the beam cannot be used.
    """
    with isolated():
        record, parts = trained(folder)
        data, network = parts.data, parts.network
        if not isinstance(data, Sequences) or not isinstance(network, Writer):
            raise ConfigError(
                f"{folder} must be an encoder and decoder, got {record.name} on {data.name}; "
                "train one with network=translator data=parallel_text"
            )
        if beams > data.num_classes:
            raise ConfigError(
                f"--beams must be at most the {data.num_classes} symbols, got {beams}; lower it"
            )
        data.examples("train")
        with refusals("text"):
            symbols = data.numbers(text)
        if not 0 < len(symbols) <= data.shape[0]:
            raise ConfigError(
                f"the text must have from 1 to {data.shape[0]} symbols, got {len(symbols)}; divide it up"
            )
        if unknown := symbols.count(UNKNOWN):
            _LOG.warning("%s of %s symbols are in no training sentence", unknown, len(symbols))
        with torch.inference_mode():
            written, _ = network.eval().search(
                torch.from_numpy(filled_up([symbols], data.shape[0])).float(), beams=beams
            )
        return data.text(written[0].tolist())
