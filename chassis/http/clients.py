"""From which address a request came, where proxies stand in between."""

import ipaddress
from collections.abc import Callable

from starlette.requests import Request

from chassis.settings import Settings

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
AddressOf = Callable[[Request], str]


def address_of(settings: Settings) -> AddressOf:
    """Return the function that names a request's client, for counting: an address, of IPv6 the /64 network.

    `X-Forwarded-For` counts only where the connection came from a trusted proxy, and is read from its end: what
    stands before the last address that is not a proxy's own was written by the client, who may write anything.
    """
    trusted = [
        ipaddress.ip_network(text.strip()) for text in (settings.trusted_proxies or "").split(",") if text
    ]

    def address(request: Request) -> str:
        nearest = request.client.host if request.client is not None else ""
        told = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        while told and _is_of(nearest, trusted):
            farther = told.pop().strip()
            if not farther:
                break
            nearest = farther
        return _counted(nearest)

    return address


def _is_of(address: str, networks: list[_Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _counted(address: str) -> str:
    """One household has a /64 of IPv6: 2^64 addresses. Text that is no address counts as one name."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))
