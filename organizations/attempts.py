"""How often passwords may be guessed. The sign-in form asks before it looks at a password.

A try is counted before the password is compared, so that a hundred at once get no further than a
hundred in a row. It counts for the account (whether there is one or not) and for the network. A
browser in which somebody has signed in before has a count of its own for their account: whoever
guesses from elsewhere locks strangers out and never the owner. Nothing is locked for longer than
the window, and one-time links are not counted at all.
"""

from __future__ import annotations

import ipaddress
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import Count, Min
from django.db.models.functions import Now
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac

from organizations import locks
from organizations.addresses import client_address
from organizations.models import SignInAttempt

WINDOW = timedelta(minutes=15)
# Somebody who mistypes needs a few; a network may be a whole office.
ACCOUNT, NETWORK = 10, 50
COOKIE = "known_browser"
COOKIE_SALT = "organizations.attempts.browser"
COOKIE_AGE = timedelta(days=180)


class TooMany(Exception):
    """So many passwords were tried that this one is not looked at."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.seconds = max(1, ceil(wait.total_seconds()))


@dataclass(frozen=True)
class Attempt:
    """A counted try; once it has succeeded, it and what was mistyped before are forgotten."""

    account: str
    rows: tuple[int, ...]

    def succeeded(self) -> None:
        """Forget the tries of this account, and all that no longer count."""
        tries = SignInAttempt.objects
        tries.filter(pk__in=self.rows).delete()
        tries.filter(key=self.account).delete()
        tries.filter(made_at__lte=Now() - WINDOW).delete()


def begin(request: HttpRequest, username: str) -> Attempt:
    """Count a try to sign in; raises TooMany when the account or the network has had its share."""
    account = _account_of(request, username)
    limits = {account: ACCOUNT, _network_of(request): NETWORK}
    with transaction.atomic():
        for key in sorted(limits):
            locks.hold(f"attempts:{key}")
        waits = [_wait(key, most) for key, most in limits.items()]
        if wait := max(waits):
            raise TooMany(wait)
        rows = SignInAttempt.objects.bulk_create(SignInAttempt(key=key) for key in limits)
    return Attempt(account, tuple(row.pk for row in rows))


def know_browser(response: HttpResponseBase, username: str) -> None:
    """Let a browser in which somebody has signed in count its tries apart from strangers'."""
    known = signing.dumps([_hash("account", username), secrets.token_urlsafe(9)], salt=COOKIE_SALT)
    response.set_cookie(
        COOKIE,
        known,
        max_age=COOKIE_AGE,
        httponly=True,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        samesite="Lax",
    )


def _account_of(request: HttpRequest, username: str) -> str:
    """The count of an account's tries: a known browser's own one, or that of all the others."""
    account = _hash("account", username)
    try:
        whose, browser = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=COOKIE_SALT, max_age=COOKIE_AGE
        )
    except (signing.BadSignature, TypeError, ValueError):
        return account
    return _hash("browser", f"{account}:{browser}") if whose == account else account


def _network_of(request: HttpRequest) -> str:
    """The count of an address; of IPv6, where one person has as many as they like, of a /64."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    address = client_address(request.META.get("REMOTE_ADDR") or "", forwarded)
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return _hash("network", "")
    size = 64 if ip.version == 6 else 32
    return _hash("network", str(ipaddress.ip_network(f"{ip}/{size}", strict=False)))


def _hash(kind: str, value: str) -> str:
    folded = unicodedata.normalize("NFKC", value).casefold()
    return salted_hmac(f"organizations.attempts.{kind}", folded, algorithm="sha256").hexdigest()


def _wait(key: str, most: int) -> timedelta:
    """How long until one more may be tried; none when it may be now."""
    recent = SignInAttempt.objects.filter(key=key, made_at__gt=Now() - WINDOW).aggregate(
        count=Count("pk"), oldest=Min("made_at")
    )
    if recent["count"] < most:
        return timedelta()
    left: timedelta = recent["oldest"] + WINDOW - timezone.now()
    return max(left, timedelta(seconds=1))
