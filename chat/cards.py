"""What clients are shown of a chat's type and of its results: cards, made from data and schema."""

from __future__ import annotations

from typing import Any

from django.utils import formats, translation
from django.utils.translation import gettext as _

import ai
from chat.models import Chat, ChatResult
from chat.protocol import CardPart, ChatKind, ResultBody
from organizations import providers, schemas
from organizations.models import ChatType
from organizations.schemas import Schema

# Older ones stand in the dialogue as lines only.
SHOWN = 5
HEADINGS = ("title", "name", "subject", "heading")


def kind_of(chat: Chat) -> ChatKind | None:
    """The chat's type as its visitor and its operators see it."""
    kind, language = chat.kind, chat.session.language
    if kind is None:
        return None
    is_possible = bool(kind.schema) and can_finish(chat, kind)
    with translation.override(language):
        return ChatKind(
            slug=kind.slug,
            name=kind.name(language),
            icon=kind.icon,
            result_name=result_name(kind, language) if kind.schema else "",
            button=kind.button_text(language) or _("Finish and get the result"),
            visitor_finishes=is_possible and kind.lets_finish("visitor"),
            operator_finishes=is_possible and kind.lets_finish("operator"),
        )


def result_name(kind: ChatType, language: str) -> str:
    """What comes out of chats of a type, in words."""
    return kind.result_name(language) or schemas.title(kind.schema, language) or kind.name(language)


def can_finish(chat: Chat, kind: ChatType) -> bool:
    """Whether anybody could make the result: a model, or the rule alone."""
    return schemas.needs_no_model(kind.schema) or has_model(chat)


def has_model(chat: Chat) -> bool:
    """Whether the chat's agent has a model to ask."""
    agent = chat.session.widget.agent
    known = providers.of(chat.organization) if agent.provider_id or agent.fallbacks else {}
    model = ai.chat_model(*providers.models_of(agent, known))
    return model.name != ai.knowledge_model().name


def results_of(chat: Chat) -> list[ResultBody]:
    """The last results of a chat, the oldest first."""
    rows = ChatResult.objects.of(chat.organization).filter(chat=chat).select_related("author__user")
    return [body(row, chat.session.language) for row in rows.order_by("-version")[:SHOWN]][::-1]


def body(result: ChatResult, language: str) -> ResultBody:
    """A result as clients show it, in the visitor's language."""
    is_open = result.status in (ChatResult.Status.QUEUED, ChatResult.Status.RUNNING)
    with translation.override(language):
        return ResultBody(
            version=result.version,
            status="working" if is_open else "done" if result.data is not None else "failed",
            name=result.name,
            error=result.error,
            sentence=sentence(result.error) if result.error and not is_open else "",
            author=result.author.name if result.author else "",
            seq=result.seq,
            upto_seq=result.upto_seq,
            card=card(result.data, result.schema, language) if result.data is not None else [],
        )


def sentence(error: str) -> str:
    """Why there is no result, in words."""
    return {
        "result_invalid": _("The answer did not have the right form, twice. Try again."),
        "result_incomplete": _("Something that is needed was not said yet. Go on talking first."),
    }.get(error, _("The result could not be made just now. Try again."))


def card(data: Any, schema: Schema, language: str) -> list[CardPart]:
    """The fields of an object as the parts of a card, in the schema's order."""
    return [
        _part(data[name], part, language, schemas.title(part, language, name))
        for name, part in schema.get("properties", {}).items()
        if name in data and data[name] not in ("", [], {})
    ]


def _part(value: Any, schema: Schema, language: str, label: str) -> CardPart:
    if schema["type"] == "array":
        items = [_item(item, schema["items"], language, at) for at, item in enumerate(value, 1)]
        return CardPart(kind="list", label=label, parts=items)
    if schema["type"] == "object":
        return CardPart(kind="group", label=label, parts=card(value, schema, language))
    return CardPart(kind="text", label=label, text=_words(value, schema, language))


def _item(value: Any, schema: Schema, language: str, number: int) -> CardPart:
    """An item of a list: a text, or a group under a heading of its own."""
    if schema["type"] != "object":
        return _part(value, schema, language, "")
    heading = next((name for name in HEADINGS if isinstance(value.get(name), str)), "")
    rest = {name: inner for name, inner in value.items() if name != heading}
    parts = card(rest, schema, language)
    return CardPart(kind="group", label=value[heading] if heading else str(number), parts=parts)


def _words(value: Any, schema: Schema, language: str) -> str:
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, int | float):
        return formats.number_format(value, use_l10n=True)
    return schemas.label(schema, language, str(value))
