"""How many threads may run: the table of situations, without network, threads or clock.

Two authorities: the document says that the package may run at all, the lease how many threads of
the pool this process holds. Not hearing from the server never stops anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from .document import GRACE


@dataclass(frozen=True)
class Heard:
    """The last answer of the server, and when it came (Clock.age)."""

    code: str
    firm: int
    surge: int
    surge_s: float
    at: float
    asked: int | None = None  # how many threads it answers
    grace_s: float = GRACE.total_seconds()
    limit: int | None = None
    message: str = ""
    url: str = ""


@dataclass(frozen=True)
class Verdict:
    """`threads` may run paid work; `reason` is one line for the log, empty when all is well."""

    threads: int
    reason: str = ""

    @property
    def stands_by(self) -> bool:
        return self.threads == 0


def decide(
    wanted: int,
    *,
    limit: int | None,  # of the document
    covers_release: bool,
    heard: Heard | None,
    age: float,
    started: float,
) -> Verdict:
    """What holds at *age* for a process that runs since *started* and wants so many threads."""
    if heard is None:
        return _alone(wanted, limit, silent_for=age - started, grace_s=GRACE.total_seconds())
    if heard.code in {"REVOKED", "SUSPENDED"}:  # stays so until the next answer, however long
        return Verdict(0, _line(heard, 0, wanted))
    if heard.code == "LAPSED" and not covers_release:
        return Verdict(0, f"{heard.message} This release is newer. {heard.url}".strip())
    silent_for = age - heard.at
    if silent_for > heard.grace_s:
        return _alone(wanted, limit, silent_for=silent_for, grace_s=heard.grace_s)
    return _leased(wanted, heard, silent_for)


def _leased(wanted: int, heard: Heard, silent_for: float) -> Verdict:
    surge = heard.surge if silent_for < heard.surge_s else 0  # its end was known beforehand
    threads = min(wanted, heard.firm + surge + _not_asked_yet(wanted, heard))
    if heard.code == "LAPSED":
        return Verdict(threads, f"{heard.message} {heard.url}".strip())
    return Verdict(threads, "" if threads == wanted else _line(heard, threads, wanted))


def _not_asked_yet(wanted: int, heard: Heard) -> int:
    """What is wanted since then, where all that was asked for was granted: as at a start, it runs
    until there is an answer.
    """
    if heard.asked is None or heard.firm + heard.surge < heard.asked:
        return 0
    return max(0, wanted - heard.asked)


def _alone(wanted: int, limit: int | None, *, silent_for: float, grace_s: float) -> Verdict:
    """No word from the server: everything runs; after the grace at most what was bought."""
    if silent_for <= grace_s:
        return Verdict(wanted)
    days = int(silent_for // 86_400)
    threads = wanted if limit is None else min(wanted, limit)
    return Verdict(threads, f"The license server has not been heard for {days} days.")


def _line(heard: Heard, threads: int, wanted: int) -> str:
    said = f" {heard.message}" if heard.message else ""
    return f"{wanted} threads wanted, {threads} may run ({heard.code}).{said} {heard.url}".strip()
