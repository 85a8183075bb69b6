import pytest
import torch
from torch import nn

from podium.layers.recurrent_stack import embedded, make_layers, read_out, through


def test_layers_fit_on_top_of_each_other_in_both_directions():
    layers = make_layers("gru", 3, [4, 5], bidirectional=True, truncate=None, forget_bias=None)
    assert [(layer.input_size, layer.hidden_size) for layer in layers] == [(3, 4), (8, 5)]
    sequence, state = through(layers, [nn.Identity(), nn.Identity()], torch.rand(2, 6, 3), None)
    assert sequence.shape == (2, 6, 10)
    torch.testing.assert_close(read_out("last", sequence, None, state), torch.cat(list(state[0]), 1))
    torch.testing.assert_close(state[0][0], sequence[:, -1, :5])
    torch.testing.assert_close(state[0][1], sequence[:, 0, 5:])


def test_every_layer_has_its_dropout_and_a_missing_one_is_no_silent_end():
    layers = make_layers("rnn", 3, [4, 4], bidirectional=False, truncate=None, forget_bias=None)
    x = torch.rand(2, 6, 3)
    nothing, _ = through(layers, [nn.Identity(), nn.Dropout(1.0)], x, None)
    assert not nothing.any()
    with pytest.raises(ValueError, match="shorter"):
        through(layers, [nn.Identity()], x, None)


def test_symbols_that_fill_up_are_zero_and_say_the_length():
    embedding = nn.Embedding(4, 2)
    sequence, lengths = embedded(embedding, torch.tensor([[1.0, 0.0, 3.0], [2.0, -1.0, -1.0]]))
    assert lengths.tolist() == [3, 1]
    assert not sequence[1, 1:].any()
    torch.testing.assert_close(sequence[0], embedding.weight[[1, 0, 3]])
    torch.testing.assert_close(
        read_out("mean", sequence, lengths, ()), torch.stack([sequence[0].mean(0), sequence[1, 0]])
    )
    assert embedded(embedding, torch.zeros(2, 3))[1] is None
