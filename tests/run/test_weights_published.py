"""Weights that torchvision published: had from a host or a cache, checked, and in the right places."""

import logging
import re
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from states import NAME, Evil, copy_of, digest, load, refusal, saved, small, zoo
from torch import Tensor, nn
from torchvision import models

from podium.layers.naming import to_torchvision
from podium.networks.densenet import DenseNet
from podium.networks.torchvision_detection import BACKGROUND
from podium.run import weights
from podium.run.assemble import compose
from podium.run.bind import locate
from podium.run.build import build_network, make
from podium.run.conf import groups

MEMBER = models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch's folder of downloaded weights, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


class Host:
    """A download host on this machine."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.asked: list[str] = []


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    folder = tmp_path / "host"
    folder.mkdir()
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = Host(folder, f"http://127.0.0.1:{server.server_port}")
        made.asked = asked
        yield made
        server.shutdown()


def publish(folder: Path, state: dict[str, Tensor], *, hashed: str | None = None) -> Path:
    """A published file, with the first digits of its hash, or of another, in its name."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = folder / "plain.pth"
    torch.save(state, plain)
    return plain.rename(folder / f"{NAME}-{hashed or digest(plain)[:10]}.pth")


@pytest.fixture
def theirs() -> nn.Module:
    torch.manual_seed(5)
    return models.get_model(NAME).eval()


def test_published_weights_are_downloaded_once_and_give_torchvisions_logits(
    host: Host, cache: Path, theirs: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish(host.folder, theirs.state_dict())
    monkeypatch.setattr(MEMBER.value, "url", f"{host.url}/{file.name}")
    x = torch.rand(2, 3, 32, 32)
    for source in ("torchvision", "torchvision:IMAGENET1K_V1"):
        network = zoo().eval()
        load(network, source)
        with torch.no_grad():
            torch.testing.assert_close(network(x), theirs(x), rtol=0, atol=1e-6)
    assert host.asked == [f"/{file.name}"]
    assert [path.name for path in cache.iterdir()] == [file.name]


def test_other_classes_than_the_published_ones_keep_a_fresh_output(
    cache: Path, theirs: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = publish(cache, theirs.state_dict())
    monkeypatch.setattr(MEMBER.value, "url", f"http://nowhere.invalid/{file.name}")
    network = zoo(num_classes=10)
    with caplog.at_level(logging.INFO, logger="podium"):
        load(network, "torchvision")
    assert "output is for 1000 classes there and 10 here, and keeps its fresh weights" in caplog.text
    assert torch.equal(network.inner.conv1[0].weight, theirs.conv1[0].weight)


def test_a_file_that_is_not_what_its_name_says_is_refused_and_not_kept(
    host: Host, cache: Path, theirs: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish(host.folder, theirs.state_dict(), hashed="0123456789")
    monkeypatch.setattr(MEMBER.value, "url", f"{host.url}/{file.name}")
    assert f"requires {host.url}/{file.name} as it was published, got invalid hash value" in refusal(
        zoo(), "torchvision"
    )
    assert list(cache.iterdir()) == []


def test_a_cached_file_that_was_changed_is_refused(
    cache: Path, theirs: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish(cache, theirs.state_dict(), hashed="0123456789")
    monkeypatch.setattr(MEMBER.value, "url", f"http://nowhere.invalid/{file.name}")
    said = refusal(zoo(), "torchvision")
    assert f"requires {file} with SHA-256 0123456789, got {digest(file)}; delete it" in said


def test_without_the_hash_checks_both_would_be_loaded(
    host: Host, cache: Path, theirs: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish(host.folder, theirs.state_dict(), hashed="0123456789")
    monkeypatch.setattr(MEMBER.value, "url", f"{host.url}/{file.name}")
    download = torch.hub.download_url_to_file

    def careless(url: str, dst: str, prefix: str, progress: bool) -> None:
        download(url, dst, None, progress=progress)

    monkeypatch.setattr(torch.hub, "download_url_to_file", careless)
    assert "delete it to download it again" in refusal(zoo(), "torchvision")
    monkeypatch.setattr(weights, "_check_hash", lambda *args, **more: None)
    for _ in ("downloaded", "cached"):
        network = zoo()
        load(network, "torchvision")
        assert torch.equal(network.output.weight, theirs.fc.weight)


def test_a_published_file_without_a_hash_in_its_name_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MEMBER.value, "url", "http://nowhere.invalid/weights.pth")
    assert "requires a file with its hash in its name" in refusal(zoo(), "torchvision")


def test_code_in_a_published_file_is_never_run(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish(cache, {"more": Evil(tmp_path / "marker")})  # type: ignore[dict-item]
    monkeypatch.setattr(MEMBER.value, "url", f"http://nowhere.invalid/{file.name}")
    assert "got objects or code" in refusal(zoo(), "torchvision")
    assert not (tmp_path / "marker").exists()


def test_without_a_connection_one_line_says_where_the_file_may_be_put(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x-0123456789.pth"
    monkeypatch.setattr(MEMBER.value, "url", url)
    said = refusal(zoo(), "torchvision")
    assert f"requires {url}, got no connection or no room" in said
    assert f"put the file into {cache}" in said


def test_a_host_without_the_file_is_refused(host: Host, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MEMBER.value, "url", f"{host.url}/x-0123456789.pth")
    assert "HTTP Error 404" in refusal(zoo(), "torchvision")


def test_a_host_that_says_nothing_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x-0123456789.pth"
        monkeypatch.setattr(MEMBER.value, "url", url)
        monkeypatch.setattr(weights, "_PATIENCE_S", 0.2)
        assert "timed out" in refusal(zoo(), "torchvision")
    assert socket.getdefaulttimeout() == before


@pytest.mark.parametrize(
    ("make", "source", "said"),
    [
        (small, "torchvision", "requires a network as torchvision has it, got Sequential; set network.weights=null"),
        (partial(zoo, channels=1), "torchvision", "got Torchvision, with options or images that make it another"),
        (zoo, "torchvision:IMAGENET1K_V9", f"not published for {NAME}; did you mean IMAGENET1K_V1?"),
        (zoo, "torchvision:", f"torchvision: is not published for {NAME}; choose from IMAGENET1K_V1"),
    ],
)  # fmt: skip
def test_what_torchvision_has_not_is_refused(make: Any, source: str, said: str) -> None:
    assert said in refusal(make(), source)


def test_old_names_and_auxiliary_classifiers_of_published_files_are_understood(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    twin = models.densenet121().eval()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", key): tensor
        for key, tensor in twin.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    file = publish(cache, old | {"aux1.fc2.weight": torch.zeros(1)})
    monkeypatch.setattr(
        models.DenseNet121_Weights.IMAGENET1K_V1.value, "url", f"http://nowhere.invalid/{file.name}"
    )
    config = compose(["network=densenet121", "data.shape=[3,32,32]", "data.num_classes=1000"])
    config["network"]["weights"] = "torchvision"
    network, _ = build_network(config)
    assert isinstance(network, DenseNet)
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(x), twin(x), rtol=1e-4, atol=1e-4)


def test_a_file_under_its_authors_names_is_loaded_too(tmp_path: Path, theirs: nn.Module) -> None:
    network = zoo()
    load(network, saved(tmp_path / "a.safetensors", copy_of(theirs)))
    assert torch.equal(network.output.weight, theirs.fc.weight)
    other = saved(tmp_path / "b.safetensors", copy_of(models.get_model("squeezenet1_1")))
    assert "weights must be of the same network, got classifier.1.bias, which" in refusal(network, other)


def options_of(name: str) -> dict[str, Any]:
    """What torchvision needs to build a network of 1,000 classes without a download and without a warning."""
    if name in ("googlenet", "inception_v3"):
        return {"init_weights": True}
    if name in models.list_models(module=models.detection):
        return {"weights_backbone": None, "num_classes": 1000 + BACKGROUND}
    if name in models.list_models(module=models.segmentation):
        return {"weights_backbone": None, "num_classes": 1000}
    return {}


@pytest.mark.slow
def test_every_network_that_torchvision_has_too_has_a_place_for_its_weights() -> None:
    compared = set()
    for name in groups()["network"]:
        block = compose([f"network={name}"])["network"]
        if not hasattr(locate(block["_target_"], "network", "network"), "torchvision_name"):
            continue
        chosen = {key: value for key, value in block.items() if key != "weights"}
        with torch.device("meta"):
            network = make({**chosen, "in_shape": [3, 224, 224], "num_classes": 1000}, "network")
            if (twin := network.torchvision_name()) is None:
                continue
            published = models.get_model(twin, **options_of(twin)).state_dict()
        theirs = to_torchvision(network, network.state_dict())
        lacking = {key for key in published if key not in theirs}
        assert all(key.startswith(("aux1.", "aux2.", "AuxLogits.")) for key in lacking), name
        assert {key: tensor.shape for key, tensor in theirs.items()} == {
            key: tensor.shape for key, tensor in published.items() if key not in lacking
        }, name
        compared.add(twin)
    assert compared >= {"alexnet", "vgg16", "resnet50", "densenet121", "googlenet", "inception_v3"}
