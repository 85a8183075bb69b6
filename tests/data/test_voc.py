"""Files in the layout of PASCAL VOC, made here."""

import numpy as np
import pytest
import torch
from PIL import Image

from podium.data.annotated import AnnotatedFiles
from podium.data.split import Split
from podium.data.view import View
from podium.data.voc_detection import VocDetection
from podium.data.voc_segmentation import VocSegmentation

CLASSES = ["cat", "dog"]
VIEW = View(fraction=1.0, permute_seed=None, random_labels_seed=None, standardize="none")
WIDTH, HEIGHT = 40, 20


def xml(*objects, width=WIDTH, height=HEIGHT, head=""):
    return f"{head}<annotation><size><width>{width}</width><height>{height}</height></size>{''.join(objects)}</annotation>"


def thing(name, x1, y1, x2, y2, *, difficult=0, extra=""):
    corners = "".join(
        f"<{key}>{value}</{key}>"
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), (x1, y1, x2, y2), strict=True)
    )
    return f"<object><name>{name}</name><difficult>{difficult}</difficult>{extra}<bndbox>{corners}</bndbox></object>"


@pytest.fixture
def root(tmp_path):
    """Four pictures for training, two for testing: half black, half white, with a cat on the white half."""
    for folder in (
        "JPEGImages",
        "Annotations",
        "SegmentationClass",
        "ImageSets/Main",
        "ImageSets/Segmentation",
    ):
        (tmp_path / "VOC" / folder).mkdir(parents=True)
    voc = tmp_path / "VOC"
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[:, WIDTH // 2 :] = 255
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[:, WIDTH // 2 :] = 1
    mask[0] = 255
    for number in range(6):
        Image.fromarray(pixels).save(voc / "JPEGImages" / f"p{number}.jpg", quality=95)
        labelled = Image.fromarray(mask).convert("P")
        labelled.putpalette([7, 7, 7] * 256)  # colours say nothing
        labelled.putdata(mask.ravel().tolist())
        labelled.save(voc / "SegmentationClass" / f"p{number}.png")
        (voc / "Annotations" / f"p{number}.xml").write_text(xml(thing("cat", 21, 1, 40, 20)))
    for kind in ("Main", "Segmentation"):
        (voc / "ImageSets" / kind / "train.txt").write_text("p0\np1\np2  1\np3 -1\n\n")
        (voc / "ImageSets" / kind / "val.txt").write_text("p4\np5\n")
    return tmp_path


def make(kind, root, *, bad="refuse", test="val", most=3, shape=(3, 10, 10), classes=CLASSES):
    files = AnnotatedFiles(
        folder="VOC", train="train", test=test, class_names=classes, most_objects=most, bad_annotations=bad
    )
    share = None if test else 0.3
    return kind(
        shape=list(shape),
        num_classes=len(CLASSES) + (kind is VocSegmentation),
        checksum=None,
        root=str(root),
        seed=0,
        batch_size=2,
        split=Split(validation=0.25, test=share, folds=None, seed=0),
        view=VIEW,
        files=files,
    )


def annotate(root, name, text):
    (root / "VOC" / "Annotations" / f"{name}.xml").write_text(text)


def test_boxes_are_scaled_with_their_pictures_and_counted_from_zero(root):
    data = make(VocDetection, root)
    batch = data.examples("test").batch(slice(None))
    assert batch.input.shape == (2, 3, 10, 10)
    assert torch.equal(batch.target[0, 0], torch.tensor([0.0, 5.0, 0.0, 10.0, 10.0]))
    assert (batch.target[:, 1:] == -1).all()
    assert batch.input[0, :, :, 6:].min() > 0.9  # the white half is where the box is
    assert batch.input[0, :, :, :4].max() < 0.1
    assert data.class_names == CLASSES
    assert data.fingerprint().sizes == {"train": 3, "validation": 1, "test": 2}


def test_masks_are_numbers_of_the_palette_and_scaled_to_the_nearest_pixel(root):
    data = make(VocSegmentation, root)
    target = data.examples("test").batch(slice(None)).target
    assert target.dtype == torch.uint8
    assert target.shape == (2, 10, 10)
    assert set(target.unique().tolist()) <= {0, 1, 255}
    assert (target[0, 2:, :5] == 0).all()
    assert (target[0, 2:, 5:] == 1).all()
    assert data.class_names == ["ground", *CLASSES]


def test_grey_pictures_and_a_split_of_ones_own_are_possible(root):
    data = make(VocDetection, root, test=None, shape=(1, 8, 12))
    assert data.examples("train").batch(slice(None)).input.shape[1:] == (1, 8, 12)
    assert sum(data.fingerprint().sizes.values()) == 4


def test_difficult_objects_and_parts_are_left_out(root):
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    annotate(root, "p4", xml(thing("dog", 1, 1, 8, 8, difficult=1), thing("dog", 3, 3, 12, 12, extra=part)))
    rows = make(VocDetection, root).examples("test").batch(slice(None)).target[0]
    assert torch.equal(rows[0], torch.tensor([1.0, 0.5, 1.0, 3.0, 6.0]))
    assert (rows[1:] == -1).all()


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
BAD = {
    "a bomb of entities": (xml(thing("&c;", 1, 1, 8, 8), head=BOMB), "a document type"),
    "a file of the system": (
        xml(head='<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        "a document type",
    ),
    "too deep": ("<a>" * 100 + "</a>" * 100, "more than 16 elements inside each other"),
    "no xml": ("annotation", "syntax error"),
    "cut off": (xml(thing("cat", 1, 1, 8, 8))[:-30], "no element found|unclosed|mismatched"),
    "too large": ("<a>" + "b" * 2**20 + "</a>", "more than 1,048,576 bytes"),
    "no size": ("<annotation/>", "no size/width"),
    "words for numbers": (xml(thing("cat", "one", 1, 8, 8)), "could not convert"),
    "a box outside": (xml(thing("cat", 1, 1, 60, 8)), r"a box \(0, 0, 60, 8\) outside its 40x20 pixels"),
    "a box that is no number": (xml(thing("cat", 1, 1, "nan", 8)), "outside its 40x20 pixels"),
    "a box of no width": (xml(thing("cat", 9, 1, 8, 8)), r"a box \(8, 0, 8, 8\) without size"),
    "a box upside down": (xml(thing("cat", 1, 19, 8, 3)), "without size"),
    "an unknown class": (xml(thing("unicorn", 1, 1, 8, 8)), "unknown class 'unicorn'"),
    "too many objects": (
        xml(*[thing("cat", 1, 1, 8, 8)] * 4),
        "4 objects, more than data.files.most_objects=3",
    ),
    "another size": (xml(width=41), "annotated as 41x20 pixels, it has 40x20"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_annotation_is_named_in_one_line_and_can_be_skipped(root, case):
    text, reason = BAD[case]
    annotate(root, "p1", text)
    with pytest.raises(
        ValueError, match=rf"got 1 of 6 that are not: JPEGImages/p1.jpg: .*({reason})"
    ) as error:
        make(VocDetection, root).examples("train")
    assert "\n" not in str(error.value)
    data = make(VocDetection, root, bad="skip")
    assert data.fingerprint().sizes == {"train": 2, "validation": 1, "test": 2}
    assert len(data.examples("test").batch(slice(None)).target) == 2
    assert data.load().test_start == 3


def test_a_box_one_pixel_outside_is_cut(root):
    annotate(root, "p4", xml(thing("cat", 0, 0, 41, 21)))
    rows = make(VocDetection, root).examples("test").batch(slice(None)).target
    assert torch.equal(rows[0, 0], torch.tensor([0.0, 0.0, 0.0, 10.0, 10.0]))


def test_pictures_that_are_missing_damaged_or_turned_are_named(root):
    pictures = root / "VOC" / "JPEGImages"
    (pictures / "p0.jpg").unlink()
    (pictures / "p1.jpg").write_bytes((pictures / "p2.jpg").read_bytes()[:300])
    turned = Image.open(pictures / "p3.jpg")
    turned.getexif()[0x0112] = 6
    turned.save(pictures / "p3.jpg", exif=turned.getexif())
    with pytest.raises(ValueError, match="got 3 of 6 that are not") as error:
        make(VocDetection, root).examples("train")
    for reason in ("p0.jpg: no such image", "p1.jpg: damaged", "p3.jpg: turned by its EXIF"):
        assert reason in str(error.value)
    listed = next((root / "VOC" / ".podium").glob("voc_detection*.txt")).read_text()
    assert listed.count("cannot be used: ") == 3


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "must be a mask of 40x20 pixels"),
        (lambda path: Image.new("P", (40, 21)).save(path), "got 40x21 pixels of mode P"),
        (lambda path: Image.new("RGB", (40, 20)).save(path), "got 40x20 pixels of mode RGB"),
        (lambda path: Image.new("L", (40, 20), 9).save(path), "has unknown class 9"),
    ],
)
def test_a_bad_mask_is_named(root, spoil, reason):
    spoil(root / "VOC" / "SegmentationClass" / "p4.png")
    with pytest.raises(ValueError, match=rf"got 1 of 6 that are not: JPEGImages/p4.jpg: .*{reason}"):
        make(VocSegmentation, root).examples("train")
    assert len(make(VocSegmentation, root, bad="skip").examples("test")) == 1


def test_a_list_with_a_path_out_of_the_folder_is_refused(root):
    (root / "VOC" / "ImageSets" / "Main" / "val.txt").write_text("../../secret\n")
    with pytest.raises(ValueError, match=r"must be a list of pictures, got '../../secret'; restore it$"):
        make(VocDetection, root).examples("train")


def test_missing_lists_and_wrong_numbers_of_classes_are_refused(root):
    with pytest.raises(ValueError, match="num_classes must be 3, one for each of cat, dog, cow, got 2"):
        make(VocDetection, root, classes=["cat", "dog", "cow"]).examples("train")
    with pytest.raises(ValueError, match="class_names must be a list"):
        make(VocDetection, root, classes=None).examples("train")
    (root / "VOC" / "ImageSets" / "Main" / "train.txt").unlink()
    with pytest.raises(ValueError, match=r"train.txt must be a list of pictures, .*; set data.root$"):
        make(VocDetection, root).examples("train")


def test_another_picture_or_another_box_is_other_content(root):
    prints = [make(VocDetection, root).fingerprint()]
    annotate(root, "p0", xml(thing("cat", 21, 1, 40, 19)))
    prints.append(make(VocDetection, root).fingerprint())
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "VOC" / "JPEGImages" / "p1.jpg")
    prints.append(make(VocDetection, root).fingerprint())
    assert len({each.content for each in prints}) == 3
    assert len({each.test_labels for each in prints}) == 1
