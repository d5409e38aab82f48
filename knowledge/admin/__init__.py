"""The admin pages of knowledge, a file for each part."""

from knowledge.admin import imports, pieces, web

__all__ = ["imports", "pieces", "web"]
