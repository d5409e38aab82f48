"""Whose address a request comes from, behind whatever proxies are trusted."""

from __future__ import annotations

import ipaddress

from django.conf import settings


def client_address(peer: str, forwarded: str) -> str:
    """The visitor's address: the last one in X-Forwarded-For that no trusted proxy has added."""
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    address = peer
    while hops and _is_trusted(address):
        address = hops.pop()
    return address


def _is_trusted(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        # A Unix socket has no address; only our own proxy can be behind it.
        return address == "" and "unix" in settings.TRUSTED_PROXIES
    return any(
        ip in ipaddress.ip_network(network)
        for network in settings.TRUSTED_PROXIES
        if network != "unix"
    )
