"""The layers against torch's own cells with the same weights, and against the lecture's equations."""

import copy

import pytest
import torch
from torch import nn

from podium.layers.initializers import Constant, Orthogonal, VarianceScaling
from podium.layers.recurrent import Gru, Lstm, RecurrentLayer, Rnn, SameMask, make_layer, measured

CELLS = ["rnn", "lstm", "gru", "gru_reset_first"]
TORCH_CELLS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
BATCH, TIME, FEATURES, HIDDEN = 4, 7, 3, 5
LENGTHS = torch.tensor([7, 1, 4, 6])


def layer(cell: str, *, bidirectional: bool = False, truncate: int | None = None) -> RecurrentLayer:
    torch.manual_seed(0)
    forget = 1.0 if cell == "lstm" else None
    made = make_layer(
        cell, FEATURES, HIDDEN, bidirectional=bidirectional, truncate=truncate, forget_bias=forget
    )
    return made.double()


def sequences() -> torch.Tensor:
    return torch.randn(BATCH, TIME, FEATURES, generator=torch.Generator().manual_seed(1)).double()


def walking(made: RecurrentLayer) -> RecurrentLayer:
    """The same layer, which takes every step by itself."""
    walker = copy.deepcopy(made)
    walker.walks = lambda padded: True  # type: ignore[method-assign]
    return walker


@pytest.mark.parametrize("cell", sorted(TORCH_CELLS))
def test_a_layer_is_torchs_cell_with_the_same_weights_step_by_step(cell):
    made, x = layer(cell), sequences()
    theirs = TORCH_CELLS[cell](FEATURES, HIDDEN).double()
    theirs.load_state_dict({name.removesuffix("_l0"): value for name, value in made.state_dict().items()})
    state = None
    for ours in (made, walking(made)):
        output, _ = ours(x)
        state = None
        for t in range(TIME):
            state = theirs(x[:, t], state)
            torch.testing.assert_close(output[:, t], state[0] if cell == "lstm" else state)


def parts(made: RecurrentLayer, gate: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """W, U and b of a gate."""
    found = {name: linear for name, linear, _ in made.matrices()}
    own = [found[f"{kind}_{gate}" if gate else kind] for kind in ("input", "recurrent")]
    return own[0].weight, own[1].weight, own[0].bias + own[1].bias


def test_the_plain_cell_is_the_lectures_equation():
    made, x = layer("rnn"), sequences()
    w, u, b = parts(made, "")
    h = torch.zeros(BATCH, HIDDEN).double()
    for t in range(TIME):
        h = torch.tanh(x[:, t] @ w.T + h @ u.T + b)
    torch.testing.assert_close(made(x)[1][0][0], h)


def test_the_memory_is_the_lectures_equations():
    made, x = layer("lstm"), sequences()
    h = c = torch.zeros(BATCH, HIDDEN).double()
    for t in range(TIME):
        gates = {}
        for name in "fico":
            w, u, b = parts(made, name)
            gates[name] = x[:, t] @ w.T + h @ u.T + b
        c = gates["f"].sigmoid() * c + gates["i"].sigmoid() * gates["c"].tanh()
        h = gates["o"].sigmoid() * c.tanh()
    for ours, theirs in zip(made(x)[1], (h, c), strict=True):
        torch.testing.assert_close(ours[0], theirs)


def test_the_gated_cell_with_the_reset_in_front_is_the_papers_equations_and_torchs_is_not():
    made, x = layer("gru_reset_first"), sequences()
    h = torch.zeros(BATCH, HIDDEN).double()
    for t in range(TIME):
        (wz, uz, bz), (wr, ur, br), (wh, uh, bh) = (parts(made, gate) for gate in "zrh")
        z, r = (x[:, t] @ wz.T + h @ uz.T + bz).sigmoid(), (x[:, t] @ wr.T + h @ ur.T + br).sigmoid()
        h = z * h + (1 - z) * torch.tanh(x[:, t] @ wh.T + (r * h) @ uh.T + bh)
    torch.testing.assert_close(made(x)[1][0][0], h)
    assert not torch.allclose(layer("gru")(x)[1][0][0], h)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_padded_batch_is_its_sequences_one_by_one(cell, bidirectional):
    made, x = layer(cell, bidirectional=bidirectional), sequences()
    for ours in (made, walking(made)):
        output, state = ours(x, LENGTHS)
        for row, length in enumerate(LENGTHS.tolist()):
            alone, ended = made(x[row : row + 1, :length])
            torch.testing.assert_close(output[row, :length], alone[0])
            assert not output[row, length:].any()
            for part, own in zip(state, ended, strict=True):
                torch.testing.assert_close(part[:, row], own[:, 0])


@pytest.mark.parametrize("cell", CELLS)
def test_without_lengths_padding_would_change_what_is_computed(cell):
    made, x = layer(cell, bidirectional=True), sequences()
    assert not torch.allclose(made(x)[1][0][:, 2], made(x, LENGTHS)[1][0][:, 2])


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "padded"])
@pytest.mark.parametrize("cell", CELLS)
def test_truncation_changes_no_value_and_cuts_the_gradient(cell, lengths):
    plain, cut, x = layer(cell), layer(cell, truncate=3), sequences().requires_grad_()
    torch.testing.assert_close(cut(x, lengths)[0], plain(x, lengths)[0])
    (whole,) = torch.autograd.grad(plain(x, lengths)[0][0, 6].sum(), x)
    (short,) = torch.autograd.grad(cut(x, lengths)[0][0, 6].sum(), x)  # steps 6 | 3 to 5 | 0 to 2
    assert whole[0, :6].abs().sum(1).all()
    assert not short[0, :6].any()
    torch.testing.assert_close(short[0, 6], whole[0, 6])


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_is_gone_on_from_and_the_gradient_reaches_it(cell):
    made, x = layer(cell), sequences()
    whole, end = made(x)
    _, state = made(x[:, :4])
    for ours in (made, walking(made)):
        output, last = ours(x[:, 4:], None, state)
        torch.testing.assert_close(output, whole[:, 4:])
        for one, other in zip(last, end, strict=True):
            torch.testing.assert_close(one, other)
        (gradient,) = torch.autograd.grad(output.sum(), state[0], retain_graph=True)
        assert gradient.any()


@pytest.mark.parametrize("truncate", [0, -1])
def test_a_truncation_below_a_step_or_of_both_directions_is_refused(truncate):
    with pytest.raises(ValueError, match=rf"truncate must be null, or at least 1 .*, got {truncate}; set"):
        layer("rnn", truncate=truncate)
    with pytest.raises(ValueError, match=r"truncate must .* of one direction, got 3; set"):
        layer("rnn", truncate=3, bidirectional=True)


@pytest.mark.parametrize(("cell", "forget"), [("lstm", None), ("gru", 1.0), ("rnn", 0.0)])
def test_only_an_lstm_has_a_forget_bias(cell, forget):
    with pytest.raises(ValueError, match=r"forget_bias must be .*, got .*; choose network=lstm"):
        make_layer(cell, 3, 5, bidirectional=False, truncate=None, forget_bias=forget)


class Holder(nn.Module):
    """A network with one recurrent layer."""

    def __init__(self, made: RecurrentLayer) -> None:
        super().__init__()
        self.layer, self.output = made, nn.Linear(HIDDEN, 2)


@pytest.mark.parametrize("cell", CELLS)
def test_every_matrix_of_every_gate_is_drawn_by_its_own_sizes_and_activation(cell):
    made = layer(cell, bidirectional=True)
    Orthogonal(gain="activation", exceptions={}).apply(Holder(made))
    for name, linear, squash in made.matrices():
        gain = 5 / 3 if isinstance(squash, nn.Tanh) else 1.0
        rows = linear.weight if linear.weight.shape[0] <= linear.weight.shape[1] else linear.weight.T
        torch.testing.assert_close(rows @ rows.T, gain**2 * torch.eye(len(rows)).double(), atol=1e-5, rtol=0)
        assert linear.weight.shape == (HIDDEN, HIDDEN if "recurrent" in name else FEATURES)
        candidate = {"rnn": name, "lstm": "_c", "gru": "_h", "gru_reset_first": "_h"}[cell]
        assert isinstance(squash, nn.Tanh) is (candidate in name)


def test_exceptions_name_matrices_and_forget_gates_begin_open():
    made = layer("lstm")
    scheme = VarianceScaling(
        fan="average",
        distribution="uniform",
        gain=1.0,
        exceptions={"layer.recurrent_*": Constant(value=0.5, exceptions={})},
    )
    scheme.apply(Holder(made))
    found = {name: linear for name, linear, _ in made.matrices()}
    assert all((found[f"recurrent_{gate}"].weight == 0.5).all() for gate in "ifco")
    assert found["input_f"].weight.abs().max() <= (6 / (FEATURES + HIDDEN)) ** 0.5
    assert (found["input_f"].bias == 1).all()
    assert not any(found[f"{kind}_{gate}"].bias.any() for kind in ("input", "recurrent") for gate in "ico")
    assert not found["recurrent_f"].bias.any()


@pytest.mark.parametrize("cell", CELLS)
def test_masks_are_the_same_in_every_step_and_nothing_in_evaluation(cell):
    made, x = layer(cell), sequences()
    plain = made(x)[0]
    made.input_mask, made.recurrent_mask = SameMask(0.5), SameMask(0.5)
    torch.testing.assert_close(made.eval()(x)[0], plain)
    made.train()
    torch.manual_seed(5)
    output, _ = made(x)
    torch.manual_seed(5)
    seen = torch.nn.functional.dropout(torch.ones(BATCH, FEATURES).double(), 0.5)
    kept = torch.nn.functional.dropout(torch.ones(BATCH, HIDDEN).double(), 0.5)
    weight, recurrent, bias, other = made.directed(0)
    state = tuple(torch.zeros(BATCH, HIDDEN).double() for _ in range(made.memories))
    for t in range(TIME):
        given = (x[:, t] * seen) @ weight.T + bias
        masked = (state[0] * kept, *state[1:])
        unmasked = made.step(given, masked, (recurrent, other), None)
        if cell.startswith("gru"):  # what is kept of the old values is not masked
            unmasked = made.step(given, state, (recurrent, other), kept)
        state = unmasked
        torch.testing.assert_close(output[:, t], state[0])


def test_lengths_are_read_off_the_filling():
    x = sequences()
    assert measured(x)[1] is None
    x[1, 3:] = torch.nan
    clean, lengths = measured(x)
    assert lengths.tolist() == [7, 3, 7, 7]
    assert clean.isfinite().all()
    assert measured(torch.zeros(2, 3, 1, device="meta"))[1] is None


def test_layers_are_torchs():
    assert [issubclass(ours, theirs) for ours, theirs in ((Rnn, nn.RNN), (Lstm, nn.LSTM), (Gru, nn.GRU))]
