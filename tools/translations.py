"""Texts for translators: collected from the code, compared with the .po files, made into .mo files.

`python -m tools.translations` brings the .po and .mo files up to date; `--check` writes nothing and
fails when a text is missing, untranslated, or a .mo file is stale. Python and Django templates are
read without GNU gettext, which a bare machine has not.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    *("webassistant", "organizations", "ai", "outgoing", "knowledge", "chat", "operators", "demo"),
)
LANGUAGES = ("ru",)
KEYWORDS = {
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "_": None,
    "_n": (1, 2),
}
# The parts of Django that are installed here; what others translate is not loaded.
CONTRIB = ("admin", "auth", "contenttypes", "sessions", "postgres")
# The admin's theme ships no translations of its own. Of its extras only the filters are in use.
THEME = "unfold"
UNUSED = (
    "constance",
    "forms",
    "guardian",
    "import_export",
    "inlines",
    "location_field",
    "simple_history",
)

# Sentences of Django's admin about a row of any model. A model's name cannot be declined, and a row
# has a gender: where Django's own translation needs either, ours says it with neither.
REWORDED: tuple[str | tuple[str, str], ...] = (
    "Add %s",
    "Add another %(verbose_name)s",
    "Added {name} “{object}”.",
    'Are you sure you want to delete the %(object_name)s "%(escaped_object)s"? '
    "All of the following related items will be deleted:",
    "Are you sure you want to delete the selected %(objects_name)s? "
    "All of the following objects and their related items will be deleted:",
    "Cannot delete %(name)s",
    "Change %s",
    "Changed {fields} for {name} “{object}”.",
    "Delete selected %(verbose_name_plural)s",
    "Deleted {name} “{object}”.",
    "Deleting the %(object_name)s '%(escaped_object)s' would require deleting the following "
    "protected related objects:",
    "Deleting the %(object_name)s '%(escaped_object)s' would result in deleting related objects, "
    "but your account doesn't have permission to delete the following types of objects:",
    "Deleting the selected %(objects_name)s would require deleting the following protected related "
    "objects:",
    "Deleting the selected %(objects_name)s would result in deleting related objects, but your "
    "account doesn't have permission to delete the following types of objects:",
    "Select %s",
    "Select %s to change",
    "Select %s to view",
    "Successfully deleted %(count)d %(items)s.",
    "The %(name)s “%(obj)s” was deleted successfully.",
    "The {name} “{obj}” was added successfully.",
    "The {name} “{obj}” was added successfully. You may add another {name} below.",
    "The {name} “{obj}” was changed successfully.",
    "The {name} “{obj}” was changed successfully. You may add another {name} below.",
    "The {name} “{obj}” was changed successfully. You may edit it again below.",
    "View %s",
    "Yes, I’m sure",
    "%(name)s with ID “%(key)s” doesn’t exist. Perhaps it was deleted?",
    "%(model_name)s with this %(field_label)s already exists.",
    "%(model_name)s with this %(field_labels)s already exists.",
    (
        "%(count)s %(name)s was changed successfully.",
        "%(count)s %(name)s were changed successfully.",
    ),
)


def sources() -> Iterator[tuple[str, str]]:
    """The name and Python-like text of every file that may hold texts for people."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text()
    folders = [ROOT / "templates", *(ROOT / package / "templates" for package in PACKAGES)]
    for folder in folders:
        for path in sorted(folder.rglob("*.html")):
            name = str(path.relative_to(ROOT))
            yield name, calls(templatize(path.read_text(), origin=name))
    theme = Path(__import__(THEME).__file__ or "").parent
    for path in sorted([*theme.rglob("*.html"), *theme.rglob("*.py")]):
        if any(part in UNUSED for part in path.relative_to(theme).parts[1:2] + path.parts[-3:-1]):
            continue
        text = path.read_text()
        name = f"{THEME}/{path.relative_to(theme)}"
        yield name, calls(templatize(text, origin=name)) if path.suffix == ".html" else text


_LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(?:_|n?p?gettext)\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*")


def calls(templatized: str) -> str:
    """The translation calls of a template, alone: the rest of it is no Python."""
    return "".join(f"{match.group()})\n" for match in _CALL.finditer(templatized))


def collect() -> Catalog:
    """Every text in the code."""
    catalog = Catalog()
    for name, text in sources():
        found = extract(
            "python", io.BytesIO(text.encode()), KEYWORDS, options={"encoding": "utf-8"}
        )
        for _line, message, _comments, context in found:
            if message and message != ("", ""):
                catalog.add(message, locations=[(name, 0)], context=context)
    for message in REWORDED:
        catalog.add(message)
    return catalog


def po_path(language: str) -> Path:
    """The texts of a language, for translators."""
    return ROOT / "locale" / language / "LC_MESSAGES" / "django.po"


def load(language: str) -> Catalog:
    """The language's texts as they are."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language, charset="utf-8")


def known_to_django(language: str) -> set[str]:
    """Texts that the installed parts of Django translate themselves well enough."""
    folder = Path(django.__file__).parent
    parts = [folder / "conf", *(folder / "contrib" / name for name in CONTRIB)]
    known: set[str] = set()
    for path in (part / "locale" / language / "LC_MESSAGES" / "django.po" for part in parts):
        if not path.exists():
            continue
        with path.open("rb") as file:
            known |= {_id(message.id) for message in read_po(file) if message.id and message.string}
    return known - {_id(message) for message in REWORDED}


def _id(identity: str | list[str] | tuple[str, ...]) -> str:
    return identity if isinstance(identity, str) else identity[0]


def missing(language: str) -> list[str]:
    """Texts of the code that have no translation in the language."""
    catalog, known = load(language), known_to_django(language)
    gaps = []
    for message in collect():
        if not message.id or _id(message.id) in known:
            continue
        translated = catalog.get(message.id, message.context)
        strings = translated.string if translated else ""
        complete = strings if isinstance(strings, str) else all(strings or [""])
        if not complete or (translated and translated.fuzzy):
            gaps.append(_id(message.id))
    return gaps


def mo_bytes(catalog: Catalog) -> bytes:
    """The compiled form that Django reads."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def update(language: str) -> None:
    """Add new texts to the .po file, drop old ones, and compile the .mo file."""
    catalog = load(language)
    collected, known = collect(), known_to_django(language)
    for message in list(collected):
        if message.id and _id(message.id) in known and message.id not in catalog:
            collected.delete(message.id, message.context)
    catalog.update(collected, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.project, catalog.version, catalog.fuzzy = "Web Assistant", "1", False
    catalog.header_comment = (
        "# The texts of Web Assistant; `python -m tools.translations` keeps them."
    )
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    catalog.last_translator = catalog.language_team = catalog.msgid_bugs_address = ""
    path = po_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=100, no_location=True, sort_output=True, omit_header=False)
    path.with_suffix(".mo").write_bytes(mo_bytes(load(language)))


def check(language: str) -> list[str]:
    """What is wrong with a language's files, a line each."""
    problems = [f"{language}: not translated: {text!r}" for text in missing(language)]
    compiled = po_path(language).with_suffix(".mo")
    if not compiled.exists() or compiled.read_bytes() != mo_bytes(load(language)):
        problems.append(f"{language}: django.mo is stale: run `python -m tools.translations`")
    return problems


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on gaps")
    parser.add_argument("--missing", action="store_true", help="print the untranslated texts")
    options = parser.parse_args()
    if not settings.configured:
        settings.configure()
    if options.missing:
        for language in LANGUAGES:
            sys.stdout.write("\n".join(missing(language)) + "\n")
        return 0
    if not options.check:
        for language in LANGUAGES:
            update(language)
        return 0
    problems = [problem for language in LANGUAGES for problem in check(language)]
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
