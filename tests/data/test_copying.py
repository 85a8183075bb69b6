"""The copying problem: what is written is what was read before the blanks, and no row is in two splits."""

import pytest


def rows_of(data, split):
    batch = data.examples(split).batch(slice(None))
    return [data.text(row) for row in batch.input.long().tolist()], [
        data.text(row) for row in batch.target.tolist()
    ]


def test_what_is_written_is_what_was_read_and_no_row_is_there_twice(compose_data):
    data = compose_data("copying", root="none")
    found = []
    for split, wanted in (("train", 5000), ("validation", 500), ("test", 1000)):
        read, written = rows_of(data, split)
        assert len(read) == wanted
        assert read == [row + 20 * "." for row in written]
        assert {len(row) for row in written} == {5}
        found += written
    assert len(set(found)) == len(found) == 6500
    assert set("".join(found)) == set("abcdefgh")


def test_lengths_are_options_and_what_does_not_fit_is_refused(compose_data):
    data = compose_data("copying", root="none", checksum=None, shape=[8], longest=8)
    read, written = rows_of(data, "test")
    assert read[0] == written[0] + "."
    for shape, longest in (([25], 5), ([4], 6)):
        with pytest.raises(
            ValueError, match=r"longest must be from 6 to .* set data\.longest=6 data\.shape="
        ):
            compose_data("copying", root="none", checksum=None, shape=shape, longest=longest).load()


def test_a_row_to_read_is_written_in_letters_and_points(compose_data):
    data = compose_data("copying", root="none")
    assert data.text(data.numbers("abh..")) == "abh.."
    with pytest.raises(ValueError, match="a row must be of abcdefgh and points, got 'x'"):
        data.numbers("abx")
