"""What the assistant may say: entries, articles, documents, web pages; their passages; facts."""

from knowledge.models.base import Category, Knowledge
from knowledge.models.graph import Entity, Mention, Reading, Relation
from knowledge.models.history import Import, ImportRow, Revision
from knowledge.models.passages import (
    DIMENSIONS,
    OWNERS,
    ContextEntry,
    Passage,
    SearchIndex,
    Word,
)
from knowledge.models.pieces import FILE_TYPES, Article, Document, FAQEntry, WebPage, WebSource
from knowledge.models.suggestions import AskedQuestion, Suggestion

__all__ = [
    "DIMENSIONS",
    "FILE_TYPES",
    "OWNERS",
    "Article",
    "AskedQuestion",
    "Category",
    "ContextEntry",
    "Document",
    "Entity",
    "FAQEntry",
    "Import",
    "ImportRow",
    "Knowledge",
    "Mention",
    "Passage",
    "Reading",
    "Relation",
    "Revision",
    "SearchIndex",
    "Suggestion",
    "WebPage",
    "WebSource",
    "Word",
]
