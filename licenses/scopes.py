"""What a credential is limited to: products, versions, networks, and an end."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from lib.addresses import is_in_networks
from lib.versions import is_in_range
from licenses.models import Credential

MAX_NETWORKS = 20


class BadScope(ValueError):
    """What was asked for is no version range or no network; the sentence says which."""


@dataclass(frozen=True)
class Scope:
    """Empty means no limit. Made by `make_scope` when it comes from outside."""

    products: frozenset[str] = frozenset()  # slugs
    versions: str = ""  # a specifier of PEP 440, e.g. "<4"
    networks: tuple[str, ...] = ()  # CIDR
    expires_at: datetime | None = None

    def allows_product(self, slug: str) -> bool:
        return not self.products or slug in self.products

    def allows_version(self, version: str) -> bool:
        """Pre-releases count like any other; what is no version is in no range."""
        return is_in_range(version, self.versions)

    def allows_address(self, address: str) -> bool:
        return not self.networks or is_in_networks(address, self.networks)


EVERYTHING = Scope()


def make_scope(
    *,
    products: list[str] | None = None,
    versions: str = "",
    networks: list[str] | None = None,
    expires_at: datetime | None = None,
) -> Scope:
    """A scope from what somebody typed. Raises BadScope."""
    try:
        SpecifierSet(versions)
    except InvalidSpecifier as error:
        raise BadScope(f"{versions!r} is no version range; an example is <4") from error
    if len(networks or []) > MAX_NETWORKS:
        raise BadScope(f"at most {MAX_NETWORKS} networks")
    try:
        cidr = tuple(str(ipaddress.ip_network(text.strip())) for text in networks or [] if text)
    except ValueError as error:
        raise BadScope(f"{error}; an example is 192.0.2.0/24") from error
    return Scope(frozenset(products or []), versions.strip(), cidr, expires_at)


def scope_of(credential: Credential) -> Scope:
    """What the row says; a rotated credential's end is its rotation's and not its scope's."""
    return Scope(
        products=frozenset(credential.products),
        versions=credential.versions,
        networks=tuple(credential.networks),
        expires_at=None if credential.rotated_at is not None else credential.expires_at,
    )
