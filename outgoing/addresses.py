"""Which addresses may be asked: pure checks of a URL, and of what its name resolves to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from httpx2 import URL, InvalidURL

from outgoing.refusals import Refused

Address = IPv4Address | IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = (80, 443)
LONGEST_URL = 2000
LOCAL_ENDINGS = (
    *("localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp"),
    *("private", "home.arpa", "in-addr.arpa", "ip6.arpa"),
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


# In this order; Python's own `is_global` knows not all of them in every version.
KINDS: dict[str, tuple[Network, ...]] = {
    "address_loopback": _networks("127.0.0.0/8", "::1/128"),
    "address_private": _networks(
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
        # Carriers' and clouds' inner networks.
        "100.64.0.0/10",
    ),
    "address_link_local": _networks("169.254.0.0/16", "fe80::/10"),
    "address_multicast": _networks("224.0.0.0/4", "ff00::/8"),
    "address_reserved": _networks(
        *("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "::/128", "2001:db8::/32"),
        *("2001:10::/28", "2001:20::/28", "3fff::/20", "5f00::/16", "100::/64"),
        # A public number behind which a cloud answers its own machines.
        "168.63.129.16/32",
    ),
    # An IPv4 address inside: mapped, compatible, translated, NAT64, 6to4, Teredo.
    "address_embedded": _networks(
        *("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
        *("2002::/16", "2001::/32"),
    ),
}
PUBLIC_IPV6 = ip_network("2000::/3")
# What a name in OUTGOING_ALLOWED may lead to. The rest must be named by number.
LOCAL_KINDS = {"address_loopback", "address_private"}
_ISATAP = (0x00005EFE, 0x02005EFE)


@dataclass(frozen=True)
class Exemption:
    """A name, or a network, that may be asked though it is local; without a port at 80 and 443."""

    name: str
    network: Network | None
    port: int | None

    def has_port(self, port: int) -> bool:
        """Whether it speaks of this port."""
        return port == self.port if self.port else port in PORTS


def exemptions() -> tuple[Exemption, ...]:
    """What OUTGOING_ALLOWED says."""
    return _exemptions(tuple(settings.OUTGOING_ALLOWED))


@lru_cache(maxsize=8)
def _exemptions(entries: tuple[str, ...]) -> tuple[Exemption, ...]:
    return tuple(_exemption(entry.strip().lower()) for entry in entries if entry.strip())


def _exemption(entry: str) -> Exemption:
    bare = re.fullmatch(r"\[?([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*(?:/\d+)?)\]?(?::(\d+))?", entry)
    host, port = (bare[1], bare[2]) if bare else (entry.partition(":")[::2])
    try:
        number = int(port) if port else None
        if number is not None and not 0 < number < 65536:
            raise ValueError
        if ":" in host or "/" in host or _ends_in_number(host):
            return Exemption("", ip_network(host), number)
        _check_name(host)
    except (ValueError, Refused):
        raise ImproperlyConfigured(
            f"OUTGOING_ALLOWED: {entry!r} is not a name, an address or a network, perhaps with "
            "a port: intranet.example:8080, 192.168.1.0/24, [fd00::1]:443"
        ) from None
    return Exemption(host, None, number)


def parse(text: str) -> URL:
    """The URL that a person or a site gave, checked; raises Refused.

    It is the object that is asked later, so no second reading of the text can differ.
    """
    if len(text) > LONGEST_URL or re.search(r"[\s\\\x00-\x1f\x7f]", text):
        raise Refused("bad_address")
    try:
        url = URL(text)
    except InvalidURL as error:
        raise Refused("odd_address" if "IPv4" in str(error) else "bad_address") from None
    check(url)
    return url


def check(url: URL) -> None:
    """Raise Refused for a URL that may not be asked, as far as that shows without a resolver."""
    if url.scheme not in ("http", "https"):
        raise Refused("scheme" if url.scheme else "bad_address")
    if url.userinfo:
        raise Refused("user_info")
    host, port = host_of(url), port_of(url)
    if not 0 < port < 65536:
        raise Refused("bad_address")
    literal = literal_of(host)
    if literal is not None:
        check_address(literal, host, port)
        return
    _check_name(host)
    known = exemptions()
    named = [one for one in known if one.name == host]
    if port not in PORTS and not any(one.port == port for one in known if one.network or one.name):
        raise Refused("port")
    if not named and _is_local(host):
        raise Refused("local_name")


def host_of(url: URL) -> str:
    """The host as it is resolved: ASCII, small letters, without the dot of the root."""
    return url.raw_host.decode("ascii").lower().removesuffix(".")


def port_of(url: URL) -> int:
    """The port that is asked."""
    return url.port or (443 if url.scheme == "https" else 80)


def literal_of(host: str) -> Address | None:
    """The address, where the host is a number; raises Refused for one in an odd notation."""
    if ":" in host:
        try:
            # A zone (`%eth0`) names an interface of this machine.
            return IPv6Address(host) if "%" not in host else _refuse("bad_address")
        except ValueError:
            raise Refused("bad_address") from None
    if not _ends_in_number(host):
        return None
    try:
        # Four decimals and nothing else; what resolvers take besides is refused.
        return IPv4Address(host)
    except ValueError:
        raise Refused("odd_address") from None


def checked(host: str, port: int, found: Iterable[str]) -> list[str]:
    """The addresses that a name resolved to, every one of them checked; raises Refused."""
    addresses = list(dict.fromkeys(found))
    if not addresses:
        raise Refused("no_such_host")
    for text in addresses:
        check_address(ip_address(text.partition("%")[0]), host, port)
    return addresses


def check_address(address: Address, host: str, port: int) -> None:
    """Raise Refused unless this address may be asked, for this host, at this port."""
    kind = kind_of(address)
    if any(_exempts(one, address, host, port, kind) for one in exemptions()):
        return
    if kind:
        raise Refused(kind)
    if port not in PORTS:
        raise Refused("port")


def kind_of(address: Address) -> str | None:
    """Why this address is none of the public internet; None for one that is."""
    for kind, networks in KINDS.items():
        if any(address in network for network in networks):
            return kind
    if address.version == 6 and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "address_embedded"
    is_given_out = address.version == 4 or address in PUBLIC_IPV6
    return None if is_given_out and address.is_global else "address_reserved"


def _exempts(one: Exemption, address: Address, host: str, port: int, kind: str | None) -> bool:
    if not one.has_port(port):
        return False
    if one.network is not None:
        return address in one.network
    return one.name == host and (kind is None or kind in LOCAL_KINDS)


def _check_name(host: str) -> None:
    labels: Sequence[str] = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("bad_address")


def _is_local(host: str) -> bool:
    return "." not in host or host.endswith(tuple(f".{ending}" for ending in LOCAL_ENDINGS))


def _ends_in_number(host: str) -> bool:
    return bool(_NUMBER.fullmatch(host.rpartition(".")[2]))


def _refuse(code: str) -> Address:
    raise Refused(code)
