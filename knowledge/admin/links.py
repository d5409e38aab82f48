"""Ways from a page of findings to the pieces of knowledge it speaks of."""

from __future__ import annotations

from django.urls import reverse

from knowledge.models import OWNERS, Knowledge, Passage


def address_of(item: Knowledge) -> str:
    """The admin page of a piece."""
    return reverse(f"admin:knowledge_{item._meta.model_name}_change", args=[item.pk])


def link_to(passage: Passage) -> tuple[str, str]:
    """The title and the admin page of the piece that a passage is of."""
    owner = next(item for name in OWNERS if (item := getattr(passage, name)) is not None)
    return str(owner), address_of(owner)
