"""The admin pages of knowledge, a file for each part."""

from knowledge.admin import (
    categories,
    checkup,
    imports,
    pieces,
    popular,
    suggestions,
    web,
)

__all__ = ["categories", "checkup", "imports", "pieces", "popular", "suggestions", "web"]
