"""What follows from rude words and spam: a warning, then silence for a while. For the verbs.

They are counted in PostgreSQL, on the visitor's row, which whoever writes holds; a message in which
nothing was found costs no statement.
"""

from __future__ import annotations

import math
from datetime import datetime

from django.db import connection, transaction
from django.utils import translation
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from chat import conversation, moderation, snapshots
from chat.delivery import events
from chat.models import Chat, Message, Visitor
from chat.moderation import Rules, Verdict
from chat.protocol import VisitorMuted
from chat.refusals import Refused

Event = Message.Event


class Muted(Refused):
    code = "muted"

    def __init__(self, seconds: float) -> None:
        # No time to try again: a client would send by itself what was said in anger.
        super().__init__(
            ngettext_lazy(
                "You cannot write for another %(minutes)s minute.",
                "You cannot write for another %(minutes)s minutes.",
                "minutes",
            )
            % {"minutes": max(1, math.ceil(seconds / 60))}
        )


class WordRefused(Refused):
    code = "word_refused"

    def __init__(self, word: str) -> None:
        super().__init__(
            format_lazy(gettext_lazy("Messages with “{word}” are not accepted here."), word=word)
        )


def check(muted_until: datetime | None, now: datetime | None) -> None:
    """Refuse whoever is muted, by the database's clock."""
    if muted_until and now and muted_until > now:
        raise Muted((muted_until - now).total_seconds())


def look_at(text: str, rules: Rules) -> Verdict:
    """What a message is; refuses one with a word that the owner does not accept."""
    if not rules.is_on:
        return Verdict(text)
    if word := moderation.meets(text, rules.blocked):
        raise WordRefused(word.rstrip("*"))
    return moderation.judge(text, rules.hidden)


def count(visitor: Visitor, locked: Chat, verdict: Verdict, rules: Rules, language: str) -> None:
    """Warn the visitor, or mute who was warned often enough; tells both sides in a line."""
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT,
            {
                "visitor": visitor.pk,
                "warnings": rules.warnings,
                "minutes": rules.mute_minutes,
            },
        )
        offences, muted_until, is_muted = cursor.fetchone()
    with translation.override(language):
        if is_muted:
            event, sentence = (
                Event.MUTED,
                _(
                    "You cannot write for %(minutes)s min: there were rude words or spam again. "
                    "What was said before stays."
                )
                % {"minutes": rules.mute_minutes},
            )
        elif verdict.is_spam:
            event, sentence = (
                Event.WARNED,
                _("This looks like spam and was cut. If it goes on, you cannot write for a while."),
            )
        else:
            event, sentence = (
                Event.WARNED,
                _(
                    "Please stay polite: rude words are hidden. "
                    "If it goes on, you cannot write for a while."
                ),
            )
    conversation.append(
        locked, role=Message.Role.SYSTEM, event=event, content=sentence, sender="system"
    )
    _tell(locked, offences, muted_until if is_muted else None)
    events.tell(event, locked.chat_id, visitor.sender)


# Warnings are counted over a day; who has used them up is muted each further time.
COUNT = """
WITH counted AS (
    SELECT id, CASE WHEN offended_at > statement_timestamp() - interval '1 day'
        THEN least(offences + 1, 1000) ELSE 1 END AS number
    FROM chat_visitor WHERE id = %(visitor)s
)
UPDATE chat_visitor v
SET offences = number, offended_at = statement_timestamp(),
    muted_until = CASE WHEN number > %(warnings)s
        THEN statement_timestamp() + %(minutes)s * interval '1 minute' ELSE muted_until END
FROM counted WHERE v.id = counted.id
RETURNING v.offences, v.muted_until, v.offences > %(warnings)s
"""


def forgive(chat: Chat) -> bool:
    """Let a muted visitor write again, and begin to count anew; False where nobody is muted."""
    with transaction.atomic():
        # In the order of the visitor's own verbs: the visitor first, then the chat.
        person = (
            Visitor.objects.of(chat.organization)
            .select_for_update()
            .filter(sessions__chats=chat.pk, muted_until__isnull=False)
            .first()
        )
        if person is None:
            return False
        person.offences, person.offended_at, person.muted_until = 0, None, None
        person.save(update_fields=["offences", "offended_at", "muted_until"])
        locked = conversation.lock(chat)
        with translation.override(locked.session.language):
            conversation.append(
                locked,
                role=Message.Role.SYSTEM,
                event=Event.UNMUTED,
                content=_("You can write again."),
                sender="system",
            )
        _tell(locked, 0, None)
        return True


def _tell(locked: Chat, offences: int, muted_until: datetime | None) -> None:
    events.publish(
        locked.chat_id,
        VisitorMuted(chat_id=locked.chat_id, offences=offences, until=snapshots.iso(muted_until)),
    )
