"""Series of the UCR and UEA archives, in their own format: files .ts of a training and a test split.

Dau et al. 2019, The UCR time series archive, https://arxiv.org/abs/1810.07758; Bagnall et al. 2018, The UEA multivariate
time series classification archive, https://arxiv.org/abs/1811.00075; https://www.timeseriesclassification.com. The format
is described at https://www.aeon-toolkit.org: lines of ``@key value``, then a line for every series, its channels apart
by colons, values by commas, the class at the end.

Series of unequal length are filled up with NaN at their ends, from which recurrent networks read how long they are, or with
a number. Values that are missing at the end of all channels are such an end; others are refused.
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.split import Split
from podium.data.view import View

_LOG = logging.getLogger(__name__)
Values = npt.NDArray[np.float32]
MISSING = "?"


@dataclass(frozen=True, kw_only=True)
class Series:
    """``problem`` is the name of the files, in ``data.root`` or in a folder of that name below it.

    ``fill`` is what stands behind the end of a shorter series: null (NaN), or a number for networks that see no lengths.
    """

    problem: str
    fill: float | None


class Problem(NamedTuple):
    """One file: series (channels, length) of any length, their classes, and all classes by name in the file's order."""

    series: list[Values]
    labels: list[str]
    classes: list[str]


class Ucr(DataModule):
    """One problem of the archives: set data.root, data.series.problem, data.shape and data.num_classes."""

    name = "ucr"
    remedy = "set data.root and data.series.problem to the published files"
    class_names: list[str]

    def __init__(
        self,
        *,
        shape: list[int],
        num_classes: int,
        checksum: str | None,
        root: str,
        seed: int,
        batch_size: int,
        split: Split,
        view: View,
        series: Series,
    ) -> None:
        super().__init__(
            shape=shape,
            num_classes=num_classes,
            checksum=checksum,
            root=root,
            seed=seed,
            batch_size=batch_size,
            split=split,
            view=view,
        )
        self.series = series

    def load(self) -> Source:
        """Read both files, and bring all series to one length.

        Raises:
            ValueError: files are missing or damaged, or shape, classes or options do not fit them.
        """
        train, test = (read_ts(self._file(split)) for split in ("TRAIN", "TEST"))
        if train.classes != test.classes:
            raise ValueError(
                f"both files of {self.series.problem} must have the same classes, got {', '.join(train.classes)} and "
                f"{', '.join(test.classes)}; {self.remedy}"
            )
        if len(train.classes) != self.num_classes:
            raise ValueError(
                f"num_classes must be {len(train.classes)}, the classes of {self.series.problem}, got "
                f"{self.num_classes}; set data.num_classes={len(train.classes)}"
            )
        self.class_names = train.classes
        every = [*train.series, *test.series]
        lengths = sorted({one.shape[1] for one in every} | {self.shape[-1]})
        self._check_shape(every)
        if len(lengths) > 1 and self.series.fill is None:
            self._check_unequal(lengths)
        inputs = np.full(
            (len(every), *self.shape),
            math.nan if self.series.fill is None else self.series.fill,
            dtype=np.float32,
        )
        for row, one in enumerate(every):
            inputs[row, :, : one.shape[1]] = one
        number = {name: place for place, name in enumerate(train.classes)}
        labels = np.array([number[label] for label in [*train.labels, *test.labels]], dtype=np.int64)
        return Source(inputs, labels, test_start=len(train.series))

    def _file(self, split: str) -> Path:
        name = f"{self.series.problem}_{split}.ts"
        places = [Path(self.root) / name, Path(self.root) / self.series.problem / name]
        for file in places:
            if file.is_file():
                return file
        raise ValueError(
            f"{name} must be in {places[0].parent} or {places[1].parent}, got no such file; set data.root and "
            "data.series.problem"
        )

    def _check_shape(self, every: list[Values]) -> None:
        channels = {one.shape[0] for one in every}
        longest = max(one.shape[1] for one in every)
        if len(self.shape) != 2 or channels != {self.shape[0]} or longest > self.shape[1]:
            wanted = f"[{max(channels)},{longest}]"
            raise ValueError(
                f"shape must be {wanted}, the channels and the longest series of {self.series.problem}, got "
                f"{self.shape}; set data.shape={wanted}"
            )

    def _check_unequal(self, lengths: list[int]) -> None:
        """Refuse what would mix up the ends of series, and say that there are such.

        Raises:
            ValueError: values would be standardised or change their places.
        """
        for option, neutral in (("standardize", "none"), ("permute_seed", None)):
            if (found := getattr(self.view, option)) != neutral:
                raise ValueError(
                    f"view.{option} must be {neutral or 'null'} where series are filled up with NaN, got {found}; "
                    "leave it out, or set data.series.fill=0"
                )
        _LOG.info(
            "ucr: series of %s to %s steps are filled up with NaN, which recurrent networks read; others need "
            "data.series.fill=0",
            lengths[0],
            lengths[-1],
        )


def read_ts(file: Path) -> Problem:
    """The series of a file.

    Raises:
        ValueError: it is none of classes, has time stamps, or a line that is no series.
    """
    facts: dict[str, str] = {}
    found = Problem([], [], [])
    data = False
    try:
        lines = file.read_text(
            encoding="utf-8-sig", errors="replace"
        ).splitlines()  # comments are of any encoding
    except OSError as error:
        raise ValueError(f"{file} must be readable, got {error.strerror}; mend it") from None
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if not line or line[0] in "#%":
            continue
        if data:
            _add(found, line, f"{file}, line {number}")
        elif line.lower() == "@data":
            found.classes.extend(_classes(facts, file))
            data = True
        elif line[0] == "@":
            key, _, value = line[1:].partition(" ")
            facts[key.lower()] = value.strip()
    if not found.series:
        raise ValueError(f"{file} must hold series behind a line @data, got none; download it again")
    return found


def _classes(facts: dict[str, str], file: Path) -> list[str]:
    said, *names = facts.get("classlabel", "false").split() or ["false"]
    if said.lower() != "true" or not names:
        raise ValueError(f"{file} must have @classLabel true with classes, got none; choose another problem")
    if facts.get("timestamps", "false").lower() == "true":
        raise ValueError(f"{file} must have no time stamps, got @timeStamps true; choose another problem")
    return names


def _add(found: Problem, line: str, where: str) -> None:
    """Take one line.

    Raises:
        ValueError: it is no series of such a class.
    """
    *channels, label = (part.strip() for part in line.split(":"))
    if label not in found.classes:
        raise ValueError(
            f"{where}: a class must be one of {', '.join(found.classes)}, got {label!r}; mend it"
        )
    try:
        rows = [
            [math.nan if word.strip() == MISSING else float(word) for word in row.split(",")]
            for row in channels
        ]
    except ValueError as error:
        raise ValueError(f"{where}: values must be numbers, got {error}; mend it") from None
    if not rows or len({len(row) for row in rows}) != 1:
        lengths = sorted({len(row) for row in rows})
        raise ValueError(
            f"{where}: all channels must be of one length, got {lengths}; choose another problem"
        )
    values = np.array(rows, dtype=np.float32)
    missing = np.isnan(values)
    end = 1 + int(np.nonzero(~missing)[1].max(initial=-1))
    if end == 0 or missing[:, :end].any() or not np.isfinite(values[:, :end]).all():
        raise ValueError(
            f"{where}: values must be there and finite up to the end of a series, got others; fill them in, for "
            "instance by linear interpolation"
        )
    found.series.append(values[:, :end])
    found.labels.append(label)
