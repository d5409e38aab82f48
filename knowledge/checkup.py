"""What is wrong with an organization's knowledge: doubled, contradicting, old, unused.

PostgreSQL finds; each finding names the pieces, so that a page can lead to them and mend them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from knowledge.entries import KINDS
from knowledge.models import Category, FAQEntry, Knowledge, WebSource
from organizations.models import Organization

SOON = timedelta(days=14)
UNUSED = timedelta(days=60)
# Indexing that takes longer hangs.
SLOW = timedelta(minutes=10)
# What one look shows of each kind.
LIMIT = 50
# The entries changed last are compared with all others; so many, that a look stays a look.
COMPARED = 300
# Two questions this near ask the same; at the lower one they do if their answers differ in numbers.
SAME, NEAR = 0.92, 0.8

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
# How an answer begins that agrees, and one that does not.
_YES = re.compile(r"\W*(?:да|можно|конечно|разумеется|yes|sure|of course)\b", re.IGNORECASE)
_NO = re.compile(
    r"\W*(?:нет|нельзя|не|увы|к сожалению|no|not|never|sorry|unfortunately)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Pair:
    """Two entries that say one thing twice, or two things of one."""

    one: FAQEntry
    other: FAQEntry
    likeness: float
    # The numbers that only one of the two answers has.
    numbers: tuple[str, ...] = ()
    # One says yes and the other no.
    is_denied: bool = False


@dataclass(frozen=True)
class Checkup:
    """Everything that was found; each list at most LIMIT long."""

    duplicates: list[Pair]
    contradictions: list[Pair]
    expired: list[Knowledge]
    expiring: list[Knowledge]
    unused: list[Knowledge]
    unsearchable: list[Knowledge]
    empty: list[Category]

    @property
    def count(self) -> int:
        """How much there is to mend."""
        return sum(len(found) for found in vars(self).values())


def look(organization: Organization, unused: timedelta = UNUSED) -> Checkup:
    """Look through everything that the organization's assistant may say."""
    today, now = timezone.localdate(), timezone.now()
    duplicates, contradictions = _pairs(organization)
    return Checkup(
        duplicates=duplicates,
        contradictions=contradictions,
        expired=_pieces(organization, Q(is_active=True, valid_until__lt=today)),
        expiring=_pieces(organization, Q(is_active=True, valid_until__range=(today, today + SOON))),
        unused=_pieces(
            organization,
            Q(is_active=True, created_at__lt=now - unused)
            & (Q(last_shown_at=None) | Q(last_shown_at__lt=now - unused)),
        ),
        unsearchable=_pieces(
            organization,
            Q(status=Knowledge.Status.FAILED)
            | Q(status=Knowledge.Status.PENDING, updated_at__lt=now - SLOW),
        ),
        empty=_empty_categories(organization),
    )


def _pieces(organization: Organization, condition: Q) -> list[Knowledge]:
    found: list[Knowledge] = []
    for model in KINDS.values():
        rows = model.objects.of(organization).filter(condition).order_by("updated_at", "pk")
        found += rows[: LIMIT - len(found)]
    return found


def _empty_categories(organization: Organization) -> list[Category]:
    """Shelves with nothing on them and no shelf inside."""
    uses: Iterable[Any] = [*KINDS.values(), WebSource]
    rows = Category.objects.of(organization).select_related("parent")
    for model in uses:
        rows = rows.exclude(Exists(model.unscoped.filter(category=OuterRef("pk"))))
    inside = Category.unscoped.filter(parent=OuterRef("pk"))
    return list(rows.exclude(Exists(inside)).order_by("position", "pk")[:LIMIT])


def _pairs(organization: Organization) -> tuple[list[Pair], list[Pair]]:
    """Entries that ask the same: those that answer it differently, apart from the others."""
    with connection.cursor() as cursor:
        cursor.execute(PAIRS, {"organization": organization.pk, "near": NEAR, "compared": COMPARED})
        rows = cursor.fetchall()
    entries = FAQEntry.objects.of(organization).in_bulk({pk for row in rows for pk in row[:2]})
    duplicates, contradictions = [], []
    for one_id, other_id, likeness in rows:
        one, other = entries[one_id], entries[other_id]
        numbers = _differing(one.answer, other.answer)
        is_denied = likeness >= SAME and _denies(one.answer, other.answer)
        if numbers or is_denied:
            contradictions.append(Pair(one, other, likeness, numbers, is_denied))
        elif likeness >= SAME:
            duplicates.append(Pair(one, other, likeness))
    return duplicates[:LIMIT], contradictions[:LIMIT]


def _denies(one: str, other: str) -> bool:
    """Whether one answer begins with yes and the other with no."""
    return any(_YES.match(yes) and _NO.match(no) for yes, no in ((one, other), (other, one)))


def _differing(one: str, other: str) -> tuple[str, ...]:
    """The numbers of each answer that the other lacks, where both have numbers."""
    ours, theirs = set(_NUMBER.findall(one)), set(_NUMBER.findall(other))
    if not ours or not theirs:
        return ()
    return tuple(sorted(ours ^ theirs))


# The same question by its letters, in whatever wording of the two; and the nearest by meaning.
PAIRS = r"""
WITH asked AS MATERIALIZED (
    SELECT p.id, p.faq_id, p.language, p.embedder, p.embedding,
           btrim(regexp_replace(replace(lower(p.heading), 'ё', 'е'), '[^[:alnum:]]+', ' ', 'g'))
               AS folded
    FROM knowledge_passage p
    WHERE p.organization_id = %(organization)s AND p.faq_id IS NOT NULL AND p.is_active
), latest AS MATERIALIZED (
    SELECT * FROM asked ORDER BY id DESC LIMIT %(compared)s
), found AS (
    SELECT least(a.faq_id, b.faq_id) AS one, greatest(a.faq_id, b.faq_id) AS other,
           1.0::float AS likeness
    FROM asked a
    JOIN asked b ON b.folded = a.folded AND b.language = a.language AND b.faq_id > a.faq_id
    WHERE a.folded <> ''
    UNION ALL
    SELECT least(a.faq_id, b.faq_id), greatest(a.faq_id, b.faq_id), b.likeness
    FROM latest a
    CROSS JOIN LATERAL (
        SELECT c.faq_id, 1 - (c.embedding <=> a.embedding) AS likeness
        FROM asked c
        WHERE c.language = a.language AND c.embedder = a.embedder AND c.faq_id <> a.faq_id
        ORDER BY c.embedding <=> a.embedding LIMIT 2
    ) AS b
    WHERE b.likeness >= %(near)s
)
SELECT one, other, max(likeness) FROM found
GROUP BY one, other ORDER BY max(likeness) DESC, one, other
LIMIT 200
"""
