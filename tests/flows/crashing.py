"""A process that dies before a write, at each of them in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

WRITES = ("INSERT", "UPDATE", "DELETE")


class Killed(BaseException):
    """Like kill -9: nothing in our code catches it."""


@contextmanager
def killed_before_write(number: int) -> Iterator[list[str]]:
    """Die before the *number*th write statement; yields the statements that were begun."""
    begun: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith(WRITES):
            begun.append(sql)
            if len(begun) == number:
                raise Killed(sql[:60])
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        yield begun


def crashes_in_turn(act: Callable[[], object], check: Callable[[], None]) -> int:
    """Crash *act* before its 1st, 2nd, … write; *check* after each. How many there were."""
    for number in range(1, 200):
        try:
            with killed_before_write(number):
                act()
        except Killed:
            check()
        else:
            return number - 1
    raise AssertionError("it never ends")
