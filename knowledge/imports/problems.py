"""What can be wrong with an imported file or row: stable codes, and sentences for the owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class BadFile(Exception):
    """The file cannot be read as a table; `code` names the reason, `params` say where."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


FILE: dict[str, Promise] = {
    "file_too_large": _("The file is larger than %(megabytes)s MB; split it."),
    "file_missing": _("The file is not there any more; upload it again."),
    "file_empty": _("The file is empty."),
    "not_a_table": _("This is neither CSV, nor XLSX, nor JSON, whatever its name says."),
    "old_excel": _(
        "This is an old .xls workbook, or one that is protected by a password. Save it as .xlsx "
        "without a password."
    ),
    "corrupt": _("The file is damaged."),
    "unpacked_too_large": _("The workbook unpacks to far more than a table of questions has."),
    "no_sheet": _("The workbook has no sheet with cells."),
    "encoding": _("The letters cannot be read. Save the file in UTF-8."),
    "quotes": _("Line %(line)s: a quotation mark is not closed, or stands within a text."),
    "cell_too_large": _("Line %(line)s: the text is far too long; perhaps a quote is not closed."),
    "too_many_rows": _("There are more than %(limit)s rows; split the file."),
    "json_broken": _("This is not valid JSON from entry %(row)s on."),
    "json_shape": _('The JSON must be a list of objects, such as [{"question": …}].'),
    "no_columns": _(
        "The first row names no column that is known here. At least “question” and “answer” are "
        "needed."
    ),
    "column_twice": _("Two columns mean the same: “%(column)s”."),
    "no_rows": _("There are no rows under the names of the columns."),
    "too_slow": _("The file took too long to read; split it."),
}

ROW: dict[str, Promise] = {
    "missing": _("There is nothing here."),
    "max_length": _("%(length)s characters; at most %(limit)s fit."),
    "phrasings": _("At most %(limit)s fit."),
    "keywords": _("At most %(limit)s fit."),
    "item_too_long": _("One of them has more than %(limit)s characters."),
    "not_a_text": _("This must be a text."),
    "not_a_list": _("This must be a list of texts."),
    "language": _("Unknown language; write ru or en."),
    "priority": _("Write a whole number from 1 to 10."),
    "is_active": _("Write yes or no."),
    "date": _("Write a date as 2026-12-31 or 31.12.2026."),
    "valid_until": _("It ends before it begins."),
    "category_depth": _("Categories stand at most one inside another."),
    "more_cells": _(
        "There are more cells than columns. Perhaps a text has a separator in it and stands "
        "without quotation marks."
    ),
    "merged_cells": _("Cells are merged here; take them apart, so that each has its own text."),
    "duplicate_id": _("Row %(row)s has this id too."),
    "duplicate_question": _("Row %(row)s asks the same in the same language."),
    "several_match": _("Several entries ask this; give the id of the one that is meant."),
    "changed_meanwhile": _("Somebody changed the entry after the check; it was left as it is."),
    "deleted_meanwhile": _("The entry was deleted after the check."),
    "appeared_meanwhile": _("Such an entry was written after the check; it was left as it is."),
    "invalid": _("This is not accepted."),
}


def file_sentence(code: str, params: Mapping[str, Any]) -> str:
    """Why a file could not be read."""
    return str(FILE.get(code, FILE["corrupt"])) % params


def row_sentence(problem: Mapping[str, Any]) -> str:
    """What is wrong with a row."""
    return str(ROW.get(problem["code"], ROW["invalid"])) % problem
