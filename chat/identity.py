"""Who a visitor is: the browser's secret, and what the request tells of the browser."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from ua_parser import parse

from chat import limits
from chat.models import Visitor
from chat.refusals import Refused
from organizations import locks
from organizations.addresses import client_address
from organizations.models import Organization

# In which a network may bring so many new visitors.
NEWCOMERS = timedelta(hours=1)


class TooManyVisitors(Refused):
    code = "too_many_visitors"


@dataclass(frozen=True)
class Details:
    """What the request tells of the browser, fit to be stored."""

    ip: str | None = None
    user_agent: str = ""
    device_type: str = ""
    browser: str = ""


def token_hash(organization: Organization, token: str) -> str:
    """What is stored of the secret; the same secret in two organizations is two visitors."""
    return hashlib.sha256(f"{organization.pk}:{token}".encode()).hexdigest()


def forgotten_hash(token_hash: str) -> str:
    """What is stored once a secret is forgotten: whose it was can be told, nothing opened."""
    return hashlib.sha256(f"forgotten:{token_hash}".encode()).hexdigest()


def shorten(address: str) -> str | None:
    """An IP address without its last part: /24 for IPv4, /48 for IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    prefix = 24 if ip.version == 4 else 48
    return str(ipaddress.ip_network(f"{ip}/{prefix}", strict=False).network_address)


def details_of(scope: Mapping[str, Any]) -> Details:
    """The details of a socket's or a request's ASGI scope."""
    headers: Iterable[tuple[bytes, bytes]] = scope.get("headers", [])
    values = {name.lower(): value.decode("latin-1") for name, value in headers}
    agent = values.get(b"user-agent", "")[:400]
    peer = (scope.get("client") or ("",))[0]
    parsed = parse(agent)
    family = parsed.user_agent.family if parsed.user_agent else ""
    version = (parsed.user_agent.major or "") if parsed.user_agent else ""
    return Details(
        ip=shorten(client_address(peer, values.get(b"x-forwarded-for", ""))),
        user_agent=agent,
        device_type=_device_type(agent, parsed.device.family if parsed.device else ""),
        browser=f"{family} {version}".strip()[:60],
    )


def _device_type(agent: str, family: str) -> str:
    lowered = agent.lower()
    if "bot" in lowered or "spider" in lowered or family == "Spider":
        return "bot"
    if (
        "ipad" in lowered
        or "tablet" in lowered
        or ("android" in lowered and "mobile" not in lowered)
    ):
        return "tablet"
    if "mobi" in lowered or "iphone" in lowered:
        return "mobile"
    return "desktop" if agent else ""


def find(organization: Organization, token: str) -> Visitor | None:
    """The visitor who holds the secret; a secret unused for too long is forgotten."""
    visitor = (
        Visitor.objects.of(organization)
        .select_related("organization", "customer")
        .filter(token_hash=token_hash(organization, token))
        .first()
    )
    if visitor is None:
        return None
    if visitor.last_visit < timezone.now() - timedelta(days=settings.VISITOR_TOKEN_DAYS):
        _forget(visitor)
        return None
    return visitor


def _forget(visitor: Visitor) -> None:
    """The row stays for its history; the old secret opens it no more."""
    rows = Visitor.objects.of(visitor.organization)
    gone = forgotten_hash(visitor.token_hash)
    with transaction.atomic():
        held = rows.select_for_update().filter(pk=visitor.pk, token_hash=visitor.token_hash)
        if held.first() is None:
            return
        # Of several lives of one secret the last is the one that `introduce` finds.
        rows.filter(token_hash=gone).update(token_hash=secrets.token_hex(32))
        held.update(token_hash=gone)


def selves(visitor: Visitor) -> list[Visitor]:
    """The visitor, and everyone who held the same secret before it was forgotten."""
    found = [visitor]
    while (former := found[-1].former) is not None:
        found.append(former)
    return found


def greet(visitor: Visitor, details: Details) -> None:
    """Note that a known visitor is here again."""
    Visitor.objects.of(visitor.organization).filter(pk=visitor.pk).update(
        last_visit=Now(),
        ip=details.ip,
        user_agent=details.user_agent,
        device_type=details.device_type,
        browser=details.browser,
    )


def introduce(organization: Organization, token: str, details: Details) -> Visitor:
    """The visitor who holds the secret, made now if need be.

    Refuses when too many new ones came from one network within the hour.
    """
    known = find(organization, token)
    if known:
        return known
    hashed = token_hash(organization, token)
    visitors = Visitor.objects.of(organization)
    with transaction.atomic():
        if details.ip:
            _check_newcomers(organization, details.ip)
        visitor, _made = visitors.get_or_create(
            token_hash=hashed,
            defaults={
                "organization": organization,
                "former": visitors.filter(token_hash=forgotten_hash(hashed)).first(),
                "ip": details.ip,
                "user_agent": details.user_agent,
                "device_type": details.device_type,
                "browser": details.browser,
                "last_visit": timezone.now(),
            },
        )
    return visitor


def _check_newcomers(organization: Organization, ip: str) -> None:
    """Refuse the network that sent too many within the hour; one of its visitors at a time."""
    locks.hold(f"newcomers:{organization.pk}:{ip}")
    same = Visitor.objects.of(organization).filter(ip=ip)
    found = limits.recent(same, "first_visit", NEWCOMERS)
    wait = limits.wait(found, settings.NEW_VISITORS_PER_HOUR, NEWCOMERS)
    if wait is not None:
        raise TooManyVisitors(
            _("Too many new chats from your network. Try again later."), retry_after=wait
        )
