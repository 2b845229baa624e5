"""Which addresses we connect to: the decision behind the SSRF guard, without any I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

IPNetwork = IPv4Network | IPv6Network

PUBLIC_PORTS = frozenset({80, 443})

# `ipaddress` alone is no guard: Python 3.11 calls 64:ff9b::7f00:1 (NAT64 of 127.0.0.1),
# 2002:7f00:1:: (6to4), 192.0.0.192 (cloud metadata) and fec0::1 (site-local) global.
_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER: tuple[IPNetwork, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; 100.100.100.200 is a cloud's metadata
        "192.0.0.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's host channel, a public address by number
        "64:ff9b:1::/48",
        "fec0::/10",
        "fc00::/7",  # fd00:ec2::254 is a cloud's metadata
    )
)


def carried(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that ``address`` embeds (mapped, compatible, 6to4, Teredo, NAT64)."""
    found = [a for a in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if a]
    if int(address) >> 32 == 0 or address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return found


def may_connect(address: IPv4Address | IPv6Address) -> bool:
    """Return whether a *resolved* address is a public one."""
    if getattr(address, "scope_id", None):
        return False
    if any(address in net for net in _NEVER if net.version == address.version):
        return False
    if isinstance(address, IPv6Address) and (inner := carried(address)):
        return all(may_connect(a) for a in inner)
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Which address and port may be connected to.

    ``allow`` holds the operator's networks: reachable although private, and on every port.
    """

    allow: tuple[IPNetwork, ...] = ()
    ports: frozenset[int] = PUBLIC_PORTS

    def refusal(self, address: str, port: int) -> str | None:
        """Return why ``address`` (a literal, never a name) is refused on ``port``, else None."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return "not an IP address"
        if self._is_allowed(parsed):
            return None
        if not may_connect(parsed):
            return "not a public address"
        if port not in self.ports:
            return f"port {port}"
        return None

    def refusal_of_any(self, addresses: Iterable[str], port: int) -> str | None:
        """Return why a host with these addresses is refused: one bad address refuses it."""
        return next((why for a in addresses if (why := self.refusal(a, port))), None)

    def _is_allowed(self, address: IPv4Address | IPv6Address) -> bool:
        if getattr(address, "scope_id", None):
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in net for net in self.allow if net.version == plain.version)
