"""The admin pages of knowledge, a file for each part."""

from knowledge.admin import pieces, web

__all__ = ["pieces", "web"]
