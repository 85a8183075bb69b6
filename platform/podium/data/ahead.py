"""Results in order that threads work out ahead of who takes them."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Given], Result], given: Iterable[Given], *, threads: int, ahead: int
) -> Generator[Result]:
    """The results of some work in the order of what is given; threads are at most so many results ahead, for the memory.

    Who wants no more of them closes it, so that what waits is given up.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="podium-read") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for one in given:
                waiting.append(pool.submit(work, one))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
