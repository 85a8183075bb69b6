import math

import numpy as np
import pytest
import torch

from podium.data.ucr import read_ts

HEAD = "# comment: caf\xe9\n@problemName Toy\n@timeStamps false\n@univariate false\n@classLabel true b a\n@data\n"
TRAIN = HEAD + "".join(f"{k},2,3:4,5,{k}:{'ab'[k % 2]}\n" for k in range(20))
TEST = HEAD + "7,8,9:1,1,1:a\n0,0,1:2,2,2:b\n"
SHORT = HEAD + "7,8:1,1:a\n0,0,1:2,2,2:b\n3,?,?:4,?,NaN:b\n"


@pytest.fixture
def ucr(tmp_path, compose_data):
    def make(train=TRAIN, test=TEST, *, folder="Toy", **changes):
        (tmp_path / folder).mkdir(exist_ok=True)
        for split, text in (("TRAIN", train), ("TEST", test)):
            (tmp_path / folder / f"Toy_{split}.ts").write_bytes(text.encode("latin1"))
        facts = {"shape": [2, 3], "num_classes": 2, "series": {"problem": "Toy"}, "batch_size": 4}
        return compose_data("ucr", root=tmp_path, **facts | changes)

    return make


@pytest.mark.parametrize("folder", [".", "Toy"])
def test_both_files_are_read_with_classes_in_the_order_of_the_header(ucr, folder):
    data = ucr(folder=folder)
    source = data.load()
    assert data.class_names == ["b", "a"]
    assert source.test_start == 20
    assert source.inputs[3].tolist() == [[3, 2, 3], [4, 5, 3]]
    assert source.labels.tolist() == [1, 0] * 10 + [1, 0]
    assert data.examples("test").index.tolist() == [20, 21]


def test_shorter_series_are_filled_up_with_nan_or_with_a_number(ucr, caplog):
    caplog.set_level("INFO")
    inputs = ucr(test=SHORT).load().inputs[20:]
    assert "ucr: series of 1 to 3 steps are filled up with NaN" in caplog.text
    nan = math.nan
    wanted = [[[7, 8, nan], [1, 1, nan]], [[0, 0, 1], [2, 2, 2]], [[3, nan, nan], [4, nan, nan]]]
    assert np.array_equal(inputs, np.array(wanted, dtype=np.float32), equal_nan=True)
    filled = ucr(test=SHORT, series={"problem": "Toy", "fill": -1.0}).load().inputs[20:]
    assert np.array_equal(filled, np.nan_to_num(wanted, nan=-1))
    assert np.isnan(ucr(shape=[2, 5]).load().inputs[:, :, 3:]).all()


def test_options_that_would_mix_up_the_ends_are_refused_where_there_are_such(ucr):
    for option, value, wanted in (("standardize", "channel", "none"), ("permute_seed", 3, "null")):
        with pytest.raises(
            ValueError, match=rf"view\.{option} must be {wanted} where .*, got {value}; leave"
        ):
            ucr(test=SHORT, view={option: value}).load()
        ucr(view={option: value}).load()
        filled = ucr(test=SHORT, view={option: value}, series={"problem": "Toy", "fill": 0.0})
        assert filled.examples("test").batch(slice(None)).input.isfinite().all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEST.replace("8", "x"), r"Toy_TEST\.ts, line 7: values must be numbers, got .*'x'; mend it"),
        (TEST.replace("7,8,9", "7,?,9"), r"line 7: values must be there and finite up to the end"),
        (
            TEST.replace("7,8,9:1,1,1", "7,8,?:1,1,1"),
            r"line 7: values must be there and finite up to the end",
        ),
        (TEST.replace("8", "inf"), r"line 7: values must be there and finite"),
        (HEAD + "?,?:?,?:a\n", r"line 7: values must be there"),
        (TEST.replace("1,1,1", "1,1"), r"line 7: all channels must be of one length, got \[2, 3\]; choose"),
        (TEST.replace(":a\n", ":c\n"), r"line 7: a class must be one of b, a, got 'c'; mend it"),
        (
            TEST.replace("@timeStamps false", "@timeStamps true"),
            r"must have no time stamps, got @timeStamps true",
        ),
        (
            TEST.replace("@classLabel true b a", "@targetLabel true"),
            r"must have @classLabel true with classes",
        ),
        (
            TEST.replace("true b a", "true a b"),
            r"both files of Toy must have the same classes, got b, a and a, b",
        ),
        (HEAD, r"must hold series behind a line @data, got none; download it again"),
    ],
)
def test_files_that_are_damaged_or_of_another_kind_are_refused_in_one_line(ucr, text, said):
    with pytest.raises(ValueError, match=said) as error:
        ucr(test=text).load()
    assert "\n" not in str(error.value)


def test_facts_that_do_not_fit_are_refused_with_those_that_do(ucr):
    for changes, said in (
        (
            {"shape": [2, 2]},
            r"shape must be \[2,3\], the channels and the longest series of Toy, .* set data\.shape=",
        ),
        ({"shape": [1, 3]}, r"shape must be \[2,3\]"),
        ({"num_classes": 3}, r"num_classes must be 2, the classes of Toy, got 3; set data\.num_classes=2"),
        (
            {"series": {"problem": "Other"}},
            r"Other_TRAIN\.ts must be in .*, got no such file; set data\.root",
        ),
    ):
        with pytest.raises(ValueError, match=said):
            ucr(**changes).load()


def test_a_univariate_file_has_one_channel(tmp_path):
    file = tmp_path / "a.ts"
    file.write_text("@classLabel true 1 2\n@data\n1.5,2e-1 : 1\n\n-3,4:2\n", encoding="utf-8")
    found = read_ts(file)
    assert [one.shape for one in found.series] == [(1, 2)] * 2
    assert torch.tensor(found.series[0]).tolist() == [[1.5, pytest.approx(0.2)]]
    assert found.labels == ["1", "2"]
