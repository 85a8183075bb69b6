"""Results come in order, and threads work so far ahead and no further."""

import threading

import pytest

from podium.data.ahead import in_order


def test_results_come_in_the_order_of_what_is_given():
    last = threading.Event()

    def work(number):
        if number == 0:
            assert last.wait(60)  # the first is ready after the third
        if number == 2:
            last.set()
        return number

    assert list(in_order(work, range(6), threads=3, ahead=4)) == list(range(6))


@pytest.mark.parametrize("ahead", [1, 5])
def test_no_more_is_begun_than_may_be_ahead(ahead):
    given = iter(range(100))
    results = in_order(lambda number: number, given, threads=2, ahead=ahead)
    assert next(results) == 0
    assert next(given) == ahead + 1
    results.close()


def test_an_error_comes_where_its_result_would_and_ends_the_threads():
    before = threading.active_count()
    results = in_order(lambda number: 1 // (2 - number), range(6), threads=2, ahead=3)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before
