"""Types of chats as visitors meet them: which a widget offers, and how a chat of one begins."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat import cards, conversation, turns
from chat.models import Chat, Message
from chat.refusals import Refused
from organizations.models import ChatType, Widget

Opening = ChatType.Opening


class UnknownKind(Refused):
    code = "unknown_chat_type"

    def __init__(self) -> None:
        super().__init__(_("No such type of chat is offered here."))


def offered(widget: Widget) -> QuerySet[ChatType]:
    """The types that visitors of a widget may choose from, in the owner's order."""
    return ChatType.objects.of(widget.organization).filter(widgets=widget, is_active=True)


def find(widget: Widget, slug: str) -> ChatType:
    """The offered type of this short name; refuses every other."""
    kind = offered(widget).filter(slug=slug).first()
    if kind is None:
        raise UnknownKind
    return kind


def first_of(widget: Widget, kind_id: int | None) -> ChatType | None:
    """The type of a first chat: the page's, else the widget's own, as long as it is offered."""
    wanted = kind_id or widget.default_kind_id
    return offered(widget).filter(pk=wanted).first() if wanted else None


def begin(locked: Chat, kind: ChatType) -> None:
    """Say the opening in a new chat, or have the model write it."""
    if kind.opening == Opening.MODEL and cards.has_model(locked):
        # A turn answers lines; here it is the one that says what has begun.
        with translation.override(locked.session.language):
            words = gettext("A chat began: %(name)s")
        line = conversation.append(
            locked,
            role=Message.Role.SYSTEM,
            event=Message.Event.STARTED,
            content=words % {"name": kind.name(locked.session.language)},
            sender="system",
        )
        turns.open_or_widen(locked, line.seq, delay=0)
    elif kind.opening != Opening.NONE:
        say_opening(locked, kind)


def say_opening(locked: Chat, kind: ChatType) -> None:
    """Say the owner's own opening, as the assistant's first line."""
    conversation.append(
        locked,
        role=Message.Role.ASSISTANT,
        event=Message.Event.OPENING,
        content=kind.opening_text(locked.session.language),
        sender="assistant",
    )
