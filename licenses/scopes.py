"""What a credential is limited to: products, versions, networks, and an end."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

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
        if not self.versions:
            return True
        try:
            return SpecifierSet(self.versions).contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False

    def allows_address(self, address: str) -> bool:
        if not self.networks:
            return True
        try:
            ip = _ip(address)
        except ValueError:
            return False
        return any(ip in ipaddress.ip_network(network) for network in self.networks)


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
        cidr = tuple(str(ipaddress.ip_network(text.strip())) for text in networks or [])
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


def network_of(address: str) -> str:
    """The /24 or /48 of an address: coarse enough to keep, fine enough to recognize."""
    try:
        ip = _ip(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None)  # ::ffff:192.0.2.1 behind a dual-stack listener
    return mapped or ip
