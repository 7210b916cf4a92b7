"""From a signed answer of the license server to what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .transport import Unreachable
from .verdicts import Heard

LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 60.0, 900.0  # what a server may ask for


@dataclass(frozen=True)
class Answer:
    heard: Heard
    issued_at: float  # Unix seconds, the server's
    pause_s: float  # until the next time
    newest_rev: int  # of the license


def of_member(claims: dict[str, Any], iid: str) -> dict[str, Any] | None:
    """What an answer to several says to this one; None if it does not speak of it."""
    members = claims.get("members")
    for member in members if isinstance(members, list) else []:
        if isinstance(member, dict) and member.get("iid") == iid:
            return {**claims, **member}
    return None


def read_answer(claims: dict[str, Any], *, at: float, asked: int) -> Answer:
    """Raises Unreachable: an answer that cannot be read is none."""
    try:
        pause = float(claims["next_s"])
        return Answer(
            heard=Heard(
                code=str(claims["code"]),
                firm=int(claims["firm"]),
                surge=int(claims["surge"]),
                surge_s=float(claims["surge_s"]),
                at=at,
                asked=asked,
                grace_s=float(claims["grace_s"]),
                limit=claims["pool"]["limit"],
                message=str(claims.get("msg", "")),
                url=str(claims.get("url", "")),
            ),
            issued_at=float(claims["iat"]),
            pause_s=min(max(pause, LEAST_PAUSE_SECONDS), MOST_PAUSE_SECONDS),
            newest_rev=int(claims["lic_rev"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreachable("an answer in a form that this release does not know") from error
