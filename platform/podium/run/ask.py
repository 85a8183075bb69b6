"""`podium ask`: let a network that answers by spans read a paragraph of your own."""

import logging
from pathlib import Path

import torch

from podium.data.plain_text import read_text
from podium.data.spans import SpanData
from podium.data.vocabulary import UNKNOWN
from podium.data.words import spans
from podium.run.build import refusals
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.isolation import isolated
from podium.tasks.span_reading import SpanReading, likeliest

_LOG = logging.getLogger("podium")


def ask_command(folder: Path, *, question: str, paragraph: Path) -> int:
    """Print what a finished run's network answers to a question about the text of a file.

    Raises:
        ConfigError: the file is missing or no UTF-8; as ``ask``.
    """
    if not paragraph.is_file():
        raise ConfigError(f"--paragraph must be a file of text, got no file {paragraph}; write one")
    with refusals("--paragraph"):
        text = read_text(paragraph)
    print(ask(folder, question=question, paragraph=text))
    return 0


def ask(folder: Path, *, question: str, paragraph: str) -> str:
    """The likeliest span of the paragraph.

    Raises:
        ConfigError: the run is none that answers by spans, or the question or the paragraph cannot be read.
    """
    with isolated():
        record, parts = trained(folder)
        data, task = parts.data, parts.task
        if not isinstance(data, SpanData) or not isinstance(task, SpanReading):
            raise ConfigError(
                f"{folder} must be a reader that answers by spans, got {record.name} on {data.name}; "
                "train one with network=span_reader data=squad"
            )
        data.examples("train")
        with refusals("text"):
            numbers = data.numbers(question, paragraph)
        if unknown := int((numbers == UNKNOWN).sum()):
            _LOG.warning("%s of %s words are in no training example", unknown, int((numbers >= 0).sum()))
        with torch.inference_mode():
            output = parts.network.eval()(numbers.float())
        first, last = likeliest(output, longest=task.longest)[0].tolist()
        places = spans(paragraph)
        return paragraph[places[first][0] : places[last][1]]
