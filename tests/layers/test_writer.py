"""What is written step by step: greedily, with a beam, and up to the end."""

import itertools

import pytest
import torch
from torch import nn

from podium import contracts
from podium.layers.decoder import Decoder, Memory
from podium.layers.writer import END, FILLING, Writer, cut

LONGEST = 4


class Chain(Writer):
    """Writes by a table of the likelihoods of what follows a symbol, whatever is read."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__(LONGEST)
        classes = len(table)
        self.decoder = Decoder(
            num_classes=classes,
            cell="rnn",
            embedding=classes,
            widths=[classes],
            attention=False,
            dropout=0.0,
            forget_bias=None,
        )
        self.output = nn.Linear(classes, classes)
        with torch.no_grad():  # the state is the symbol, and the output its row
            self.decoder.embedding.weight.copy_(torch.eye(classes))
            layer = self.decoder.layers[0]
            layer.weight_hh_l0.zero_()
            layer.weight_ih_l0.copy_(10 * torch.eye(classes))
            layer.bias_ih_l0.zero_()
            layer.bias_hh_l0.zero_()
            self.output.weight.copy_(table.log().T)
            self.output.bias.zero_()

    def read(self, input: torch.Tensor) -> Memory:
        return Memory(((torch.zeros(1, len(input), self.output.out_features),),), None, None)


# From the beginning (0), 1 is likelier than 2; but from 1 everything is as likely, and from 2 the end is nearly sure.
TABLE = torch.tensor([[0.02, 0.50, 0.48], [0.34, 0.33, 0.33], [0.96, 0.02, 0.02]])


def likelihood(symbols: tuple[int, ...]) -> float:
    """Of a sequence with its end, from the table alone."""
    product, last = 1.0, END
    for symbol in symbols:
        product *= TABLE[last, symbol].item()
        last = symbol
    return product


def best_by_hand() -> tuple[int, ...]:
    """The likeliest of all sequences that end, or are as long as may be."""
    whole = []
    for length in range(1, LONGEST + 1):
        for symbols in itertools.product(range(3), repeat=length):
            inside = END not in symbols[:-1]
            if inside and (symbols[-1] == END or length == LONGEST):
                whole.append(symbols)
    return max(whole, key=likelihood)


def test_a_beam_finds_a_likelier_sequence_than_the_likeliest_symbols_make() -> None:
    network = Chain(TABLE).eval()
    greedy, one = network.search(torch.zeros(1, 1), beams=1)
    beam, more = network.search(torch.zeros(1, 1), beams=2)
    assert greedy.tolist() == [[1, 0, -1, -1]]
    assert beam.tolist() == [[2, 0, -1, -1]]
    assert best_by_hand() == (2, 0)
    assert one.exp().item() == pytest.approx(likelihood((1, 0)), rel=1e-4)
    assert more.exp().item() == pytest.approx(likelihood((2, 0)), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_as_wide_as_the_symbols_is_never_worse_and_often_the_best_of_all(seed: int) -> None:
    torch.manual_seed(seed)
    table = torch.softmax(2 * torch.randn(5, 5), 1)
    network = Chain(table).eval()
    found = [network.search(torch.zeros(1, 1), beams=beams)[1].item() for beams in (1, 5)]
    assert found[1] >= found[0] - 1e-6


def test_a_beam_of_one_takes_the_likeliest_symbol_every_time() -> None:
    torch.manual_seed(0)
    network = Chain(torch.softmax(torch.randn(5, 5), 1)).eval()
    with torch.no_grad():
        greedy = cut(network(torch.zeros(3, 1)).argmax(1))
    assert torch.equal(network.search(torch.zeros(3, 1), beams=1)[0], greedy)


def test_the_end_and_what_fills_up_are_those_of_batches() -> None:
    assert (END, FILLING) == (contracts.END, contracts.FILLING)


def test_what_is_written_ends_with_the_first_end() -> None:
    symbols = torch.tensor([[1, 0, 2, 0], [1, 2, 1, 2], [0, 0, 1, 1]])
    assert cut(symbols).tolist() == [[1, 0, -1, -1], [1, 2, 1, 2], [0, -1, -1, -1]]
    with pytest.raises(ValueError, match=r"^longest must be positive, got \[0\]; set network\.longest=30"):
        Writer.__init__(nn.Module.__new__(Chain), 0)
