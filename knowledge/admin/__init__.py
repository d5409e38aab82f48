"""The admin pages of knowledge, a file for each part."""

from knowledge.admin import (
    categories,
    checkup,
    graph,
    imports,
    pieces,
    popular,
    suggestions,
    web,
)

__all__ = ["categories", "checkup", "graph", "imports", "pieces", "popular", "suggestions", "web"]
