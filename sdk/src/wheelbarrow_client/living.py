"""The leases of this process: what becomes of them when it ends, and when it forks."""

from __future__ import annotations

import atexit
import weakref
from typing import TYPE_CHECKING

from .forks import hook

if TYPE_CHECKING:
    from .leasing import Lease

leases: weakref.WeakSet[Lease] = weakref.WeakSet()
_hooked: list[bool] = []


def hook_once() -> None:
    """Once per process, and only when a lease starts."""
    if _hooked:
        return
    _hooked.append(True)
    atexit.register(_stop_all)
    hook(in_child=_fork_all)


def _stop_all() -> None:
    for lease in list(leases):
        lease.stop()


def _fork_all() -> None:
    for lease in list(leases):
        lease.after_fork_in_child()
