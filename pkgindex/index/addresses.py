"""Where a request comes from."""

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def client_address(environ: "WSGIEnvironment", trusted_proxies: int) -> str:
    """The address that the outermost of our own proxies saw.

    Each proxy appends the address it was called from to X-Forwarded-For, so behind N proxies
    the Nth entry from the right is the client; whatever stands further left was sent by the
    client and may be a lie. A network of IPv6 (/64) is one client.
    """
    forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    if 0 < trusted_proxies <= len(forwarded):
        address = forwarded[-trusted_proxies].strip()
        if address:
            return _network(address)
    return _network(str(environ.get("REMOTE_ADDR", "")))


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
    except ValueError:
        return address
