"""Revisions of entries and articles: kept by `knowledge.entries` at each saving; their diff."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import QuerySet

from knowledge.models import Article, Category, FAQEntry, Knowledge, Revision
from knowledge.written import FIELDS, Values, assign, written
from organizations.models import Member

Versioned = FAQEntry | Article
# Longer stretches are shown as wholly replaced: comparing them word by word takes too long.
MAX_WORDS = 3000
MOST_PAIRS = 600 * 600


def of(item: Versioned) -> QuerySet[Revision]:
    """The revisions of a piece, the newest first."""
    return Revision.objects.of(item.organization).filter(**{_kind(item): item}).order_by("-number")


def stored(items: Iterable[Knowledge]) -> dict[int, Values]:
    """What stands in the tables of those that are there already, with their rows locked."""
    known = [item for item in items if item.pk and type(item) in FIELDS]
    if not known:
        return {}
    rows = (
        type(known[0])
        .unscoped.select_for_update(of=("self",))
        .select_related("category__parent")
        .filter(pk__in=[item.pk for item in known])
        .order_by("pk")
    )
    return {row.pk: {**_content(row), "saved_at": row.updated_at} for row in rows}


def keep(items: Sequence[Knowledge], before: Mapping[int, Values], by: Member | None) -> None:
    """Add a revision of each piece that was saved, unless nothing of it changed.

    `before` is what `stored` gave; it becomes the first revision of a piece that has none yet.
    """
    if not items or type(items[0]) not in FIELDS:
        return
    kind = _kind(items[0])
    last = {
        getattr(revision, f"{kind}_id"): revision
        for revision in Revision.unscoped.filter(**{f"{kind}__in": items})
        .order_by(kind, "-number")
        .distinct(kind)
    }
    new = []
    for item in items:
        common: dict[str, Any] = {"organization_id": item.organization_id, kind: item}
        latest = last.get(item.pk)
        if latest is None and item.pk in before:
            content = dict(before[item.pk])
            saved_at = content.pop("saved_at")
            latest = Revision(**common, number=1, content=content, created_at=saved_at)
            new.append(latest)
        content = _content(item)
        if latest is None or _essence(latest.content) != _essence(content):
            number = latest.number + 1 if latest else 1
            new.append(Revision(**common, number=number, content=content, author=by))
    Revision.unscoped.bulk_create(new, batch_size=500)


def restore(item: Versioned, revision: Revision) -> bool:
    """Write an older revision into the piece, unsaved. False when its category is gone."""
    content = {name: revision.content[name] for name in FIELDS[type(item)]}
    assign(item, content)
    item.category = (
        Category.objects.of(item.organization)
        .filter(pk=revision.content.get("category_id"))
        .first()
    )
    return item.category is not None or not content["category"]


def _kind(item: Knowledge) -> str:
    return "faq" if isinstance(item, FAQEntry) else "article"


def _content(item: Knowledge) -> Values:
    return {**written(item), "category_id": item.category_id}


def _essence(content: Mapping[str, Any]) -> Values:
    """What makes two revisions differ: a category that was renamed is the same one."""
    return {name: value for name, value in content.items() if name != "category"}


# --- a diff ---------------------------------------------------------------------------------------

Kind = Literal["same", "del", "ins"]


@dataclass(frozen=True)
class Stretch:
    """A part of a text: in both versions, only in the old one, or only in the new one."""

    kind: Kind
    text: str


def diff(old: str, new: str) -> list[Stretch]:
    """What became of a text, word by word: the stretches that are not `ins` are the old text."""
    return _merged(_by_lines(old.splitlines(keepends=True), new.splitlines(keepends=True)))


def exchange(old: str, new: str) -> list[Stretch]:
    """One value in the place of another: a date of which half has changed says nothing."""
    return [part for part in (Stretch("del", old), Stretch("ins", new)) if part.text]


def _by_lines(old: list[str], new: list[str]) -> Iterable[Stretch]:
    # By lines first: a long text of many unchanged lines is compared at once.
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            yield Stretch("same", "".join(old[a:b]))
        else:
            yield from _by_words(_words("".join(old[a:b])), _words("".join(new[c:d])))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def _by_words(old: list[str], new: list[str]) -> Iterable[Stretch]:
    if len(old) > MAX_WORDS or len(new) > MAX_WORDS:
        yield from (Stretch("del", "".join(old)), Stretch("ins", "".join(new)))
        return
    # In a long text words that are everywhere are passed over: see `organizations.agents`.
    is_long = len(old) * len(new) > MOST_PAIRS
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=is_long)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield Stretch("same", "".join(old[a:b]))
        else:
            yield from (Stretch("del", "".join(old[a:b])), Stretch("ins", "".join(new[c:d])))


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours of one kind as one, and none that is empty."""
    merged: list[Stretch] = []
    for stretch in stretches:
        if not stretch.text:
            continue
        if merged and merged[-1].kind == stretch.kind:
            merged[-1] = Stretch(stretch.kind, merged[-1].text + stretch.text)
        else:
            merged.append(stretch)
    return merged
