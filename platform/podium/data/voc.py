"""Files of the PASCAL visual object classes challenge, 2007 and 2012, and of others in their layout.

Everingham, Van Gool, Williams, Winn and Zisserman 2010, https://doi.org/10.1007/s11263-009-0275-4. ImageSets lists the
pictures of a split, JPEGImages holds them, Annotations their boxes, SegmentationClass their masks. Differs from the
challenge: objects marked as difficult are left out, where its evaluation neither asks for them nor minds them.
"""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
import numpy.typing as npt
from PIL import Image

from podium.data.annotated import Annotated, AnnotatedFiles, Box, Mask, Picture
from podium.data.errors import one_line

LARGEST = 2**20  # bytes of an annotation; VOC's own have a few thousand
DEEPEST = 16  # elements inside each other; VOC's own go to five
IGNORED = 255
NAME = re.compile(r"[\w.-]+")  # of a picture: no path


def read_boxes(root: Path, files: AnnotatedFiles) -> Annotated:
    """The pictures of ImageSets/Main, with boxes.

    Raises:
        ValueError: a list is missing, or no classes are named.
    """
    names = _class_names(files)

    def picture(name: str) -> Picture:
        file = f"JPEGImages/{name}.jpg"
        try:
            extent, boxes = parse(root / "Annotations" / f"{name}.xml", names)
        except ValueError as error:
            return Picture(file, None, problem=str(error))
        return Picture(file, extent, boxes=boxes)

    listed, start = _listed(root / "ImageSets" / "Main", files)
    return Annotated([picture(name) for name in listed], start, names)


def read_masks(root: Path, files: AnnotatedFiles) -> Annotated:
    """The pictures of ImageSets/Segmentation, with masks.

    Raises:
        ValueError: a list is missing, or no classes are named.
    """
    names = _class_names(files)

    def picture(name: str) -> Picture:
        path = root / "SegmentationClass" / f"{name}.png"
        return Picture(f"JPEGImages/{name}.jpg", None, paint=lambda *size: read_mask(path, size, len(names)))

    listed, start = _listed(root / "ImageSets" / "Segmentation", files)
    return Annotated([picture(name) for name in listed], start, names)


def parse(path: Path, class_names: list[str]) -> tuple[tuple[int, int], list[Box]]:
    """Width and height of a picture and the boxes of its objects, from its annotation.

    Corners are VOC's: whole pixels, counted from 1, the last one included.

    Raises:
        ValueError: the file is missing, damaged or hostile, or names an unknown class.
    """
    tree = _tree(path)
    try:
        extent = (int(_text(tree, "size/width")), int(_text(tree, "size/height")))
        boxes: list[Box] = []
        for node in tree.findall("object"):
            name = _text(node, "name")
            if name not in class_names:
                raise ValueError(f"unknown class {name[:40]!r}")
            if node.findtext("difficult", "0").strip() == "1":
                continue
            x1, y1, x2, y2 = (float(_text(node, f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax"))
            boxes.append((class_names.index(name), x1 - 1, y1 - 1, x2, y2))
    except ValueError as error:
        raise ValueError(f"{path.name} has {one_line(error)[:200]}") from None
    return extent, boxes


def read_mask(path: Path, size: tuple[int, ...], classes: int) -> Mask:
    """The class of every pixel, 255 where it is ignored: the numbers of a palette, whatever its colours.

    Raises:
        ValueError: the file is missing or damaged, of another size than its picture, or has an unknown class.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.size != size or image.mode not in ("P", "L"):
                raise ValueError(f"{image.size[0]}x{image.size[1]} pixels of mode {image.mode}")
            image.load()
            mask: npt.NDArray[Any] = np.array(image, dtype=np.uint8)
    except Exception as error:  # a damaged file makes Pillow raise anything
        wanted = "x".join(str(side) for side in size)
        raise ValueError(
            f"{path.name} must be a mask of {wanted} pixels of mode P, got {one_line(error)}"
        ) from None
    unknown = np.setdiff1d(mask, [*range(classes + 1), IGNORED])
    if len(unknown):
        raise ValueError(f"{path.name} has unknown class {unknown[0]}")
    return mask


def _class_names(files: AnnotatedFiles) -> list[str]:
    if not files.class_names:
        raise ValueError("class_names must be a list for VOC's files, got null; set data.files.class_names")
    return list(files.class_names)


def _listed(folder: Path, files: AnnotatedFiles) -> tuple[list[str], int | None]:
    """The names of the pictures of both splits, and where the test split begins."""
    listed = _list(folder / f"{files.train}.txt")
    if files.test is None:
        return listed, None
    return listed + _list(folder / f"{files.test}.txt"), len(listed)


def _list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} must be a list of pictures, got {one_line(error)}; set data.root") from None
    names = [line.split()[0] for line in lines if line.strip()]
    if strange := [name for name in names if not NAME.fullmatch(name)]:
        raise ValueError(f"{path} must be a list of pictures, got {strange[0][:40]!r}; restore it")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{path} must name pictures, each once, got {len(names)} lines; restore it")
    return names


def _tree(path: Path) -> ElementTree.Element:
    """The elements of an annotation, read by a parser that knows no entities: they are how small files become huge."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"more than {LARGEST:,} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"no annotation {path.name}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path.name} has {error}") from None
    builder, depth = ElementTree.TreeBuilder(), 0
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} elements inside each other")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: Any) -> None:
        raise ValueError("a document type, which VOC's files have not")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, refuse
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, ValueError, AssertionError) as error:
        raise ValueError(f"{path.name} has {one_line(error)}") from None


def _text(node: ElementTree.Element, path: str) -> str:
    text = node.findtext(path)
    if text is None:
        raise ValueError(f"no {path}")
    return text.strip()
