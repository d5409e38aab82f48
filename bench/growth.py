"""What things cost when there is more of everything: they should cost the same.

The rows are those of other visitors and other organizations, which is what a site has more of every
day. Beside the times stands what PostgreSQL reads from end to end to answer: that is what grows.
"""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench import measure, search, visitors
from bench.measure import Table
from bench.place import Place
from chat import identity, snapshots, turns, visitor
from chat.delivery import heartbeat
from chat.models import Chat, Message, Session, Turn, Visitor
from chat.protocol import Page
from chat.visitor import Visit
from knowledge import retrieval
from operators import queue
from organizations import access
from organizations.models import Agent, Organization, Widget

TIMES = (1, 4, 16)
# Reading these from end to end is no crime: they have a row for every owner, not every visitor.
SMALL = ("organizations_", "knowledge_category", "operators_")


def run(place: Place) -> list[Table]:
    """Each action at one, four and sixteen times the rows."""
    chats, passages = place.size((500, 400), (4, 4))
    questions = place.size(20, 2)
    widget = access.widget_by_key(visitors.make_widget().key)
    organization, agent = search.fill(f"bench-growth-{widget.pk}", passages)
    visit = Visit(widget, Page(), "en")
    table = Table(
        "Growth: the same at 1, 4 and 16 times the rows, median ms",
        ("action", *(f"{times}x" for times in TIMES), "16x against 1x", "read from end to end"),
    )
    medians: dict[str, list[float]] = {}
    scans: dict[str, set[str]] = {}
    have = 0
    for times in TIMES:
        grow(widget, chats * (times - have))
        search.fill(f"bench-growth-{widget.pk}-{times}", passages * (times - have))
        have = times
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        for name, act in actions(widget, visit, organization, agent).items():
            took = []
            for _ in range(questions):
                began = time.perf_counter()
                act()
                took.append(time.perf_counter() - began)
            medians.setdefault(name, []).append(measure.percentile(took, 0.5) * 1000)
            if times == TIMES[-1]:
                scans[name] = sequential_scans(act)
    for name, values in medians.items():
        table.add(
            name, *values, values[-1] / values[0], ", ".join(sorted(scans[name])) or "nothing"
        )
    table.note(f"1x is {chats} chats with 4 lines each and {passages} passages of another site")
    return [table]


def grow(widget: Widget, count: int) -> None:
    """More chats of others: four lines and a finished turn each, and one that still waits."""
    people = visitors.make_visitors(widget, count)
    chats = list(
        Chat.unscoped.filter(chat_id__in=[someone.chat_id for someone in people]).select_related(
            "session"
        )
    )
    now = timezone.now()
    Message.unscoped.bulk_create(
        (
            Message(
                organization=widget.organization,
                chat=chat,
                seq=seq,
                role="user" if seq % 2 else "assistant",
                content="How much does the evening tour cost?",
                sender=f"visitor:{chat.session.visitor_id}" if seq % 2 else "assistant",
                client_id=uuid.uuid4() if seq % 2 else None,
            )
            for chat in chats
            for seq in range(1, 5)
        ),
        batch_size=2000,
    )
    Chat.unscoped.filter(pk__in=[chat.pk for chat in chats]).update(seq=4, answered_seq=4)
    Turn.unscoped.bulk_create(
        (
            Turn(
                organization=widget.organization,
                chat=chat,
                from_seq=1,
                upto_seq=1,
                epoch=1,
                status="done",
                due_at=now,
            )
            for chat in chats
        ),
        batch_size=2000,
    )


def actions(
    widget: Widget, visit: Visit, organization: Organization, agent: Agent
) -> dict[str, Callable[[], Any]]:
    """What happens with every message, visit and second; each for a visitor of its own."""
    newcomers = iter(visitors.make_visitors(widget, 200))
    of = {
        row.token_hash: row
        for row in Visitor.objects.of(widget.organization).select_related("organization")
    }

    def somebody() -> tuple[Visitor, visitors.Someone]:
        someone = next(newcomers)
        return of[identity.token_hash(widget.organization, someone.token)], someone

    def say() -> None:
        person, someone = somebody()
        visitor.say(person, visit, "How much is it?", uuid.uuid4(), someone.chat_id)

    watched = {
        chat_id for (chat_id,) in Chat.objects.of(widget.organization).values_list("chat_id")[:100]
    }
    known = Chat.objects.of(widget.organization).select_related(
        "organization", "session__widget", "operator__user"
    )
    old = known.order_by("pk")[0]
    person = Visitor.objects.of(widget.organization).get(sessions=old.session)
    numbers = itertools.cycle(["the evening boat to Kazan", "a cheap guide to Raifa"])
    return {
        "say a message": say,
        "claim a turn and give it back": _claim,
        "find a returning visitor's chat": lambda: visitor.current_chat(person, widget),
        "restore a chat": lambda: snapshots.chat_state(old, 0),
        "ping 100 sockets": lambda: heartbeat.head_seqs(watched),
        "show the operators' desk": lambda: queue.load(widget.organization),
        "look for lost turns": turns.overdue,
        "find idle sessions": lambda: list(
            Session.unscoped.filter(
                is_active=True, updated_at__lt=timezone.now() - timedelta(hours=168)
            ).exclude(chats__mode__in=["waiting", "operator"])[:500]
        ),
        "search one's own passages": lambda: retrieval.search(
            organization, f"How much is {next(numbers)}?", agent=agent, language="en"
        ),
    }


def _claim() -> None:
    waiting = Turn.unscoped.filter(status="queued").order_by("-pk").first()
    if waiting is None:
        return
    claim = turns.claim(waiting.pk)
    if isinstance(claim, turns.Claim):
        turns.renew({claim: "It is"})
        turns.record(claim, status="done")


def sequential_scans(act: Callable[[], Any]) -> set[str]:
    """The large tables that PostgreSQL reads from end to end in an action."""
    with CaptureQueriesContext(connection) as captured:
        act()
    found: set[str] = set()
    for query in captured.captured_queries:
        if not re.match(r"\s*(SELECT|UPDATE|WITH)", query["sql"]):
            continue
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"), [])
            plan = "\n".join(row[0] for row in cursor.fetchall())
            transaction.set_rollback(True)
        found |= set(re.findall(r"Seq Scan on (\w+)", plan))
    return {table for table in found if not table.startswith(SMALL)}
