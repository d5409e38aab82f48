"""Why a piece of knowledge was not indexed, for its owner to read; rows keep the codes."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: dict[str, Promise] = {
    "file_too_large": _("The file is too large."),
    "no_text": _("There is no text in it; perhaps it is a scan."),
    "text_too_long": _("The text is too long; split it."),
    "not_pdf": _("This is not a PDF file."),
    "encrypted": _("The file is protected by a password."),
    "too_many_pages": _("The file has too many pages; split it."),
    "corrupt": _("The file is damaged."),
    "file_missing": _("The file is not there any more."),
    "ai_auth": _("The embedding model refuses the key."),
    "ai_model_not_found": _("There is no such embedding model."),
    "ai_wrong_dimension": _("The embedding model gives too many numbers; choose another."),
    "ai_rate_limited": _("The embedding model is busy; it will be tried again."),
    "ai_timeout": _("The embedding model did not answer; it will be tried again."),
    "ai_unreachable": _("The embedding model cannot be reached; it will be tried again."),
    "ai_unavailable": _("The embedding model is out of order; it will be tried again."),
    "ai_broken": _("The embedding model broke off; it will be tried again."),
    "ai_refused": _("The embedding model refuses the text."),
}


def reason(code: str) -> str:
    """The sentence for a stored code."""
    return str(REASONS.get(code, _("It could not be indexed.")))
