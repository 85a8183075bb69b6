"""Symbols in half precision: bfloat16 has no 257, so a table would be asked for another row."""

import pytest
import torch
from torch import nn

from podium.networks.word2vec import Word2vec
from podium.run import engine, speed
from podium.run.build import build
from podium.run.precision import looks_up
from podium.run.speed import measure_speed
from podium.run.train import train

WORDS = 600


@pytest.fixture
def config(settings, tmp_path):
    """Vectors of more words than bfloat16 can count."""
    draw = torch.Generator().manual_seed(0)
    numbers = torch.cat([torch.randperm(WORDS, generator=draw) for _ in range(4)])
    file = tmp_path / "story.txt"
    file.write_text(" ".join(f"w{number}" for number in numbers.tolist()), encoding="utf-8")
    return settings(
        "network=word2vec",
        "network.width=4",
        "data=skip_grams",
        "data.pairs.window=1",
        "data.pairs.subsample=null",
        "data.pairs.min_count=1",
        f"data.words.number={WORDS + 100}",
        f"data.root={file}",
        "data.batch_size=256",
        "trainer.max_epochs=1",
        "trainer.precision=bf16-true",
    )


@pytest.fixture
def odd(monkeypatch):
    """What a network in half precision was asked for, of the numbers that bfloat16 lacks."""
    seen: set[int] = set()
    forward = Word2vec.forward

    def look(self, input):
        if self.word.weight.dtype == torch.bfloat16:
            seen.update(int(number) for number in input.flatten().tolist() if number > 256 and number % 2)
        return forward(self, input)

    monkeypatch.setattr(Word2vec, "forward", look)
    return seen


def test_training_and_measuring_ask_for_the_words_themselves(config, odd):
    measure_speed(config, seconds=0.001)
    assert len(odd) > 50
    odd.clear()
    train(config)
    assert len(odd) > 100


def test_symbols_that_were_rounded_would_be_others(config, odd, monkeypatch):
    for module in (engine, speed):
        monkeypatch.setattr(module, "looks_up", lambda network, data: False)
    measure_speed(config, seconds=0.001)
    train(config)
    assert not odd


def test_what_has_no_table_may_be_rounded(config):
    parts = build(config)
    assert looks_up(parts.network, parts.data)
    assert not looks_up(nn.Linear(8, 2), parts.data)
    parts.data.of_symbols = False
    assert not looks_up(parts.network, parts.data)
