"""A folder of pictures of several sizes, packs of it, and what is inside."""

import torch

from picture_samples import class_folders, names, picture, write
from podium.data.pack_writer import write_pack

SPLITS = ("train", "validation", "test")
SHARD = 12_000  # bytes: some five pictures


def pictures(folder):
    """Thirty-four of several sizes and kinds in two classes."""
    class_folders(folder, {"dog": 12, "cat": 18})
    for number in range(4):
        write(folder / "cat" / f"wide{number}.png", picture(number, width=90 - number, height=31 + number))
    return folder


def builder(compose_data, folder):
    """Makes the module of a folder, or of a pack of it: with the folder's pictures out of sight."""

    def make(name="image_folder", **changes):
        images = {"resize": 24} | changes.pop("images", {})
        plain = {"num_classes": 2, "shape": [3, 16, 20], "batch_size": 8}
        return compose_data(name, **{"root": folder} | plain | changes, images=images)

    return make


def pack(data, out, *, keep="pixels", shard_bytes=SHARD, threads=2):
    form = data.packed_as(keep, shard_bytes=shard_bytes)
    write_pack(out, data.scan(), form, threads=threads, arrange=data.arrange)
    return out


def everything(data):
    return [data.examples(split).batch(slice(None)) for split in SPLITS]


def same(ours, theirs):
    return all(
        torch.equal(one.input, other.input) and torch.equal(one.target, other.target)
        for one, other in zip(ours, theirs, strict=True)
    )


def contents(folder):
    return {name: (folder / name).read_bytes() for name in names(folder) if not name.startswith(".podium")}
