import logging

import numpy as np
import pytest
import torch

from podium.data.ratings import read_ratings

RATINGS = [(user, item, 1 + (user * item) % 5) for user in range(1, 21) for item in range(10, 20)]
LAYOUTS = {
    "u.data": ("", "{0}\t{1}\t{2}\t881250949\n"),
    "ratings.dat": ("", "{0}::{1}::{2}::978300760\n"),
    "ratings.csv": ("userId,movieId,rating,timestamp\n", "{0},{1},{2}.0,964982703\n"),
    "ml-100k.inter": (
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
        "{0}\t{1}\t{2}\t881250949\n",
    ),
}


def written(folder, name, ratings=RATINGS, *, more=""):
    header, line = LAYOUTS.get(name, LAYOUTS["u.data"])
    file = folder / name
    file.write_text(header + "".join(line.format(*rating) for rating in ratings) + more, encoding="utf-8")
    return file


@pytest.fixture
def movielens(compose_data, tmp_path):
    def make(**changes):
        return compose_data("movielens", **{"root": tmp_path, "num_users": 21, "num_items": 11} | changes)

    return make


def whole(data, split):
    return data.examples(split).batch(slice(None))


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_holds_the_same_ratings(name, tmp_path, movielens):
    file = written(tmp_path, name)
    assert [tuple(row) for row in zip(*read_ratings(file), strict=True)] == RATINGS
    assert movielens(root=file).fingerprint() == movielens().fingerprint()


def test_columns_of_recbole_are_found_by_their_names(tmp_path):
    file = tmp_path / "mine.inter"
    file.write_text("timestamp:float\trating:float\titem_id:token\tuser_id:token\n1\t4.5\t7\t3\n")
    assert [column.tolist() for column in read_ratings(file)] == [[3], [7], [4.5]]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(
    "wrong",
    [("1", "x", "3"), ("-1", "5", "3"), ("1", "5", "nan"), ("1", str(2**24), "3"), ("1", "5", "3", "4\t5")],
    ids=["letters", "negative", "no number", "too large", "too many"],
)
def test_a_wrong_line_is_named_with_its_file_and_number(name, wrong, tmp_path):
    header, line = LAYOUTS[name]
    text = line.format(*wrong) if len(wrong) == 3 else line.format(*wrong).strip() + "\t9::9,9\n"
    file = written(tmp_path, name, more=text)
    with pytest.raises(
        ValueError, match=r"whole numbers below 16,777,216 and the rating as a number"
    ) as error:
        read_ratings(file)
    assert str(error.value).startswith(f"{file} must have ")
    assert f"in line {len(RATINGS) + 1 + bool(header)}; correct it" in str(error.value)


def test_blank_lines_and_line_ends_of_windows_are_no_ratings(tmp_path):
    file = written(tmp_path, "u.data", more="\n  \n")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert len(read_ratings(file).user) == len(RATINGS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"must be ratings as GroupLens or recbole ship them, got '' in line 1; set data\.root"),
        (b"title\n", r"must be ratings as GroupLens or recbole ship them, got 'title' in line 1"),
        (b"user_id:token\titem_id:token\n", r"must have the column rating:float, got user_id:token item_id"),
        (b"userId,movieId,rating,timestamp\n", r"must hold ratings, got none"),
        (b"1\t2\t3\t\xe9\n", r"must be text in UTF-8, got the byte 0xe9 in line 1"),
    ],
    ids=["empty", "other", "column", "header", "latin1"],
)
def test_what_holds_no_ratings_is_refused(content, said, tmp_path):
    (tmp_path / "u.data").write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        read_ratings(tmp_path / "u.data")
    assert "\n" not in str(error.value)


def test_inputs_are_places_among_those_of_the_training_split_and_targets_the_ratings(tmp_path, movielens):
    written(tmp_path, "u.data")
    data = movielens()
    assert data.examples("test").target.shape == (40, 1)
    for split in ("train", "validation", "test"):
        batch, rows = whole(data, split), data.examples(split).index.tolist()
        wanted = [(user, item - 9, value) for user, item, value in (RATINGS[row] for row in rows)]
        assert torch.cat([batch.input, batch.target], 1).tolist() == [list(map(float, row)) for row in wanted]


def test_users_and_items_that_are_only_in_the_test_split_are_unknown_and_said(tmp_path, movielens, caplog):
    base = [row for row in RATINGS if row[0] != 20 and row[1] != 19]
    test = [row for row in RATINGS if row[0] == 20 or row[1] == 19]
    written(tmp_path, "u1.base", base)
    written(tmp_path, "u1.test", test)
    with caplog.at_level(logging.INFO):
        data = movielens(published="u1", split={"test": None})
        batch = whole(data, "test")
    users, items = batch.input.long().T
    assert users.tolist() == [0 if row[0] == 20 else row[0] for row in test]
    assert items.tolist() == [0 if row[1] == 19 else row[1] - 9 for row in test]
    assert not (whole(data, "train").input == 0).any()
    (said,) = [message for message in caplog.messages if "users" in message]
    assert said == (
        "movielens: 19 users and 9 items are known, which are in the training split; 1 users and 1 items of the test "
        "split are unknown, in 29 of 29 ratings"
    )


@pytest.mark.parametrize("fold", ["u1", "u2"])
def test_a_published_split_is_that_of_its_files(fold, tmp_path, movielens):
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    written(folder, "u.data")
    for name, part in (("u1", slice(0, 40)), ("u2", slice(40, 80))):
        rows = set(RATINGS[part])
        written(folder, f"{name}.base", [row for row in RATINGS if row not in rows])
        written(folder, f"{name}.test", RATINGS[part])
    data = movielens(published=fold, split={"test": None})
    found = [row[2] for row in (RATINGS[:40] if fold == "u1" else RATINGS[40:80])]
    assert whole(data, "test").target[:, 0].tolist() == found
    with pytest.raises(ValueError, match=r"must hold u3\.base and u3\.test once, got them 0 times; set"):
        movielens(published="u3", split={"test": None}).load()
    with pytest.raises(ValueError, match=r"^test must be null where a test split is published, got 0\.2"):
        movielens(published=fold).fingerprint()


def test_a_rating_in_two_splits_is_refused(tmp_path, movielens):
    written(tmp_path, "ua.base")
    written(tmp_path, "ua.test", RATINGS[7:8])
    with pytest.raises(
        ValueError, match=r"must hold one rating of an item by a user, got 2 of item 17 by user 1;"
    ):
        movielens(published="ua", split={"test": None}).load()


def test_more_users_or_items_than_there_is_room_for_are_refused_with_the_numbers_to_set(tmp_path, movielens):
    written(tmp_path, "u.data")
    said = r"at least 21 and 11, .*, got 21 and 10; set data\.num_users=21 data\.num_items=11$"
    with pytest.raises(ValueError, match=said):
        movielens(num_items=10).fingerprint()
    assert movielens(num_users=99, num_items=99).fingerprint() == movielens().fingerprint()


def test_a_folder_with_two_files_or_none_is_refused(tmp_path, movielens):
    with pytest.raises(ValueError, match=r"must hold one file of ratings, got none; set data\.root"):
        movielens().load()
    written(tmp_path, "u.data")
    (tmp_path / "ml-1m").mkdir()
    written(tmp_path / "ml-1m", "ratings.dat")
    with pytest.raises(
        ValueError, match=r"must hold one file of ratings, got u\.data and ml-1m/ratings\.dat"
    ):
        movielens().load()
    assert len(movielens(root=tmp_path / "ml-1m").load().labels) == len(RATINGS)


def test_ratings_are_not_standardised(tmp_path, movielens):
    written(tmp_path, "u.data")
    with pytest.raises(ValueError, match=r"view\.standardize must be none for symbols, got pixel; leave"):
        movielens(view={"standardize": "pixel"}).load()
    assert np.array_equal(movielens().load().inputs[0], [1, 10])
