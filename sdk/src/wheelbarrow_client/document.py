"""The license document: where it stands, and what a genuine one says."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .tokens import LICENSE, MAX_CHARACTERS, InvalidLicense, read_token, refuse

VERSION = 1
BEGIN = "-----BEGIN WHEELBARROW LICENSE-----"
END = "-----END WHEELBARROW LICENSE-----"

TEXT_VARIABLE = "WHEELBARROW_LICENSE"
FILE_VARIABLE = "WHEELBARROW_LICENSE_FILE"
GRACE = timedelta(days=30)


@dataclass(frozen=True)
class License:
    """What a genuine document says."""

    license_id: str
    rev: int  # of two documents of one license the higher one is newer
    customer_id: str  # opaque
    organization: str
    product: str
    products: tuple[str, ...]
    plan: str  # the tier's slug, e.g. "pro"
    threads: int | None  # None: no limit
    features: tuple[str, ...]
    issued_at: datetime
    paid_through: datetime
    updates_until: datetime  # releases up to then run for ever
    refresh_by: datetime | None = None  # releases up to then run with this document
    mode: str = "site"  # "pool": threads are leased
    grace: timedelta = GRACE
    hosts: tuple[str, ...] = ()  # of the shop
    support: str = ""
    ends_at: datetime | None = None  # an evaluation; what was paid for never ends by the clock

    def has_feature(self, name: str) -> bool:
        return name in self.features

    def covers_release(self, released_at: datetime) -> bool:
        """Whether a release of that moment may run with this document, whatever the clock says.

        A document of a running subscription covers what is released in the 35 days after the paid
        time too, so that nobody must fetch a new one on the day of a renewal.
        """
        return released_at <= max(self.updates_until, self.refresh_by or self.updates_until)

    @property
    def may_be_renewed(self) -> bool:
        """Whether the subscription went on when it was signed: the shop may have a newer one."""
        is_ended = self.refresh_by is None or self.refresh_by <= self.updates_until
        return self.ends_at is None and not is_ended

    def is_over(self, at: datetime) -> bool:
        """Whether it was given for a time that has ended."""
        return self.ends_at is not None and at >= self.ends_at

    @property
    def limit(self) -> str:
        """The thread limit in words."""
        return "unlimited threads" if self.threads is None else f"{self.threads} threads"


def read(
    product: str, *, text_variable: str = TEXT_VARIABLE, file_variable: str = FILE_VARIABLE
) -> str | None:
    """The license document on this machine, unverified; None if there is none.

    Looked for in WHEELBARROW_LICENSE (the text), in the file that WHEELBARROW_LICENSE_FILE names,
    and in `~/.config/<product>/license`, in that order; a vendor may choose other names of the
    variables. A file that is named but cannot be read raises InvalidLicense, for falling through
    to another license would only puzzle people.
    """
    text = os.environ.get(text_variable, "").strip()
    if text:
        return text
    path = os.environ.get(file_variable, "").strip()
    if path:
        return _read_file(Path(path), named_by=file_variable)
    own = _user_file(product)
    if own is None or not os.path.lexists(own):
        return None
    return _read_file(own, named_by="your configuration")


def verify(
    document: str, public_keys: Sequence[str], *, refused_keys: Collection[str] = ()
) -> License:
    """The license that *document* is, in one line or in armour, if the chain from one of the root
    keys *public_keys* (base64) down to it holds.

    Raises InvalidLicense, and nothing else, for whatever text is given.
    """
    claims = read_token(
        unarmoured(document), public_keys, purpose=LICENSE, use="license", refused_keys=refused_keys
    )
    return _license(claims)


def unarmoured(document: str) -> str:
    """The one line that stands between the two lines of the armour, if there is any. The lines may
    be folded, as YAML does, or have their ends written as \\n, as JSON does.
    """
    text = document.replace("\\n", "\n").strip()
    if not text.startswith("-----"):
        return text
    if not text.startswith(BEGIN) or not text.endswith(END):
        refuse("its first or last line is damaged")
    return "".join(text[len(BEGIN) : -len(END)].split())


def _user_file(product: str) -> Path | None:
    try:
        folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    except RuntimeError:  # a container whose user has no home
        return None
    return Path(folder) / product / "license"


def _read_file(path: Path, *, named_by: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_CHARACTERS + 1).decode("utf-8-sig").strip()
    except OSError as error:
        reason = f"The license file {path} ({named_by}) cannot be read: {error.strerror}."
        raise InvalidLicense(reason) from error
    except ValueError as error:
        reason = f"The license file {path} ({named_by}) is not a license document."
        raise InvalidLicense(reason) from error


def _license(claims: dict[str, Any]) -> License:
    """The signed claims as a value."""
    if claims.get("v") != VERSION:
        refuse(f"its version is {claims.get('v')!r}; upgrade the package to read it")
    try:
        return License(
            license_id=str(claims["lid"]),
            rev=int(claims["rev"]),
            customer_id=str(claims["cus"]),
            organization=str(claims["org"]),
            product=str(claims["product"]),
            products=tuple(claims["products"]),
            plan=str(claims["plan"]),
            threads=claims["limits"]["threads"],
            features=tuple(claims["features"]),
            issued_at=_moment(claims["iat"]),
            paid_through=_moment(claims["paid_through"]),
            updates_until=_moment(claims["updates_until"]),
            refresh_by=_moment(claims["exp"]) if "exp" in claims else None,
            mode=str(claims.get("mode", "site")),
            grace=timedelta(seconds=claims.get("grace_s", GRACE.total_seconds())),
            hosts=tuple(claims.get("hosts", ())),
            support=str(claims.get("support", "")),
            ends_at=_moment(claims["exp"]) if claims.get("fallback") == "none" else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        refuse("a claim is missing or malformed; upgrade the package to read it")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.9 cannot read a Z
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
