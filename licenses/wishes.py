"""What processes ask for, and what they are told."""

import uuid
from dataclasses import dataclass

from licenses.granting import Grant
from licenses.models import LeasePool

PRODUCTION = "production"


@dataclass(frozen=True)
class Wish:
    """What one process asks for."""

    iid: uuid.UUID
    threads: int
    env: str = PRODUCTION
    slot: str = ""
    package: str = ""

    @property
    def is_counted(self) -> bool:
        return self.env == PRODUCTION


@dataclass(frozen=True)
class Pace:
    """How long a lease holds, and how soon it should be renewed."""

    ttl_s: float
    next_s: int


@dataclass(frozen=True)
class Answer:
    """What it gets, and why not more."""

    iid: uuid.UUID
    code: str
    grant: Grant
    surge_s: int
    ttl_s: float
    next_s: int
    is_counted: bool = True  # in production


@dataclass(frozen=True)
class Outcome:
    """The answers to a request, beside the pool as it was last counted."""

    answers: list[Answer]
    pool: LeasePool
