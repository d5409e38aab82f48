"""Texts on their way to a model and back. Pure."""

from __future__ import annotations


def inert(text: str) -> str:
    """A text that cannot close the tag it stands in."""
    return text.replace("<", "‹").replace(">", "›")


def storable(text: str) -> str:
    """A model's words without what neither PostgreSQL nor JSON can carry."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
