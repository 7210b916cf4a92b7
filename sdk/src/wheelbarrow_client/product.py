"""What a vendor's package holds: one object that knows its license. Nothing raises on import."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable

from .document import FILE_VARIABLE, TEXT_VARIABLE, License, read, verify
from .tokens import InvalidLicense

if TYPE_CHECKING:
    from .clock import Clock
    from .leasing import Lease
    from .together import Together
    from .transport import Transport
    from .verdicts import Verdict

KEY_VARIABLE = "WHEELBARROW_LEASE_KEY"


class Unlicensed(Exception):
    """The paid part was used without a license for it; the message says what to do."""


class Product:
    """A product of a vendor, on a customer's machine.

    *released* is the day this release was made ("2026-01-31"): it is compared with the license,
    and the clock is not asked. What a signing key of *revoked* (ids) signed is refused. The names
    of the variables may be the vendor's own.
    """

    def __init__(
        self,
        slug: str,
        *,
        roots: Sequence[str],
        revoked: Sequence[str] = (),
        released: str = "",
        name: str = "",
        package: str = "",
        version: str = "",
        url: str = "",
        text_variable: str = TEXT_VARIABLE,
        file_variable: str = FILE_VARIABLE,
        key_variable: str = KEY_VARIABLE,
    ) -> None:
        self.slug, self.roots, self.revoked = slug, tuple(roots), tuple(revoked)
        self.released_at = _day(released)
        self.package, self.version = package or slug, version
        self._name = name or f"{self.package} {version}".strip()
        self.url = url
        self.variables = (text_variable, file_variable, key_variable)
        self._found: License | None = None
        self._clock: Clock | None = None

    def license(self) -> License:
        """The license on this machine, verified offline, once. Raises Unlicensed."""
        if self._found is None:
            self._found = self._find()
        return self._found

    def allows(self, feature: str = "") -> bool:
        """Whether the license has the feature; without a name, whether there is one that serves.

        Never raises.
        """
        try:
            self.require(feature)
        except Unlicensed:
            return False
        return True

    def require(self, feature: str = "") -> License:
        """The license, if it covers this release and the feature. Raises Unlicensed."""
        found = self.license()
        if found.is_over(self._now()):
            raise Unlicensed(
                f"The evaluation of {self._name} ended on {found.paid_through:%Y-%m-%d}"
                f"{self._at(found)}"
            )
        if self.released_at is not None and not found.covers_release(self.released_at):
            self._check_renewed(found, self.released_at)
        if feature and not found.has_feature(feature):
            raise Unlicensed(
                f"{feature!r} of {self._name} is not part of your license for {found.product} "
                f"{found.plan}{self._at(found)}"
            )
        return found

    def _check_renewed(self, found: License, released_at: datetime) -> None:
        """Raises Unlicensed, unless the shop can say that it was renewed: with the first answer to
        a lease comes the newer document. Until then nobody waits, and nothing is refused.
        """
        if found.may_be_renewed and found.hosts and self._lease_key():
            return
        said = f"{self._name} was released on {released_at:%Y-%m-%d}. "
        if found.may_be_renewed:
            raise Unlicensed(
                f"{said}Your license document is older and covers releases up to "
                f"{found.refresh_by:%Y-%m-%d}: put the newest one in its place, which "
                f"{self.variables[2]} would do by itself{self._at(found)}"
            )
        raise Unlicensed(
            f"{said}Your license covers releases up to {found.updates_until:%Y-%m-%d}: install one "
            f"of those, or renew{self._at(found)}"
        )

    def _lease_key(self) -> str:
        return os.environ.get(self.variables[2], "").strip()

    def lease(
        self,
        threads: int,
        on_change: Callable[[Verdict], None],
        *,
        together: bool = True,
        **options: Any,
    ) -> Lease:
        """Threads of the license's pool, renewed in the background after `start()`.

        Processes of one user on one host renew *together*: one of them asks for all. Without a
        lease key on this machine, and in CI and tests, everything that is wanted runs. *options*
        are those of Lease, e.g. `in_child`. Raises Unlicensed.
        """
        from .clock import Clock  # noqa: PLC0415
        from .leasing import Lease  # noqa: PLC0415

        found = self.require()
        self._clock = self._clock or Clock()
        transport, others = self._connect(found, together=together)
        lease = Lease(
            found,
            wanted=threads,
            transport=transport,
            roots=self.roots,
            on_change=on_change,
            released_at=self.released_at,
            package=self.package,
            version=self.version,
            clock=self._clock,
            on_document=self._adopt,
            together=others,
            **options,
        )
        lease.refuse_keys(self.revoked)
        return lease

    def _connect(
        self, found: License, *, together: bool
    ) -> tuple[Transport | None, Together | None]:
        """The shop, and the others of this host that ask it; None for what there is not."""
        from .surroundings import environment, is_offline  # noqa: PLC0415
        from .together import Together, open_folder  # noqa: PLC0415
        from .transport import Transport  # noqa: PLC0415

        key = self._lease_key()
        if not key or not found.hosts:
            return None, None
        agent = f"{self.package}/{self.version}" if self.version else self.package
        transport = Transport(found.hosts[0].rstrip("/"), key, agent)
        if not together or is_offline():
            return transport, None
        folder = open_folder(found.license_id, key, agent, environment())
        return transport, None if folder is None else Together(folder)

    def _now(self) -> datetime:
        """Never earlier than what the shop signed, since threads were leased."""
        if self._clock is None:
            return datetime.now(timezone.utc)
        return datetime.fromtimestamp(self._clock.now(), timezone.utc)

    def _adopt(self, text: str, document: License) -> None:
        self._found = document

    def _find(self) -> License:
        text_variable, file_variable, _ = self.variables
        where = (
            f"Set {text_variable} to the text of your license or {file_variable} to the path of a "
            f"file with it, or put it into ~/.config/{self.slug}/license."
        )
        try:
            text = read(self.slug, text_variable=text_variable, file_variable=file_variable)
            found = None if text is None else verify(text, self.roots, refused_keys=self.revoked)
        except InvalidLicense as error:
            raise Unlicensed(
                f"{self._name} has no license it can use. {error.reason} {where}"
            ) from error
        if found is None:
            raise Unlicensed(f"{self._name} needs a license and found none. {where}")
        if self.slug not in found.products:
            raise Unlicensed(
                f"Your license is for {found.product} {found.plan}, not for {self._name}"
                f"{self._at(found)}"
            )
        return found

    def _at(self, found: License) -> str:
        url = self.url or found.support
        return f": {url}" if url else "."


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc) if text else None
