"""The content of every data set is frozen, or a user's own, whose changes show. A new file of conf/data needs a line."""

import hashlib

import pytest
from data_cases import NAMES, read
from data_samples import ADDED, REPLACED, SAMPLES
from hydra.utils import get_class

from podium.records.record import DataPrint

# The facts of what can be had on any machine, frozen: a change of any of them changes results that were published.
GOLDEN = {
    "copying": (
        {"train": 5000, "validation": 500, "test": 1000},
        "0519b587b0781a184e7067637302156a53f8958252c02e1db1bdf97ee162d314",
        "726eaf41b5b9b617cbedaa4212e14b2a3e9d4407fa1852ddc3293c0994547e77",
    ),
    "digits": (
        {"train": 1222, "validation": 216, "test": 359},
        "a7b455a352e836131e4d6cb53f58ac67271f89f5420e3540934160da23372870",
        "96cfdf7d7277d92f1f34615abf0dbdd81cb5b2945d7187b029f14ab47c5cf669",
    ),
    "mnist5k": (
        {"train": 3600, "validation": 400, "test": 1000},
        "ff4462aeb177e711250f914c700679db63d6b7dd5d58b285ac34dd9782ab18f4",
        "bbdaed34ddb84891085b7279daa6e45d3336e5e8925f5fc218042c671c4f0e10",
    ),
    "mnist1d": (
        {"train": 3600, "validation": 400, "test": 1000},
        "66ffe25fb1a0bfb08abc14df987baa39532512c5e0afea5bd5ce8832c846ca25",
        "8de99be3ff9dab15ae0dc072c3d6ced7cf6b33d365888ce4a386fc944489452c",
    ),
    "adding": (
        {"train": 7200, "validation": 800, "test": 1000},
        "17977469e127351bf3f58c555f27acd9430d4272a96d822484aa449d3bb8622b",
        "5af08018f699ec0ad301503b05f19450f7b921b6e5ebdee0dc4e2de9debf6f82",
    ),
    "facts_spans": (
        {"train": 4500, "validation": 500, "test": 1000},
        "19d478b960a80ec1c102f54243ae9d4ba18ec157bafb312989221537a5ae3fb6",
        "8116f98dd9a7c39b461bacf40d28fed0cb18cf226f815dbd31c0fce10f16a648",
    ),
    "first_symbol": (
        {"train": 1800, "validation": 200, "test": 500},
        "44acf37048eee21f1dd2a1778b9383de67ae5387964286cae9184f0fcc7636d1",
        "3a4b65768806baa2a37dd8965b136b91237f604293ba2876caaebdb6c066280d",
    ),
    "moving_shapes": (
        {"train": 1440, "validation": 160, "test": 400},
        "6db7e75e8b922deb9488016e1509d1285a1357c9098ec626ccb2829bd05f6d0a",
        "b0a7058f9be83b4d7c872fbf277d239798b37ad54bb8227348f7869fdad56077",
    ),
    "separable": (
        {"train": 340, "validation": 60, "test": 100},
        "e8333bf4f214e404cc65cd51a0617747840e505a939575b01f29248f49ba6ac3",
        "bb86fad5340f016cbc5510a10b42756f2b6fb20fe4518f30b97e6d7113491a57",
    ),
    "shapes_captions": (
        {"train": 1440, "validation": 160, "test": 400},
        "c6ad9f1b84f815c77b029d3d6143f4170af35286d3e5eadc2dcdf017642e693f",
        "a395a514cec82987c05376dff7754bb6c6f0af615ea566ffff48e3242d0e6415",
    ),
    "shapes_detection": (
        {"train": 1440, "validation": 160, "test": 400},
        "c6ad9f1b84f815c77b029d3d6143f4170af35286d3e5eadc2dcdf017642e693f",
        "3215c32fea9ca25f9050e9b351e2f5c63d16aee4a1f1d906f7d6971c6cbf49cf",
    ),
    "shapes_segmentation": (
        {"train": 1440, "validation": 160, "test": 400},
        "c6ad9f1b84f815c77b029d3d6143f4170af35286d3e5eadc2dcdf017642e693f",
        "10060ef2b3fc20de86cfbbf0c6e9c2735acbbc3b43bfa8e43d47a91ec7d32b04",
    ),
    "sums": (
        {"train": 5000, "validation": 500, "test": 1000},
        "06dd83e60ab39ddabc9c12665a577dee853a4082f67d384afa4c4a21e7b1fd80",
        "c7d3c1ffba8e7eaac5bcac5d5f591b7720f111e62779c2c7aa790976f0d497dd",
    ),
    "xor": (
        {"train": 272, "validation": 48, "test": 80},
        "8900a159626b82f6ec28b49500a4a352d67db8510bf65f77dd0b713234d0970a",
        "562e1a873f981872b26fe80aa82d845fc353d5207b0168303b55dccc4538d5bc",
    ),
}

# A user's own files, or files that cannot be had without asking: small ones in the same form stand in. The emoji have a
# checksum, of a package that a test machine does not have.
OPEN = {
    "cats_vs_dogs",
    "cifar10",
    "cifar100",
    "coco_detection",
    "coco_segmentation",
    "conll",
    "emoji",
    "frames",
    "image_folder",
    "imagenet",
    "labelled_text",
    "parallel_text",
    "squad",
    "skip_grams",
    "movielens",
    "text",
    "ucr",
    "voc_detection",
    "voc_segmentation",
}


# SHA-256 of the four files as published: training images and labels, test images and labels.
PUBLISHED = {
    "mnist": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion_mnist": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_content_split_and_test_labels_are_frozen(name, build):
    sizes, split, test_labels = GOLDEN[name]
    assert build(name).fingerprint() == DataPrint(name, read(name).checksum, split, sizes, test_labels)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_checksum_follows_from_the_files_as_published(name):
    lines = "".join(f"{line}\n" for line in PUBLISHED[name])
    assert read(name).checksum == hashlib.sha256(lines.encode()).hexdigest()


def test_every_data_set_is_frozen_in_one_way_or_the_other():
    assert sorted([*GOLDEN, *PUBLISHED, *OPEN]) == NAMES
    assert {name for name in NAMES if read(name).checksum is None} <= OPEN
    assert set(SAMPLES) == {*PUBLISHED, *OPEN}


@pytest.mark.parametrize("name", NAMES)
def test_content_without_the_checksum_is_refused_in_one_line(name, build):
    with pytest.raises(
        ValueError, match=f"^{name} must have the checksum 0bad, got [0-9a-f]{{64}}; .+$"
    ) as error:
        build(name, checksum="0bad").examples("train")
    assert "\n" not in str(error.value)


def data_of_text(name):
    return get_class(read(name)._target_).of_symbols


@pytest.mark.parametrize("name", sorted(OPEN - {"emoji", "cifar10", "cifar100"}))  # those have their own sums
def test_changed_files_show_in_the_fingerprint_and_a_checksum_refuses_them(name, build, samples):
    """What stands in for a published checksum: the content that a run says, in its record and in the data set's key."""
    found = build(name).fingerprint().content
    assert build(name, checksum=found).fingerprint().content == found
    root, _ = samples[name]
    pictures = (".jpg", ".JPEG", ".png")  # lists of these are no content
    kinds = (".txt", ".ts", ".data", ".json") if name in ADDED or data_of_text(name) else pictures
    file = min(file for file in root.rglob("*") if file.suffix in kinds)
    content = file.read_bytes()
    try:
        added = content + ADDED.get(name, b"x")
        file.write_bytes(content.replace(*REPLACED[name]) if name in REPLACED else added)
        assert build(name).fingerprint().content != found
        with pytest.raises(
            ValueError, match=f"^{name} must have the checksum {found}, got [0-9a-f]{{64}}; .+$"
        ):
            build(name, checksum=found).fingerprint()
    finally:
        file.write_bytes(content)
