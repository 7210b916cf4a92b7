"""Where a request comes from, and whether an address lies in a network."""

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(environ: Mapping[str, Any], trusted_proxies: int) -> str:
    """The address that the outermost of our own proxies saw, as it was written; "" if unknown.

    Each proxy appends the address it was called from to X-Forwarded-For, so behind N proxies
    the Nth entry from the right is the client; whatever stands further left was sent by the
    client and may be a lie. *environ* is that of WSGI (Django's `request.META`).
    """
    if trusted_proxies > 0:
        forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
        if trusted_proxies <= len(forwarded) and (address := forwarded[-trusted_proxies].strip()):
            return address
    return str(environ.get("REMOTE_ADDR", ""))


@lru_cache(4096)
def one_client(address: str) -> str:
    """What is counted as one client: an address of IPv4, a network (/64) of IPv6."""
    return _block(address, 32, 64).partition("/")[0] or address


@lru_cache(4096)
def network_of(address: str) -> str:
    """The /24 or /48 of an address: coarse enough to keep, fine enough to recognize; or ""."""
    return _block(address, 24, 48)


def is_in_networks(address: str, networks: Iterable[str]) -> bool:
    """Whether *address* lies in one of the *networks* (CIDR); what is no address lies in none."""
    return _is_in_networks(address, tuple(networks))


def read_address(text: str) -> Address:
    """Raises ValueError. An address of IPv4 behind a dual-stack listener is one of IPv4."""
    ip = ipaddress.ip_address(text)
    return getattr(ip, "ipv4_mapped", None) or ip


@lru_cache(4096)
def _is_in_networks(address: str, networks: tuple[str, ...]) -> bool:
    try:
        ip = read_address(address)
    except ValueError:
        return False
    return any(ip in ipaddress.ip_network(network) for network in networks)


def _block(address: str, bits_v4: int, bits_v6: int) -> str:
    try:
        ip = read_address(address)
    except ValueError:
        return ""
    bits = bits_v4 if ip.version == 4 else bits_v6
    return str(ipaddress.ip_network(f"{ip}/{bits}", strict=False))
