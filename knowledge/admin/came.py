"""Times that a page brings up to date once long work has ended (`static/admin/came.js`)."""

from __future__ import annotations

from datetime import datetime

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime


def came_at(name: str, when: datetime | None) -> SafeString:
    """A time under a name that is its own on the page, or a dash."""
    words = date_format(localtime(when), "DATETIME_FORMAT") if when else "–"
    return format_html('<span data-came="{}">{}</span>', name, words)
