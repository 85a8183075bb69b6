"""Files of COCO, common objects in context: instances_*.json and a folder of pictures for each split.

Lin et al. 2014, https://arxiv.org/abs/1405.0312. Differs from its evaluation: crowds, regions of many objects, are left
out among boxes, where it neither asks for them nor minds them; in masks their pixels are ignored. A mask shows of
objects that overlap the smaller one.
"""

import json
import math
import operator
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.data.annotated import Annotated, AnnotatedFiles, Mask, Picture
from podium.data.errors import one_line

IGNORED = 255
Node = dict[str, Any]


def read(root: Path, files: AnnotatedFiles, *, masks: bool) -> Annotated:
    """The pictures of both splits with boxes or masks. Classes are numbered in the order of COCO's own numbers.

    Raises:
        ValueError: a file is missing or damaged, or the splits have different classes.
    """
    pictures, names = _split(root, files.train, masks=masks)
    start = None
    if files.test is not None:
        more, others = _split(root, files.test, masks=masks)
        if others != names:
            raise ValueError(
                f"{files.train} and {files.test} must have the same classes, got {len(names)} and {len(others)}; "
                "restore their annotations"
            )
        start, pictures = len(pictures), pictures + more
    if files.class_names is not None and files.class_names != names:
        raise ValueError(
            f"class_names must be those of the files, {', '.join(names)}, got {', '.join(files.class_names)}; "
            "set data.files.class_names=null"
        )
    return Annotated(pictures, start, names)


def _split(root: Path, split: str, *, masks: bool) -> tuple[list[Picture], list[str]]:
    path = root / "annotations" / f"instances_{split}.json"
    try:
        whole = json.loads(path.read_bytes())
        categories = {int(node["id"]): str(node["name"]) for node in whole["categories"]}
        numbers = {category: number for number, category in enumerate(sorted(categories))}
        objects: dict[int, list[Node]] = defaultdict(list)
        for node in whole["annotations"]:
            objects[int(node["image_id"])].append(dict(node))
        images = sorted((int(node["id"]), dict(node)) for node in whole["images"])
        pictures = [
            _picture(split, node, objects.pop(number, []), numbers, masks=masks) for number, node in images
        ]
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{path} must be a file of COCO's instances, got {type(error).__name__}: {one_line(error)[:200]}; set data.root"
        ) from None
    if objects:
        raise ValueError(
            f"{path} must annotate its own images, got image_id {min(objects)}, which is none; restore it"
        )
    return pictures, [categories[category] for category in sorted(categories)]


def _picture(
    split: str, image: Node, objects: Sequence[Node], numbers: dict[int, int], *, masks: bool
) -> Picture:
    file = f"{split}/{image['file_name']}"
    extent = (int(image["width"]), int(image["height"]))
    try:
        for node in objects:
            if node["category_id"] not in numbers:
                raise ValueError(f"unknown class {node['category_id']!r}")
        if masks:
            return Picture(file, extent, paint=lambda *size: _paint(objects, numbers, *size))
        corners = [
            (numbers[node["category_id"]], *_corners(node["bbox"]))
            for node in objects
            if not node.get("iscrowd", 0)
        ]
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        return Picture(file, extent, problem=f"{type(error).__name__}: {one_line(error)[:200]}")
    return Picture(file, extent, boxes=corners)


def _corners(box: Sequence[Any]) -> tuple[float, float, float, float]:
    x, y, width, height = (float(value) for value in box)
    return x, y, x + width, y + height


def _paint(objects: Sequence[Node], numbers: dict[int, int], width: int, height: int) -> Mask:
    """The class of every pixel, the ground first: crowds at the bottom, smaller objects on larger ones.

    Raises:
        ValueError: a segmentation is none, or of another size.
    """
    mask = np.zeros((height, width), dtype=np.uint8)
    regions = []
    for node in objects:
        try:
            region = _region(node["segmentation"], width, height)
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            raise ValueError(f"a bad segmentation: {type(error).__name__}: {one_line(error)[:200]}") from None
        regions.append(
            (bool(node.get("iscrowd", 0)), int(region.sum()), region, numbers[node["category_id"]])
        )
    for crowd, _, region, number in sorted(regions, key=lambda each: (not each[0], -each[1])):
        mask[region] = IGNORED if crowd else number + 1
    return mask


def _region(segmentation: Any, width: int, height: int) -> npt.NDArray[np.bool_]:
    """The pixels of polygons, or of run lengths along the columns, first of those outside."""
    if isinstance(segmentation, list):
        from pycocotools import mask as coco  # late: classifiers have no use for it

        polygons = [_polygon(points, width, height) for points in segmentation]
        filled: npt.NDArray[np.bool_] = coco.decode(coco.merge(coco.frPyObjects(polygons, height, width))) > 0
        return filled
    if list(segmentation["size"]) != [height, width]:
        raise ValueError(f"run lengths of {segmentation['size']}, not of {[height, width]}")
    counts = segmentation["counts"]
    runs = unpack(counts) if isinstance(counts, str) else [operator.index(count) for count in counts]
    if min(runs, default=-1) < 0 or sum(runs) != width * height:
        raise ValueError("run lengths that do not fill the picture")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def unpack(text: str) -> list[int]:
    """Run lengths from COCO's packed form: five bits a letter, the lowest first, from the third on as differences.

    Raises:
        ValueError: a letter that stands for nothing, or an end in the middle of a number.
    """
    runs: list[int] = []
    number = shift = 0
    for letter in text.encode():
        bits = letter - ord("0")
        if not 0 <= bits < 64 or shift > 30:
            raise ValueError(f"packed run lengths with {text[:20]!r}")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    if shift:
        raise ValueError("packed run lengths that end in the middle")
    return runs


def _polygon(points: Sequence[Any], width: int, height: int) -> list[float]:
    """Corners inside the picture: those far outside would take memory without end."""
    numbers = [float(point) for point in points]
    if len(numbers) < 6 or len(numbers) % 2 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"a polygon of {len(numbers)} numbers")
    limits = (width, height)
    return [min(max(number, 0.0), float(limits[place % 2])) for place, number in enumerate(numbers)]
