"""Uploaded files made into text, in a process of their own; what cannot be read is given a reason.

Nothing here knows Django: the child that meets the file imports no more than its parser.
"""

from knowledge.documents.blocks import Block, Unreadable
from knowledge.documents.kinds import check
from knowledge.documents.reading import read

__all__ = ["Block", "Unreadable", "check", "read"]
