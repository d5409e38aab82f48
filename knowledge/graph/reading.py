"""The graph kept true: passages read by rule at once, then by the model, each text only once.

The indexing worker calls this, a while at a time. Whatever is done is committed batch by batch, so
that a worker killed in the middle has lost one batch at most.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

import ai
from ai.interface import AIError, ChatModel
from knowledge.asked import Known
from knowledge.graph import asking, rules
from knowledge.graph.placing import place
from knowledge.graph.rules import Found, Text
from knowledge.models import Entity, Mention, Reading, Relation
from organizations import locks, providers
from organizations.models import Agent, Organization, Provider

log = logging.getLogger(__name__)

# Read by rule in one transaction; asked for in one request, which holds no more than so much text.
BATCH, ASKED, LONGEST = 200, 8, 8000
# How long a worker has a batch to itself, and when a provider in trouble is asked again.
CLAIM, PAUSE, NEVER = timedelta(minutes=5), timedelta(minutes=30), timedelta(days=36500)
# A text that comes back within this time is not read again.
KEPT = timedelta(days=1)
# One writes an organization's graph at a time.
READING = "graph:%d"
_OFF = Organization.Graph.OFF


@dataclass(frozen=True)
class Unread:
    """A passage that is to be read."""

    passage_id: int
    text: Text

    @property
    def digest(self) -> str:
        """The same for the same text, whatever row it stands in."""
        parts = [self.text.heading, self.text.text, str(self.text.is_answer), *self.text.keywords]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def waiting() -> list[Organization]:
    """The organizations whose graphs are behind their passages."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"reader": rules.READER})
        behind = {row[0] for row in cursor.fetchall()}
    if ai.has_model() or Provider.unscoped.filter(is_active=True).exists():
        behind |= set(_to_ask().values_list("organization", flat=True).distinct())
    rows = Organization.objects.filter(pk__in=behind).exclude(graph=_OFF)
    return list(rows.order_by("pk"))


def read(organization: Organization, seconds: float, whole: asking.Ask = ai.whole) -> int:
    """Read what is unread for so many seconds; how many passages were read.

    `whole` asks a model, and keeps its account.
    """
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until and (done := _by_rule(organization)):
        count += done
    model = reader_of(organization)
    while model and time.monotonic() < until and (done := _by_model(organization, model, whole)):
        count += done
    tidy(organization)
    return count


def choose(organization: Organization, graph: str, brings_related: bool) -> None:
    """Have passages read another way; nothing is kept of a graph that the owner does not want."""
    organization.graph, organization.brings_related = graph, brings_related
    with transaction.atomic():
        locks.hold(READING % organization.pk)
        organization.save(update_fields=["graph", "brings_related"])
        if graph == _OFF:
            for model in (Relation, Mention, Reading, Entity):
                model.objects.of(organization).delete()


def _is_wanted(organization: Organization) -> bool:
    return Organization.objects.filter(pk=organization.pk).exclude(graph=_OFF).exists()


def tidy(organization: Organization) -> None:
    """Let go of entities that nothing mentions, and of what was read in passages long gone."""
    Entity.objects.of(organization).filter(
        ~Exists(Mention.unscoped.filter(entity=OuterRef("pk")))
    ).delete()
    Reading.objects.of(organization).filter(passage=None, read_at__lt=Now() - KEPT).delete()


def reader_of(organization: Organization) -> ChatModel | None:
    """The model that reads this organization's passages: its first agent's, or the server's."""
    if organization.graph != Organization.Graph.AUTO:
        return None
    agent = Agent.objects.of(organization).order_by("pk").first()
    chosen = providers.models_of(agent, providers.of(organization)) if agent else ()
    model = ai.chat_model(*chosen)
    return None if model.name == ai.knowledge_model().name else model


# --- by rule --------------------------------------------------------------------------------------


def _by_rule(organization: Organization) -> int:
    """Read the next passages by rule, or as a model has read the same text; how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        is_alone = locks.hold_if_free(READING % organization.pk)
        if not is_alone or not _is_wanted(organization):
            return 0
        cursor.execute(
            UNREAD, {"organization": organization.pk, "reader": rules.READER, "limit": BATCH}
        )
        unread = [_unread(*row) for row in cursor.fetchall()]
        if unread:
            known = _known(organization, unread)
            rarity = _Rarity(organization.pk, [one.text for one in unread])
            made = [known.get(one.digest) or _ruled(one, rarity) for one in unread]
            _keep(organization, dict(zip(unread, made, strict=True)))
    return len(unread)


def _unread(passage_id: int, heading: str, text: str, is_faq: bool, keywords: list[str]) -> Unread:
    # A row of a document's table of questions is headed by its question, too.
    is_answer = is_faq or heading.rstrip().endswith("?")
    return Unread(passage_id, Text(heading, text, is_answer, tuple(keywords)))


def _ruled(one: Unread, rarity: _Rarity) -> Reading:
    found = rules.read(one.text, rarity)
    return Reading(reader=rules.READER, found=asdict(found))


def _known(organization: Organization, unread: Iterable[Unread]) -> dict[str, Reading]:
    """What a model has read in the same texts before, by their digests."""
    rows = Reading.objects.of(organization).filter(
        by_model=True, digest__in={one.digest for one in unread}
    )
    return {row.digest: Reading(reader=row.reader, by_model=True, found=row.found) for row in rows}


class _Rarity:
    """How much a word tells of a passage, by the organization's own counts."""

    def __init__(self, organization_id: int, texts: Iterable[Text]) -> None:
        self._known = Known(organization_id)
        self._known.learn(
            {word for one in texts for word in rules.candidates(f"{one.heading}\n{one.text}")}
        )

    def __call__(self, word: str) -> float:
        """Nothing for a word of one passage only, or of none."""
        lexemes = self._known.stems.get(word, ())
        shared = [one for one in lexemes if self._known.passages.get(one, 0) > 1]
        return max((self._known.weight(one) for one in shared), default=0.0)


def _keep(organization: Organization, made: Mapping[Unread, Reading]) -> None:
    """Write readings with all that follows from them."""
    rows = []
    for one, reading in made.items():
        reading.organization_id, reading.passage_id = organization.pk, one.passage_id
        reading.digest, reading.read_at = one.digest, timezone.now()
        rows.append(reading)
    Reading.unscoped.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["passage"],
        update_fields=[
            "digest",
            "reader",
            "by_model",
            "error",
            "found",
            "claimed_until",
            "read_at",
        ],
    )
    place(
        organization.pk,
        {one.passage_id: found_of(reading.found) for one, reading in made.items()},
    )


def found_of(kept: dict[str, Any]) -> Found:
    """What was found, as the row keeps it."""
    return Found(
        entities=tuple((name, kind) for name, kind in kept.get("entities", ())),
        relations=tuple((a, label, b) for a, label, b in kept.get("relations", ())),
        links=tuple(kept.get("links", ())),
    )


# --- by the model ---------------------------------------------------------------------------------


def _to_ask() -> Any:
    """What the model has not read and nobody is reading."""
    rows = Reading.unscoped.filter(by_model=False, passage__isnull=False)
    automatic = rows.filter(organization__graph=Organization.Graph.AUTO)
    return automatic.exclude(claimed_until__gt=Now())


def left_today(organization: Organization) -> int:
    """How many passages the model may still read today."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    read_today = Reading.objects.of(organization).filter(by_model=True, read_at__gte=today)
    limit: int = settings.GRAPH_PASSAGES_PER_DAY
    return max(0, limit - read_today.count())


def _by_model(organization: Organization, model: ChatModel, whole: asking.Ask) -> int:
    """Have the model read the next passages; how many, and none when it is in trouble."""
    batch = _claim(organization, min(ASKED, left_today(organization)))
    if not batch:
        return 0
    try:
        found = asking.ask(model, [one.text for one in batch], whole)
    except (AIError, asking.Unusable) as error:
        if isinstance(error, AIError) and not asking.is_content(error):
            _put_off(batch, error)
            return 0
        # One of them may be at fault for all: each is asked for alone.
        for one in batch:
            if not _alone(organization, model, one, whole):
                return 0
        return len(batch)
    _take(organization, model, batch, found)
    return len(batch)


def _alone(organization: Organization, model: ChatModel, one: Unread, whole: asking.Ask) -> bool:
    """Have one passage read. What the model cannot read stays as the rules read it."""
    try:
        _take(organization, model, [one], asking.ask(model, [one.text], whole))
    except asking.Unusable:
        _give_up(one, "ai_broken")
    except AIError as error:
        if not asking.is_content(error):
            _put_off([one], error)
            return False
        _give_up(one, error.code)
    return True


def _claim(organization: Organization, limit: int) -> list[Unread]:
    """Take the next passages, as many as one request may hold."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TO_ASK, {"organization": organization.pk, "limit": limit})
        batch: list[Unread] = []
        for row in cursor.fetchall():
            one = _unread(*row)
            if batch and sum(len(b.text.text) for b in batch) + len(one.text.text) > LONGEST:
                break
            batch.append(one)
        _rows(batch).update(claimed_until=Now() + CLAIM)
    return batch


def _rows(batch: Iterable[Unread]) -> Any:
    return Reading.unscoped.filter(passage__in=[one.passage_id for one in batch], by_model=False)


def _take(
    organization: Organization, model: ChatModel, batch: Sequence[Unread], found: Sequence[Found]
) -> None:
    """Write what the model says of those passages that are still there."""
    with transaction.atomic(), connection.cursor() as cursor:
        locks.hold(READING % organization.pk)
        if not _is_wanted(organization):
            return
        cursor.execute(HOLD, [[one.passage_id for one in batch]])
        there = {row[0] for row in cursor.fetchall()}
        _keep(
            organization,
            {
                one: Reading(reader=model.name[:120], by_model=True, found=asdict(said))
                for one, said in zip(batch, found, strict=True)
                if one.passage_id in there
            },
        )


def _put_off(batch: Iterable[Unread], error: AIError) -> None:
    """The provider is in trouble: ask later."""
    log.warning("passages were not read by the model: %s", error.code)
    pause = timedelta(seconds=error.retry_after or 60) if error.retryable else PAUSE
    _rows(batch).update(claimed_until=Now() + min(pause, PAUSE), error=error.code)


def _give_up(one: Unread, code: str) -> None:
    """The model cannot read this text; it is not asked again before the text changes."""
    _rows([one]).update(claimed_until=Now() + NEVER, error=code)


# A passage of the serving embedder, and no wording: those would be read twice.
_OWN = """
FROM knowledge_passage p
JOIN knowledge_searchindex served
  ON served.organization_id = p.organization_id AND served.embedder = p.embedder
LEFT JOIN knowledge_faqentry faq ON faq.id = p.faq_id
LEFT JOIN knowledge_reading r ON r.passage_id = p.id
"""
_UNREAD = "(r.id IS NULL OR NOT r.by_model AND r.reader <> %(reader)s)"
_COLUMNS = "p.id, p.heading, p.text, p.faq_id IS NOT NULL, coalesce(faq.keywords, '{}')"

WAITING = f"""
SELECT DISTINCT p.organization_id {_OWN} WHERE NOT p.is_wording AND {_UNREAD}
"""
# The passages are held, so that none goes before its mentions are written.
UNREAD = f"""
SELECT {_COLUMNS} {_OWN}
WHERE p.organization_id = %(organization)s AND NOT p.is_wording AND {_UNREAD}
ORDER BY p.id LIMIT %(limit)s FOR KEY SHARE OF p SKIP LOCKED
"""
TO_ASK = f"""
SELECT {_COLUMNS} {_OWN}
WHERE r.organization_id = %(organization)s AND NOT r.by_model
  AND (r.claimed_until IS NULL OR r.claimed_until <= statement_timestamp())
ORDER BY r.id LIMIT %(limit)s FOR UPDATE OF r SKIP LOCKED
"""
HOLD = "SELECT id FROM knowledge_passage WHERE id = ANY(%s) FOR KEY SHARE"
