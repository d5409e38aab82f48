"""Why a piece of knowledge was not indexed, for its owner to read; rows keep the codes."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: dict[str, Promise] = {
    "file_too_large": _("The file is too large."),
    "empty": _("The file is empty."),
    "no_text": _("There is no text in it."),
    "scan": _("Its pages are pictures (a scan), with no text in them. Recognise the text first."),
    "text_too_long": _("The text is too long: it makes more than 60,000 passages. Split it."),
    "encrypted": _("The file is protected by a password. Save it without one."),
    "too_many_pages": _("The file has more than 3,000 pages. Split it."),
    "corrupt": _("The file is damaged."),
    "bomb": _("The file is made to overwhelm whoever reads it; it is not read."),
    "too_heavy": _("The file needs too much memory to be read. Split it, or save it as text."),
    "too_slow": _("The file takes too long to be read. Split it, or save it as text."),
    "cell_too_long": _("A cell of the table is too long; perhaps a quotation mark is missing."),
    "xml_entities": _("The Word file declares XML entities, as no Word does; it is not read."),
    "macros": _("The Word file has macros or is a template. Save it as DOCX."),
    "not_word": _("This is not a document of Word."),
    "old_office": _("This is a file of an old Office (DOC, XLS, PPT). Save it as DOCX or PDF."),
    "open_document": _("This is an OpenDocument file. Save it as DOCX or PDF."),
    "rtf": _("This is an RTF file. Save it as DOCX."),
    "spreadsheet": _("This is a spreadsheet. Save it as CSV."),
    "picture": _("This is a picture; there is no text in it."),
    "archive": _("This is an archive. Unpack it and upload what is inside."),
    "program": _("This is a program, not a document."),
    "unknown_type": _("This is not a PDF, DOCX, TXT, MD, HTML or CSV file."),
    "unknown_letters": _("The text is in an unknown encoding. Save it as UTF-8."),
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
