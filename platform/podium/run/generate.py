"""`podium generate`: let a language model go on with a text, one character after the other."""

from pathlib import Path

import torch

from podium.data.text import Text
from podium.data.vocabulary import UNKNOWN
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.isolation import isolated


def generate_command(folder: Path, *, length: int, temperature: float, start: str, seed: int) -> int:
    """Print the start and what a finished run's network makes of it."""
    print(start + generate(folder, length=length, temperature=temperature, start=start, seed=seed))
    return 0


def generate(folder: Path, *, length: int, temperature: float, start: str, seed: int) -> str:
    """So many characters behind a start, drawn from p^(1/temperature); 0 takes the most probable one.

    The network sees as many characters as it was trained on at a time, and gives no unknown ones.

    Raises:
        ConfigError: the run is no finished language model, or the start or the temperature cannot be used.
    """
    if not 0 <= temperature < float("inf"):
        raise ConfigError(
            f"--temperature must be 0 or more and finite, got {temperature}; 1 is the model's own"
        )
    if not start:
        raise ConfigError(
            "--start must be at least one character, got none; give one, such as --start 'The '"
        )
    with isolated():
        record, parts = trained(folder)
        if not isinstance(parts.data, Text):
            raise ConfigError(
                f"{folder} must be a language model of text, got {record.name} on {parts.data.name}; "
                "train one with network=char_rnn data=text"
            )
        parts.data.examples("train")
        vocabulary = parts.data.vocabulary
        numbers = vocabulary.numbers(start).tolist()
        if UNKNOWN in numbers:
            raise ConfigError(
                f"--start must be of characters of the training text, got {start[numbers.index(UNKNOWN)]!r}; "
                "choose another"
            )
        network = parts.network.eval()
        draw = torch.Generator().manual_seed(seed)
        with torch.inference_mode():
            for _ in range(length):
                window = torch.tensor([numbers[-parts.data.shape[0] :]], dtype=torch.float32)
                numbers.append(_next(network(window)[0, :, -1], len(vocabulary.codes), temperature, draw))
    return vocabulary.text(numbers[-length:])


def _next(logits: torch.Tensor, known: int, temperature: float, draw: torch.Generator) -> int:
    """The number of the next character, of those that the vocabulary holds."""
    logits = logits[1 : known + 1].double()
    if temperature == 0:
        return 1 + int(logits.argmax())
    return 1 + int(torch.multinomial(torch.softmax(logits / temperature, 0), 1, generator=draw))
