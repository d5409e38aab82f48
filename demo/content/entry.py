"""What one line of the demo's FAQ is made of; `faq_ru` and `faq_en` are lists of these."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A question with its answer; the category is a key of `settings.CATEGORIES`."""

    category: str
    question: str
    answer: str
    priority: int = 5
    phrasings: tuple[str, ...] = ()
