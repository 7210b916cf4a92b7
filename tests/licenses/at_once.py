"""The same thing done by several at the same moment, each with a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def at_once(number: int, act: Callable[[], T]) -> list[T | Exception]:
    """What each of them got: a result or an exception. Needs django_db(transaction=True)."""
    gate = threading.Barrier(number)

    def one(_: int) -> T | Exception:
        gate.wait()
        try:
            return act()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))
