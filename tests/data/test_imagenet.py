import numpy as np
import pytest

from picture_samples import class_folders, imagenet, picture, write

SMALL = {"shape": [3, 16, 16], "num_classes": 3, "batch_size": 8, "images": {"resize": 20}}


@pytest.fixture
def build(compose_data, tmp_path):
    def make(**changes):
        return compose_data("imagenet", root=tmp_path, **SMALL | changes)

    return make


def test_validation_is_for_testing_and_training_gives_validation(build, tmp_path):
    imagenet(tmp_path)
    data = build()
    source = data.load()
    assert source.test_start == 30
    assert source.labels.tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [0] * 4 + [1] * 4 + [2] * 4
    assert data.class_names == ["thing n01", "thing n02", "thing n03"]
    assert data.fingerprint().sizes == {"train": 29, "validation": 1, "test": 12}
    assert data.view.standardize == "imagenet"


@pytest.mark.parametrize("lists", ["kaggle", "devkit"])
def test_a_flat_validation_folder_takes_its_classes_from_a_list(build, tmp_path, lists):
    imagenet(tmp_path, lists=lists)
    source = build().load()
    assert source.test_start == 30
    assert source.labels[30:].tolist() == [0, 1, 2] * 4


def test_lists_and_folders_give_the_same_images_in_the_same_classes(build, tmp_path):
    imagenet(tmp_path, lists="kaggle")
    flat = build().load()
    pixels = flat.inputs[np.arange(42)]
    for number in range(12):
        name = f"ILSVRC2012_val_{number + 1:08d}.JPEG"
        folder = tmp_path / "imagenet" / "val"
        (folder / f"n0{number % 3 + 1}").mkdir(exist_ok=True)
        (folder / name).rename(folder / f"n0{number % 3 + 1}" / name)
    sorted_ = build().load()
    order = np.argsort(flat.labels[30:], kind="stable") + 30
    assert np.array_equal(flat.labels[order], sorted_.labels[30:])
    assert np.array_equal(pixels[order], sorted_.inputs[np.arange(30, 42)])


def test_kaggles_folders_are_found(build, tmp_path):
    base = imagenet(tmp_path, lists="kaggle")
    place = base / "ILSVRC" / "Data" / "CLS-LOC"
    place.mkdir(parents=True)
    for name in ("train", "val"):
        (base / name).rename(place / name)
    class_folders(place, {"test": 3})  # without classes, and not looked at
    data = build()
    assert len(data.load().labels) == 42
    assert data.class_names[0] == "thing n01"


def test_words_of_the_development_kit_and_synsets_alone_name_classes(build, tmp_path):
    base = imagenet(tmp_path)
    mapping = base / "LOC_synset_mapping.txt"
    mapping.rename(base / "words.txt")
    (base / "words.txt").write_text("n01\ttench, Tinca tinca\nn02\tgreat white shark\n")
    data = build()
    data.load()
    assert data.class_names == ["tench", "great white shark", "n03"]


def test_wrong_or_missing_files_are_refused_in_one_line(build, tmp_path):
    def refused(message, **changes):
        with pytest.raises(ValueError, match=f"^{message}$") as error:
            build(**changes).load()
        assert "\n" not in str(error.value)

    refused(
        r"imagenet must be in .*/imagenet, got no train/ and val/ there; unpack ILSVRC2012_img_train.tar and .*"
    )
    base = imagenet(tmp_path, lists="kaggle")
    refused(r"num_classes must be 3, .*, got 1000; set data.num_classes=3", num_classes=1000)
    write(base / "val" / "ILSVRC2012_val_00009999.JPEG", picture())
    refused(r"every image in .*/val must have a class, got none of ILSVRC2012_val_00009999; remove it")
    (base / "LOC_val_solution.csv").unlink()
    refused(
        r"images of imagenet/val must lie in folders of their synsets, got none and no list; put LOC_val_.*"
    )
    kit = base / "ILSVRC2012_devkit_t12" / "data"
    write(kit / "ILSVRC2012_validation_ground_truth.txt", b"1\n" * 12)
    write(kit / "meta.mat", b"no table")
    refused(r".*/meta.mat must be the table of the development kit, got .*; unpack it again")
