"""Secrets that rows keep: sealed with a key that is not in the database.

The first of ENCRYPTION_KEYS seals and all of them open, so that a key can be replaced: put the new
one first, run `manage.py reseal`, and take the old one away.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """None of the present keys opens what was sealed."""


def seal(text: str) -> str:
    """The text as it may be stored; empty stays empty."""
    return _keys(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str) -> str:
    """The text that was sealed; raises Unreadable."""
    try:
        return _keys(tuple(settings.ENCRYPTION_KEYS)).decrypt(sealed).decode() if sealed else ""
    except InvalidToken:
        raise Unreadable from None


def reseal(sealed: str) -> str:
    """The same text sealed with the first key; raises Unreadable."""
    return seal(unseal(sealed))


@lru_cache(maxsize=4)
def _keys(texts: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_fernet_key(text)) for text in texts])


def _fernet_key(text: str) -> bytes:
    # Any long random text will do as a key, so nobody has to know Fernet's own form.
    digest = hashlib.sha256(b"webassistant sealing\0" + text.encode()).digest()
    return base64.urlsafe_b64encode(digest)
