"""The admin pages of knowledge, a file for each part."""

from knowledge.admin import checkup, imports, pieces, popular, suggestions, web

__all__ = ["checkup", "imports", "pieces", "popular", "suggestions", "web"]
