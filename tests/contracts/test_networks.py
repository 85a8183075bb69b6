"""Every file of conf/network keeps these promises. A new file is picked up by its name.

Each network is built as small as it goes: narrow, on the smallest samples that it does not refuse (network_cases.py).
Full-size counts are made without memory. What networks gave once is frozen in tests/golden; after a change that is meant
to change it: .venv/bin/python tests/golden/forward_means.py
"""

import json
import re
from functools import cache

import pytest
import torch
import yaml
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from network_cases import (
    CONF,
    NETWORKS,
    OWN_DATA,
    REPOSITORY,
    RULE_EPOCHS,
    calls_in_a_pass,
    case_of,
    composed,
    figures,
    he_normal,
    is_frozen,
    node_of,
    unmoved,
    unreached,
    without_dropout,
)
from torch import nn

from podium.contracts import Auxiliary
from podium.layers.table import Table

PUBLISHED = REPOSITORY / "docs" / "catalogue" / "published.yaml"
GOLDEN = REPOSITORY / "tests" / "golden" / "forward_means.json"
FROZEN = json.loads(GOLDEN.read_text(encoding="utf-8"))
REMEDY = "run .venv/bin/python tests/golden/forward_means.py"
DEEP = 40  # from as many weight layers on, steps are slow and sisters of fewer layers learn by heart


def is_weight_layer(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | nn.modules.conv._ConvNd)


@cache
def catalogue():
    """Every network's entry in docs/catalogue/published.yaml."""
    sections = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))["sections"]
    return {name: entry for section in sections.values() for name, entry in section.items()}


def gives(case, batch):
    """What a small network gives in evaluation."""
    with torch.no_grad():
        return case.build().eval()(batch.input)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_names_its_task(name):
    text = (CONF / "network" / f"{name}.yaml").read_text(encoding="utf-8")
    parents = [line.split("- ")[1].strip() for line in text.splitlines() if line.startswith("  - ")]
    inherits = any(parent in NETWORKS for parent in parents)
    assert inherits or any(parent.startswith("override /task@_global_.task: ") for parent in parents)
    assert composed(name).task._target_.startswith("podium.tasks.")


@pytest.mark.parametrize("name", NETWORKS)
def test_it_gives_what_its_task_asks_for_with_one_channel_and_with_three(name):
    for channels in (1, 3):
        case = case_of(name).with_channels(channels)
        output = gives(case, case.batch(2))
        case.task.check_output(output, samples=2, num_classes=case.classes, shape=case.shape)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 40)])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_takes_other_samples_or_says_in_one_line_what_it_needs(name, shape):
    case, refusal = case_of(name).with_shape(shape), ""
    try:
        case.build()
    except InstantiationException as error:
        refusal = str(error.__cause__)
    if refusal:
        assert re.fullmatch(
            r".+ requires (images|signals|volumes|sequences|pairs|skip-grams) .+, got .+; use .+", refusal
        )
    else:
        batch = case.batch(2)
        case.task.check_output(gives(case, batch), samples=2, num_classes=case.classes, shape=shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_its_last_layer_is_called_output(name):
    case = case_of(name)
    network = case.build()
    layers = [key for key, module in network.named_modules() if is_weight_layer(module)]
    if not layers:
        assert any(isinstance(module, Table) for module in network.modules())
        return
    last = layers[-1]
    if case.foreign or case.task.by_rule:  # other people's networks and rules have names of their own
        assert last
    else:
        assert last == "output"
        features = getattr(network.output, "out_features", None) or network.output.out_channels
        answer = gives(case, case.batch(2))
        if case.task.targets == "spans":  # the scores of places are products with what was read there
            assert features % answer.shape[1] == 0
        else:
            assert features == (answer[0].numel() if case.task.copies else answer.shape[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_its_task_trains_it_and_the_gradient_or_the_rule_reaches_every_parameter(name):
    case, never = case_of(name), None
    for seed in range(4):  # rectifiers of so narrow a network can be dead by chance, not in every draw
        network = without_dropout(case.build(seed))
        if case.task.by_rule:
            missed = unmoved(case, network)
        else:
            case.train(network).training_step(case.batch(8), 0).backward()
            missed = unreached(network)
        never = missed if never is None else never & missed
        if not never:
            return
    pytest.fail(f"never reached: {sorted(never)}")


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_is_deterministic_and_each_sample_stands_for_itself(name):
    case = case_of(name)
    network, inputs = case.build().eval(), case.batch(4).input
    with torch.no_grad():
        once, again, alone = network(inputs), network(inputs), network(inputs[1:2])
    assert torch.equal(once, again)
    torch.testing.assert_close(once[1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_its_state_makes_another_one_equal(name):
    case = case_of(name)
    first, second, batch = case.build(0), case.build(1), case.batch(4)
    if case.task.by_rule:
        case.fit(first, batch, epochs=RULE_EPOCHS)
    else:
        case.train(first).training_step(batch, 0)  # moves the running statistics
    with torch.no_grad():
        wanted = first.eval()(batch.input)
        assert not torch.equal(wanted, second.eval()(batch.input))
        second.load_state_dict(first.state_dict())
        assert torch.equal(wanted, second(batch.input))


@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_the_published_number_of_parameters(name):
    entries = catalogue()
    assert name in entries, f"add {name} to docs/catalogue/published.yaml, then run pipelines/catalogue.py"
    if case_of(name).foreign:
        assert "not_counted" in entries[name], f"{name} is a door to many networks: say not_counted and why"
        return
    entry = entries[name]
    with torch.device("meta"):
        network = instantiate(node_of(name, entry["shape"], entry["classes"]), _convert_="all")
    assert sum(parameter.numel() for parameter in network.parameters()) == entry["parameters"]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_activation_is_used_twice_in_a_pass(name):
    case = case_of(name)
    calls = calls_in_a_pass(case.build(), case.batch(2).input)
    if case.foreign:  # their authors' own way, which layers/adopted.py says
        assert calls
    else:
        steps = {case.build().longest} if case.task.targets == "sequences" else set()  # what is written needs
        assert set(calls.values()) <= {1} | steps


@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_one_batch_by_heart(name):
    """A deep network learns a part of it: its blocks are those of shallower sisters, which learn it whole.

    So does one that answers with pixels or boxes, of which there are too many for so few steps.
    """
    case = case_of(name).to_learn()
    network, batch = without_dropout(case.build()), case.colours(6)
    he_normal().apply(network)
    if case.task.by_rule:
        losses = case.fit(network, batch, epochs=15 * RULE_EPOCHS)
        assert losses[-1] < 0.9 * losses[0], f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}"
        return
    task, outputs = case.train(network), []
    network.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    optimizer = task.configure_optimizers()
    whole = case.task.targets == "classes" and not case.task.copies
    part = not whole or sum(is_weight_layer(m) for m in network.modules()) >= DEEP
    losses: list[float] = []
    steps = 30 if case.shape in OWN_DATA else 10  # rows of tables learn from their own examples alone
    for _ in range(steps if part else 300):
        optimizer.zero_grad()
        loss = task.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        logits = outputs[-1].logits if isinstance(outputs[-1], Auxiliary) else outputs[-1]
        if losses[-1] < 0.9 * losses[0] if part else task.errors(logits, batch.target)["top1_error"] == 0:
            return
    pytest.fail(f"the loss went from {losses[0]:.3f} to {min(losses):.3f} in {len(losses)} steps")


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_it_still_computes_what_it_computed(name):
    now = figures(case_of(name))
    assert is_frozen(now, FROZEN[name]), f"{name} changed: {now}; if it was meant to: {REMEDY}"


def test_every_network_is_frozen():
    missing = sorted(set(NETWORKS) ^ set(FROZEN))
    assert not missing, f"new or gone: {missing}; {REMEDY}"
