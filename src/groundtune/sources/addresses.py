"""Which addresses of a network are public, so that no page can lead a program to what only this machine can reach."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

__all__ = ["addresses_of", "is_local_name", "is_public"]

_LOCAL = (".localhost", ".local", ".internal", ".lan", ".home", ".corp", ".home.arpa")
_NAT64 = IPv6Network("64:ff9b::/96")


def addresses_of(host: str, port: int) -> list[str]:
    """What a host name stands for now.

    Raises:
        OSError: when nobody knows it.
    """
    return list(dict.fromkeys(str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def is_local_name(host: str) -> bool:
    """Whether a name is one of a private network by its form: without a dot, or below what is reserved for them."""
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(_LOCAL)


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, an IPv4 address inside an IPv6 one included."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None and not is_public(str(inner)):
            return False
        if ip.ipv4_mapped:
            return True
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)
