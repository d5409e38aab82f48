"""What a visitor can do. Sockets (and later REST) parse, find the visitor, and call these verbs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat import (
    conversation,
    identity,
    kinds,
    lessons,
    limits,
    moderation,
    offences,
    results,
    snapshots,
)
from chat.answering import memory
from chat.delivery import events
from chat.models import (
    Chat,
    ChatResult,
    ContactRequest,
    Customer,
    Handoff,
    MemoryFact,
    Message,
    Mode,
    Session,
    Visitor,
)
from chat.protocol import FeedbackSaved, MemoryLine, NewContact, Page, Rated
from chat.refusals import Refused
from organizations.models import Widget
from organizations.statements import row_of

WINDOW = timedelta(seconds=60)
# A session that was touched this recently is not written again only to be touched.
FRESH = timedelta(seconds=60)
# A chat that was closed this recently is shown again after a reload, so that it can be rated.
RATING_TIME = timedelta(minutes=30)


class UnknownChat(Refused):
    code = "unknown_chat"

    def __init__(self) -> None:
        super().__init__(_("There is no such chat."))


class ChatClosed(Refused):
    code = "chat_closed"

    def __init__(self) -> None:
        super().__init__(_("This chat is closed. Start a new one."))


class TooManyMessages(Refused):
    code = "too_many_messages"


class ClientIdReused(Refused):
    code = "client_id_reused"

    def __init__(self) -> None:
        super().__init__(_("This message was sent before with other words."))


class SupportClosed(Refused):
    code = "support_closed"


class BadEmail(Refused):
    code = "bad_email"

    def __init__(self) -> None:
        super().__init__(_("Enter an e-mail address such as name@example.com."))


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a visitor speaks from: the widget, the page, and the language."""

    widget: Widget
    page: Page
    language: str
    # The type of chats that the page wants, when it wants one.
    kind_id: int | None = None


def say(
    visitor: Visitor, visit: Visit, text: str, client_id: UUID, chat_id: UUID | None = None
) -> Message:
    """Store a visitor's message and have it answered; returns its line.

    The same `client_id` again returns the first line. Refuses other words under a used id, more
    than the limit a minute, a closed chat, whoever is muted, and words the owner does not accept.
    Rude words and spam are hidden, and counted.
    """
    with transaction.atomic():
        # One visitor speaks with one voice: tabs and sockets queue here, so that the limit is
        # exact, two tabs make one chat, and a resend meets the first send's row.
        muted_until = _hold(visitor)
        seen = _see(visitor, visit, client_id, chat_id)
        if before := seen.before:
            if (before.original or before.content) != text or before.role != Message.Role.USER:
                raise ClientIdReused
            return before
        offences.check(muted_until, seen.recent.now)
        _check_rate(seen.recent)
        verdict = offences.look_at(text, seen.rules)
        chat = seen.chat or _locked(visitor, visit, chat_id)
        if chat.mode == Mode.CLOSED:
            raise ChatClosed
        message = conversation.append(
            chat,
            role=Message.Role.USER,
            content=verdict.masked,
            original=text if verdict.masked != text else "",
            sender=visitor.sender,
            client_id=client_id,
            answer_in=visit.widget.agent.reply_delay if chat.mode == Mode.AI else None,
        )
        if seen.has_news:
            _remember_page(chat.session_id, visit, title=verdict.masked)
        if verdict.is_offence:
            offences.count(visitor, chat, verdict, seen.rules, visit.language)
        return message


def _hold(visitor: Visitor) -> datetime | None:
    """Hold the visitor until the transaction ends; until when they are muted, if they are."""
    row = row_of(HOLD, {"organization": visitor.organization_id, "visitor": visitor.pk})
    return row[0] if row else None


# Whatever depends on the hold is asked in a round trip of its own: it sees what was committed
# while this one waited, by a clock that has gone on.
HOLD = """
SELECT muted_until FROM chat_visitor
WHERE organization_id = %(organization)s AND id = %(visitor)s FOR UPDATE
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a held visitor's message meets.

    `before` is the line that its id has already, however old; `chat` the one that it names, held,
    and None where that is not theirs or none is named; `has_news` whether the session is to be
    told where they are.
    """

    before: Message | None
    recent: limits.Recent
    rules: moderation.Rules
    chat: Chat | None
    has_news: bool


def _see(visitor: Visitor, visit: Visit, client_id: UUID, chat_id: UUID | None) -> Seen:
    values = {
        "organization": visitor.organization_id,
        "visitor": visitor.pk,
        "sender": visitor.sender,
        "senders": [person.sender for person in identity.selves(visitor)],
        "client_id": client_id,
        "window": WINDOW.total_seconds(),
        "widget": visit.widget.pk,
        "chat_id": chat_id,
    }
    before, rules, count, oldest, now, has_news, *chat = row_of(SEE, values | _place(visit))
    return Seen(
        before=_line(visitor, before) if before else None,
        recent=limits.Recent(count, oldest, now),
        rules=moderation.rules_of(rules),
        chat=conversation.own(chat, visitor, visit.widget) if chat[0] else None,
        has_news=has_news,
    )


# What the site does not say leaves the old.
HAS_NEWS = """(
    updated_at <= statement_timestamp() - %(fresh)s * interval '1 second'
    OR title = '' OR language <> %(language)s
    OR page_url <> %(url)s OR page_title <> %(page_title)s OR page_context <> %(context)s::jsonb
)"""
# The sums are those of `limits.recent`. Added to nothing, the organization leads to no reading of
# all its messages, where the table is too young for PostgreSQL to know better: the sender does.
SEE = f"""
WITH own AS MATERIALIZED ({conversation.LOCK_OWN})
SELECT said.*, own.id IS NULL OR EXISTS (
    SELECT FROM chat_session WHERE id = own.session_id AND {HAS_NEWS}
), own.*
FROM (
    SELECT (
        SELECT id FROM chat_message
        WHERE organization_id + 0 = %(organization)s AND sender = ANY(%(senders)s)
            AND client_id = %(client_id)s
        LIMIT 1
    ), {moderation.SETTINGS % "%(organization)s"}, count(*), min(timestamp), statement_timestamp()
    FROM chat_message
    WHERE organization_id + 0 = %(organization)s AND sender = %(sender)s AND role = 'user'
        AND timestamp > statement_timestamp() - %(window)s * interval '1 second'
) AS said LEFT JOIN own ON true
"""  # noqa: S608  (the pieces are our own)


def _line(visitor: Visitor, pk: int) -> Message:
    return Message.objects.of(visitor.organization).select_related("chat").get(pk=pk)


def _check_rate(recent: limits.Recent) -> None:
    """Refuse one more than the limit a minute, by the database's clock; the visitor is held."""
    wait = limits.wait(recent, settings.MESSAGES_PER_MINUTE, WINDOW)
    if wait is not None:
        raise TooManyMessages(
            _("You write faster than we can read. Wait a little."), retry_after=wait
        )


def current_chat(visitor: Visitor, widget: Widget) -> Chat | None:
    """The chat a returning visitor is shown: the last one that is open, or just closed."""
    return (
        chats_of(visitor, widget)
        .filter(session__is_active=True)
        .filter(Q(closed_at=None) | Q(closed_at__gt=timezone.now() - RATING_TIME))
        .order_by("-updated_at", "-pk")
        .first()
    )


def chats_of(visitor: Visitor, widget: Widget) -> QuerySet[Chat]:
    """The visitor's chats in one widget."""
    return (
        Chat.objects.of(visitor.organization)
        .filter(session__visitor=visitor, session__widget=widget)
        .select_related("organization", "session__widget", "operator__user")
    )


def find_chat(visitor: Visitor, widget: Widget, chat_id: UUID) -> Chat:
    """One of the visitor's own chats; refuses any other."""
    chat = chats_of(visitor, widget).filter(chat_id=chat_id).first()
    if chat is None:
        raise UnknownChat
    return chat


def _locked(visitor: Visitor, visit: Visit, chat_id: UUID | None) -> Chat:
    """The chat that is meant, held until the transaction ends."""
    chosen = chat_id or _chosen_chat(visitor, visit, None).chat_id
    chat = conversation.lock_own(visitor, visit.widget, chosen)
    if chat is None:
        raise UnknownChat
    return chat


def _chosen_chat(visitor: Visitor, visit: Visit, chat_id: UUID | None) -> Chat:
    """The chat that is meant, to be locked: nothing else of it is read here."""
    chats = chats_of(visitor, visit.widget).select_related(None).only("organization_id", "chat_id")
    if chat_id:
        chat = chats.filter(chat_id=chat_id).first()
        if chat is None:
            raise UnknownChat
    else:
        chat = (
            chats.filter(session__is_active=True)
            .exclude(mode=Mode.CLOSED)
            .order_by("-updated_at", "-pk")
            .first()
        )
    if chat:
        chat.organization = visitor.organization
        return chat
    session = conversation.open_session(visitor, visit.widget, visit.page, visit.language)
    kind = kinds.first_of(visit.widget, visit.kind_id)
    chat = conversation.open_chat(session, kind=kind)
    # Who has spoken first is not spoken to first by a model any more.
    if kind and kind.opening == kind.Opening.TEXT:
        kinds.say_opening(conversation.lock(chat), kind)
    return chat


def _remember_page(session_id: int, visit: Visit, title: str) -> None:
    """Keep where the visitor is; the first words name the session."""
    row_of(REMEMBER, _place(visit) | {"session": session_id, "title": title[:80]})


def _place(visit: Visit) -> dict[str, Any]:
    page = visit.page
    return {
        "url": page.url or None,
        "page_title": page.title or None,
        "context": json.dumps(page.context) if page.context else None,
        "language": visit.language,
        "fresh": FRESH.total_seconds(),
    }


# What says nothing new writes nothing. It reads no other rows than the one it changes, so that it
# sees what another tab has just written there.
REMEMBER = f"""
UPDATE chat_session
SET title = coalesce(nullif(title, ''), %(title)s),
    page_url = coalesce(%(url)s, page_url),
    page_title = coalesce(%(page_title)s, page_title),
    page_context = coalesce(%(context)s::jsonb, page_context),
    language = %(language)s,
    updated_at = statement_timestamp()
WHERE id = %(session)s AND {HAS_NEWS}
RETURNING id
"""  # noqa: S608  (as above)


def look_at(chat: Chat, visit: Visit) -> None:
    """The visitor went to another page: facts about the old one no longer hold."""
    Session.objects.of(chat.organization).filter(pk=chat.session_id).update(
        page_url=visit.page.url,
        page_title=visit.page.title,
        page_context=visit.page.context,
        updated_at=Now(),
    )


def new_chat(
    visitor: Visitor, visit: Visit, client_id: UUID, name: str, type: str, kind: str = ""
) -> Chat:
    """Open another chat beside the others; the same `client_id` again gives the same one.

    Refuses a `kind` (a type's short name) that the widget does not offer.
    """
    with transaction.atomic():
        _hold(visitor)
        own = chats_of(visitor, visit.widget).exclude(client_id=None)
        # In whatever session: that of the first sending may have ended since.
        if before := own.filter(client_id=client_id).first():
            return before
        _check_rate(limits.recent(own, "created_at", WINDOW))
        widget = visit.widget
        chosen = kinds.find(widget, kind) if kind else kinds.first_of(widget, visit.kind_id)
        name = name or (chosen.name(visit.language) if chosen else "")
        session = conversation.open_session(visitor, widget, visit.page, visit.language)
        chat = conversation.open_chat(
            session, name=name, type=type, client_id=client_id, kind=chosen
        )
        if chosen:
            kinds.begin(conversation.lock(chat), chosen)
        return chat


def finish(visitor: Visitor, chat: Chat) -> ChatResult:
    """Have the chat turned into its result; while one is being made, it is that one."""
    with transaction.atomic():
        _hold(visitor)
        made = ChatResult.objects.of(visitor.organization).filter(chat__session__visitor=visitor)
        _check_rate(limits.recent(made, "created_at", WINDOW))
        return results.ask(conversation.lock(chat), "visitor")


def request_support(
    visitor: Visitor, visit: Visit, chat_id: UUID | None, reason: Handoff.Reason
) -> Chat:
    """Ask for a person. Refuses outside business hours; asking twice changes nothing."""
    with transaction.atomic():
        _hold(visitor)
        chat = conversation.lock(_chosen_chat(visitor, visit, chat_id))
        if chat.mode == Mode.CLOSED:
            raise ChatClosed
        if not visit.widget.is_open():
            raise SupportClosed(
                visit.widget.text("offline_message", visit.language)
                or _("Nobody is here right now. Leave your e-mail and we will answer.")
            )
        if chat.mode == Mode.AI:
            asked = Handoff.objects.of(visitor.organization).filter(chat__session__visitor=visitor)
            _check_rate(limits.recent(asked, "requested_at", WINDOW))
            conversation.change_mode(
                chat, Message.Event.WAITING, actor=visitor.sender, reason=reason
            )
        return chat


def cancel_support(visitor: Visitor, chat: Chat) -> None:
    """Take the request for a person back; does nothing when nobody waits."""
    with transaction.atomic():
        chat = conversation.lock(chat)
        if chat.mode == Mode.WAITING:
            conversation.change_mode(chat, Message.Event.CANCELLED, actor=visitor.sender)


def stop(visitor: Visitor, chat: Chat) -> None:
    """Stop the answer under way; what was shown of it stays."""
    with transaction.atomic():
        conversation.cut_short(conversation.lock(chat))


def end_chat(visitor: Visitor, chat: Chat) -> None:
    """Close the chat; closing a closed one changes nothing."""
    with transaction.atomic():
        chat = conversation.lock(chat)
        if chat.mode != Mode.CLOSED:
            conversation.change_mode(chat, Message.Event.CLOSED, actor=visitor.sender)


def judge(chat: Chat, seq: int, helpful: bool) -> None:
    """Say whether an answer helped; refuses a line that is no answer."""
    with transaction.atomic():
        if not lessons.judge(chat, seq, helpful):
            raise Refused(_("There is no such answer."), code="unknown_message")
        events.publish(chat.chat_id, FeedbackSaved(chat_id=chat.chat_id, seq=seq, helpful=helpful))
        events.tell("feedback", chat.chat_id, "visitor")


def rate(chat: Chat, rating: int, comment: str) -> None:
    """Rate the visit, 1 to 5; a later rating replaces an earlier one."""
    if not 1 <= rating <= 5:
        raise Refused(_("A rating is a number from 1 to 5."), code="bad_rating")
    Session.objects.of(chat.organization).filter(pk=chat.session_id).update(
        satisfaction_rating=rating, rating_comment=comment, rated_at=Now(), updated_at=Now()
    )
    # It is the session's: every chat of it that has ended shows it (see `snapshots.chat_state`).
    siblings = Chat.objects.of(chat.organization).filter(
        session=chat.session_id, closed_at__isnull=False
    )
    for chat_id in siblings.values_list("chat_id", flat=True):
        events.publish(chat_id, Rated(chat_id=chat_id, rating=rating))
    events.tell("rated", chat.chat_id, "visitor")


def leave_contact(
    visitor: Visitor,
    visit: Visit,
    chat_id: UUID | None,
    client_id: UUID,
    name: str,
    email: str,
    text: str,
) -> tuple[ContactRequest, Message]:
    """Leave a message to be answered by e-mail; returns it with the line that tells of it.

    The same `client_id` again returns the first ones.
    """
    try:
        validate_email(email)
    except ValidationError:
        raise BadEmail from None
    with transaction.atomic():
        muted_until = _hold(visitor)
        seen = _see(visitor, visit, client_id, None)
        requests = ContactRequest.objects
        own = requests.of(visitor.organization).filter(
            chat__session__visitor__in=identity.selves(visitor)
        )
        if before := seen.before:
            first = own.filter(client_id=client_id, name=name, email=email, text=text).first()
            if first is None:
                raise ClientIdReused
            return first, before
        offences.check(muted_until, seen.recent.now)
        _check_rate(limits.recent(own, "created_at", WINDOW))
        chat = conversation.lock(_chosen_chat(visitor, visit, chat_id))
        if chat.mode == Mode.CLOSED:
            raise ChatClosed
        request = ContactRequest.unscoped.create(
            organization=visitor.organization,
            chat=chat,
            client_id=client_id,
            name=name,
            email=email,
            text=text,
        )
        with translation.override(visit.language):
            sentence = gettext("Your message is with us. We will answer to %(email)s.")
        line = conversation.append(
            chat,
            role=Message.Role.SYSTEM,
            event=Message.Event.CONTACT,
            content=sentence % {"email": email},
            sender=visitor.sender,
            client_id=client_id,
        )
        _remember_page(chat.session_id, visit, title=text)
        events.publish_desk(visitor.organization_id, NewContact(contact=snapshots.contact(request)))
        events.tell("contact", chat.chat_id, visitor.sender)
        return request, line


def remembered(visitor: Visitor) -> list[MemoryLine]:
    """What is remembered of the visitor, as it is now."""
    person = Visitor.objects.of(visitor.organization).select_related("customer").get(pk=visitor.pk)
    person.organization = visitor.organization
    return snapshots.memory_lines(MemoryFact.of_person(person, person.customer))


def be_forgotten(visitor: Visitor) -> None:
    """Have all that is remembered forgotten; what was said so far is never remembered again."""
    memory.forget(Visitor.objects.of(visitor.organization).get(pk=visitor.pk))


def have_forgotten(visitor: Visitor, fact: int) -> None:
    """Have one thing forgotten that is remembered of the visitor; the rest stays."""
    people = Visitor.objects.of(visitor.organization).select_related("customer")
    memory.forget_one(people.get(pk=visitor.pk), fact)


def become_customer(
    visitor: Visitor, *, username: str = "", email: str = "", phone: str = "", name: str = ""
) -> Customer:
    """Register the visitor as a customer and move the sessions along.

    An e-mail or user name of a customer that exists already joins the visitor to that customer.
    """
    with transaction.atomic():
        _hold(visitor)
        customers = Customer.objects.of(visitor.organization)
        customer = visitor.customer
        if customer is None and email:
            customer = customers.filter(email__iexact=email).first()
        if customer is None and username:
            customer = customers.filter(username__iexact=username).first()
        customer = customer or Customer(organization=visitor.organization)
        customer.username = username or customer.username
        customer.email = email or customer.email
        customer.phone = phone or customer.phone
        customer.name = name or customer.name
        customer.full_clean()
        customer.save()
        Visitor.objects.of(visitor.organization).filter(pk=visitor.pk).update(customer=customer)
        Session.objects.of(visitor.organization).filter(visitor=visitor).update(customer=customer)
        MemoryFact.objects.of(visitor.organization).filter(visitor=visitor).update(
            customer=customer
        )
        visitor.customer = customer
        return customer
