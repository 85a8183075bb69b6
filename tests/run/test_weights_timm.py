"""Weights of timm's hub, without a connection: what would be downloaded is a file of this folder."""

import re
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
from states import copy_of, digest, load, refusal, same, small

from podium.networks.timm_zoo import Timm
from podium.records.record import entry_hash

NAME = "test_resnet"


def network(num_classes: int = 3, channels: int = 3, name: str = NAME) -> Timm:
    return Timm(in_shape=[channels, 32, 32], num_classes=num_classes, name=name)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[tuple[str, str]]]:
    """The published file, of 1,000 classes, and what was asked for."""
    torch.manual_seed(0)
    file = tmp_path / "model.safetensors"
    state = timm.create_model(NAME, pretrained=False, num_classes=1000).state_dict()
    safetensors.torch.save_file({key: tensor.contiguous() for key, tensor in state.items()}, file)
    asked: list[tuple[str, str]] = []

    def download(repository: str, name: str) -> str:
        asked.append((repository, name))
        return str(file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return file, asked


def test_published_weights_are_loaded_under_their_authors_names(hub: Any) -> None:
    file, asked = hub
    found = network(num_classes=1000)
    load(found, f"timm@{digest(file)}")
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    theirs = timm.create_model(NAME, pretrained=False, num_classes=1000)
    theirs.load_state_dict(safetensors.torch.load_file(file))
    input = torch.randn(2, 3, 32, 32)
    assert torch.equal(found.eval()(input), theirs.eval()(input))


def test_a_tag_chooses_one_of_several_and_a_wrong_one_is_named(hub: Any) -> None:
    file, asked = hub
    load(network(), f"timm:r160_in1k@{digest(file)[:16]}")
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    assert "timm:r161_in1k is not published for test_resnet; did you mean r160_in1k?" in refused(
        network(), "timm:r161_in1k"
    )


def refused(found: Timm, source: str) -> str:
    before = copy_of(found)
    with pytest.raises(ValueError, match=r"^[^\n]*(\?|; [^\n]*)$") as caught:
        load(found, source)
    assert same(found, before)
    return str(caught.value)


def test_without_a_hash_the_right_words_are_said(hub: Any) -> None:
    file, _ = hub
    for words in ("timm", "timm:r160_in1k"):
        assert f"write network.weights={words}@{digest(file)[:16]}" in refusal(network(), words)


@pytest.mark.usefixtures("hub")
def test_another_file_on_the_hub_is_refused() -> None:
    assert re.search("with SHA-256 0{16}, got [0-9a-f]{64}", refusal(network(), "timm@" + 16 * "0"))


def test_an_output_layer_for_other_classes_stays_fresh(hub: Any) -> None:
    file, _ = hub
    found = network()
    fresh = found.output.weight.clone()
    load(found, f"timm@{digest(file)}")
    assert torch.equal(found.output.weight, fresh)


def test_grey_images_are_told_that_the_first_layer_differs(hub: Any) -> None:
    file, _ = hub
    assert "of shape" in refusal(network(channels=1), f"timm@{digest(file)}")


def test_a_network_of_somebody_else_is_refused() -> None:
    assert "requires network=timm, got Sequential; set network.weights=null" in refusal(small(), "timm")


def test_a_network_without_published_weights_is_refused() -> None:
    assert "requires published weights, got none of lcnet_035" in refusal(network(name="lcnet_035"), "timm")


def test_no_connection_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any) -> str:
        raise OSError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lost)
    said = refusal(network(), "timm")
    assert "requires model.safetensors of https://huggingface.co/timm/test_resnet.r160_in1k" in said
    assert (
        "(no route); try again with a connection, or copy it here and set network.weights=FOLDER/model"
        in said
    )


def test_the_entry_is_named_by_the_files_content() -> None:
    def entry(weights: str) -> str:
        return entry_hash({"network": {"weights": weights}})

    digits = "0123456789abcdef"
    assert entry(f"timm@{digits}") == entry(f"timm:a1_in1k@{digits}") == entry(f"a.safetensors@{digits}")
