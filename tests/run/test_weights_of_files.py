"""Weights of a file to begin with: that they are what their hash says, hold no code, and fit."""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from states import Evil, copy_of, digest, load, refusal, same, saved, small, zoo
from torch import nn

from podium.run import weights
from podium.run.build import build_network
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
def test_a_file_of_the_same_network_is_loaded(tmp_path: Path, suffix: str) -> None:
    state = copy_of(small())
    network = small()
    load(network, saved(tmp_path / f"some@where{suffix}", state))
    assert same(network, state)


def test_sixteen_digits_of_the_hash_are_enough_and_fifteen_are_not(tmp_path: Path) -> None:
    path, _, digits = saved(tmp_path / "a.pth", copy_of(small())).rpartition("@")
    load(small(), f"{path}@{digits[:16]}")
    for wrong in (digits[:15], digits + "0", digits.upper() if digits != digits.upper() else "g" * 16, ""):
        assert f"must end in 16 to 64 digits of a SHA-256, got @{wrong}; write @{digits[:16]}" in refusal(
            small(), f"{path}@{wrong}"
        )


def test_a_file_without_a_hash_is_told_its_hash(tmp_path: Path) -> None:
    path, _, digits = saved(tmp_path / "a.pth", copy_of(small())).rpartition("@")
    assert f"write network.weights={path}@{digits[:16]}" in refusal(small(), path)


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    path, _, digits = saved(tmp_path / "a.pth", copy_of(small())).rpartition("@")
    said = refusal(small(), f"{path}@{'0' * 64}")
    assert f"with SHA-256 {'0' * 64}, got {digits}; restore it" in said


def test_without_the_hash_check_such_a_file_would_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = copy_of(small())
    path, _, _ = saved(tmp_path / "a.pth", state).rpartition("@")
    monkeypatch.setattr(weights, "_check_hash", lambda *args, **more: None)
    network = small()
    load(network, f"{path}@{'0' * 64}")
    assert same(network, state)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "resnet50",
            "must be torchvision, torchvision:NAME, timm, timm:TAG, the folder of a finished run, or a file",
        ),
        (
            "weights.bin@0123456789abcdef",
            "must be torchvision, torchvision:NAME, timm, timm:TAG, the folder of a finished run, or a file",
        ),
        (
            "",
            "must be torchvision, torchvision:NAME, timm, timm:TAG, the folder of a finished run, or a file",
        ),
        ("not_there.pth@0123456789abcdef", "must be a file to read, got not_there.pth (No such file"),
    ],
)
def test_what_names_no_file_is_refused(source: str, said: str) -> None:
    assert said in refusal(small(), source)


def test_code_in_a_file_is_refused_and_never_run(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.pth", {**copy_of(small()), "more": Evil(tmp_path / "marker")})
    assert "to hold tensors by name and nothing else, got objects or code" in refusal(small(), source)
    assert not (tmp_path / "marker").exists()


def test_without_loading_weights_only_the_code_would_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved(tmp_path / "a.pth", {**copy_of(small()), "more": Evil(tmp_path / "marker")})
    unsafe = torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **more: unsafe(*args, **{**more, "weights_only": False}))
    assert "to hold tensors by name" in refusal(small(), source)
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("keep", [0, 1, 100, -1, -200])
def test_a_damaged_file_is_refused(tmp_path: Path, suffix: str, keep: int) -> None:
    file = tmp_path / f"a{suffix}"
    saved(file, copy_of(small()))
    file.write_bytes(file.read_bytes()[:keep])
    assert "to hold tensors by name and nothing else, got " in refusal(small(), f"{file}@{digest(file)}")


@pytest.mark.parametrize(
    "content", [b"not weights", b"PK\x03\x04", b"\x80\x02}", b"cos\nsystem\n(S'true'\ntR."]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.pth"
    file.write_bytes(content)
    assert "to hold tensors by name and nothing else" in refusal(small(), f"{file}@{digest(file)}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epoch": 3, "state_dict": {}}, "got dict of epoch, state_dict; save a network's state_dict alone"),
        ([1, 2], "got list"),
        (torch.zeros(2), "got Tensor"),
    ],
)
def test_a_file_of_more_than_tensors_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    assert said in refusal(small(), saved(tmp_path / "a.pth", content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s | {"third.weight": torch.zeros(1)}, "got third.weight, which it does not have"),
        (lambda s: {k: v for k, v in s.items() if k != "hidden.bias"}, "got no hidden.bias"),
        (lambda s: {}, "got no hidden.weight"),
        (lambda s: s | {"hidden.weight": torch.zeros(6, 4)}, r"got hidden.weight of shape \(6, 4\) for \(5, 4\)"),
        (lambda s: s | {"output.weight": torch.zeros(3, 6)}, r"got output.weight of shape \(3, 6\) for \(3, 5\)"),
        (lambda s: s | {"output.weight": torch.zeros(4, 5)}, r"got output.weight of shape \(4, 5\) for \(3, 5\)"),
        (
            lambda s: s | {"output.weight": torch.zeros(4, 5), "output.bias": torch.zeros(5)},
            r"got output.weight of shape \(4, 5\)",
        ),
        (lambda s: s | {"output.bias": torch.zeros(4)}, r"got output.bias of shape \(4,\) for \(3,\)"),
        (
            lambda s: s | {"output.weight": torch.zeros(4, 5), "hidden.bias": torch.zeros(6)},
            r"got hidden.bias of shape",
        ),
        (lambda s: s | {"output.weight": torch.tensor(1.0)}, r"got output.weight of shape \(\)"),
        (lambda s: s | {"hidden.bias": torch.full((5,), torch.nan)}, "got numbers in hidden.bias that are not finite"),
    ],
)  # fmt: skip
def test_weights_of_another_network_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    assert re.search(said, refusal(small(), saved(tmp_path / "a.pth", change(copy_of(small())))))


def test_an_output_layer_for_other_classes_stays_fresh_and_one_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = copy_of(small(num_classes=1000))
    network = small(num_classes=3)
    fresh = {key: tensor for key, tensor in copy_of(network).items() if key.startswith("output")}
    source = saved(tmp_path / "a.pth", state)
    with caplog.at_level(logging.INFO, logger="podium"):
        load(network, source)
    assert same(network, fresh)
    assert same(network, {key: tensor for key, tensor in state.items() if key.startswith("hidden")})
    assert [record.getMessage() for record in caplog.records] == [
        f"network.weights={source}: output is for 1000 classes there and 3 here, and keeps its fresh weights"
    ]


def test_a_last_convolution_for_other_classes_stays_fresh_too(tmp_path: Path) -> None:
    there, here = zoo("squeezenet1_1"), zoo("squeezenet1_1", num_classes=3)
    assert here.output is None
    load(here, saved(tmp_path / "a.pth", there.state_dict()))
    assert torch.equal(here.inner.features[0].weight, there.inner.features[0].weight)
    assert here.inner.classifier[1].out_channels == 3


def test_nothing_is_said_when_everything_fits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="podium"):
        load(small(), saved(tmp_path / "a.pth", copy_of(small())))
    assert caplog.records == []


def test_counters_of_batches_may_lack_and_half_precision_is_widened(tmp_path: Path) -> None:
    network = nn.Sequential(OrderedDict(norm=nn.BatchNorm1d(3), output=nn.Linear(3, 2)))
    state = {k: v.half() for k, v in copy_of(network).items() if not k.endswith("num_batches_tracked")}
    load(network, saved(tmp_path / "a.pth", state))
    assert network.output.weight.dtype == torch.float32
    assert same(network, {key: tensor.float() for key, tensor in state.items()})


def test_a_finished_runs_network_is_where_another_begins(settings: Settings, tmp_path: Path) -> None:
    first = settings("tricks=[ema]")
    train(first)
    file = run_folder(first) / "network.safetensors"
    config = settings(
        f"network.weights={file}@{digest(file)}", "initializer=zeros", "tricks=[dropout,l2]", "seed=3"
    )
    network, _ = build_network(config)
    state = safetensors.torch.load_file(file)
    assert network.state_dict().keys() == state.keys()
    assert same(network, state)
    untouched, _ = build_network(settings("initializer=zeros", "seed=3"))
    assert not same(untouched, state)


def test_a_run_is_scored_again_without_the_file_that_it_began_with(
    settings: Settings, tmp_path: Path
) -> None:
    network, _ = build_network(settings())
    source = saved(tmp_path / "first.pth", network.state_dict())
    config = settings(f"network.weights={source}")
    record = train(config)
    assert record.config["network"]["weights"] == source
    (tmp_path / "first.pth").unlink()
    result = evaluate(run_folder(config))
    assert result.largest_change < 1e-6


def test_wrong_weights_are_refused_before_anything_is_made(settings: Settings, tmp_path: Path) -> None:
    source = saved(tmp_path / "other.pth", copy_of(small()))
    with pytest.raises(ConfigError, match="must be of this network"):
        train(settings(f"network.weights={source}"))
    assert not (tmp_path / "runs").exists()
