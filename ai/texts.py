"""Texts on their way to a model and back. Pure."""

from __future__ import annotations

_LANGUAGES = {"ru": "Russian", "en": "English"}


def inert(text: str) -> str:
    """A text that cannot close the tag it stands in."""
    return text.replace("<", "‹").replace(">", "›")


def language_name(code: str) -> str:
    """What a model calls the language of this code; an unknown one by its code."""
    return _LANGUAGES.get(code, code)


def storable(text: str) -> str:
    """A model's words without what neither PostgreSQL nor JSON can carry."""
    if text.isprintable():
        # Most words of an answer.
        return text
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
