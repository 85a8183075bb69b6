import numpy as np
import pytest
import torch
from PIL import Image

from podium.run import look as module
from podium.run.assemble import compose
from podium.run.errors import ConfigError
from podium.run.look import DRAWS, ROWS, look, look_command
from podium.visualize.look import SEEN


@pytest.fixture
def drawn(monkeypatch):
    """What is handed to the picture, in place of drawing it."""
    found = {}

    def note(images, titles, labels, counts, class_names, path, *, note):
        found.update(images=images, titles=titles, labels=labels, counts=counts, names=class_names, note=note)

    monkeypatch.setattr(module, "look_grid", note)
    return found


def test_it_shows_one_image_of_each_class_before_and_after_and_as_the_network_sees_it(drawn, tmp_path):
    config = compose(["augment=[affine,channel_shift]", "data.view.standardize=channel", "seed=3"])
    found = look(config, out=tmp_path / "look.png")
    assert drawn["images"].shape == (ROWS, 1 + DRAWS + 1, 1, 8, 8)
    assert drawn["titles"] == ["before", "after", *[""] * (DRAWS - 1), SEEN]
    assert drawn["labels"] == [str(k) for k in range(ROWS)]
    assert drawn["note"] == "digits: affine then channel_shift"
    assert found.sizes == {"train": 1222, "validation": 216, "test": 359}
    assert {name: sum(numbers) for name, numbers in found.counts.items()} == found.sizes
    before, first, seen = (drawn["images"][:, k] for k in (0, 1, -1))
    assert 0 <= before.min() < before.max() <= 1
    assert not np.allclose(before, first)
    scaled = (first - first.mean()) / first.std()
    assert np.allclose((seen - seen.mean()) / seen.std(), scaled, atol=1e-3)
    for other in range(2, 1 + DRAWS):
        assert not np.allclose(first, drawn["images"][:, other])


def test_the_same_words_draw_the_same_picture(tmp_path, capsys):
    bits = []
    for k in range(2):
        torch.rand(k)
        assert look_command(["augment=affine"], out=tmp_path / f"{k}.png") == 0
        bits.append((tmp_path / f"{k}.png").read_bytes())
    assert bits[0] == bits[1]
    with Image.open(tmp_path / "0.png") as picture:
        assert min(picture.size) > 600
    printed = capsys.readouterr().out
    assert "train         1,222 examples, 118 to 125 of each of 10 classes" in printed
    assert "values of the training images shown: 0 to 1, mean" in printed


def test_without_augmentation_the_images_stand_alone(drawn, tmp_path):
    look(compose([]), out=tmp_path / "look.png")
    assert drawn["titles"] == ["picture"]
    assert drawn["note"] == "digits: no augmentation"


def test_pictures_with_boxes_have_no_classes_to_count(drawn, tmp_path):
    words = ["data=shapes_detection", f"paths.data={tmp_path}", "augment=color_jitter"]
    look(compose(words), out=tmp_path / "look.png")
    assert drawn["counts"] == {}
    assert drawn["images"].shape[2:] == (3, 64, 64)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["data=mnist1d"],
            r"data must be grey or colour images to be looked at, got samples of \[1, 40\]; .*",
        ),
        (["data=shapes_detection", "augment=flip"], r"augment.flip: pixels must stay in their places .*"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(words, message, tmp_path):
    with pytest.raises(ConfigError, match=f"^{message}$"):
        look(compose([*words, f"paths.data={tmp_path}"]), out=tmp_path / "look.png")
    assert not (tmp_path / "look.png").exists()
