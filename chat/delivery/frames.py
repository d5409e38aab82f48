"""What comes in over a socket before any of it is understood: a frame's JSON, and a language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import parse_accept_lang_header
from pydantic import TypeAdapter, ValidationError

from chat.protocol import MAX_FRAME, Frame
from chat.refusals import Refused


def parse(raw: bytes, commands: TypeAdapter[Any]) -> Frame:
    """The command in a frame; raise Refused, with the id it carries, for anything else."""
    if len(raw) > MAX_FRAME:
        raise Refused(_("The frame is too large."), code="frame_too_large")
    if b"\\u0000" not in raw:
        try:
            # In one step; what is wrong with a frame is looked for only where something is.
            good: Frame = commands.validator.validate_json(raw)
            if not good.has_any_json:
                return good
        except ValidationError:
            pass
    return _parse_with_care(raw, commands)


def _parse_with_care(raw: bytes, commands: TypeAdapter[Any]) -> Frame:
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused(_("This is not JSON."), code="bad_json") from None
    try:
        if b"\\u0000" in raw and _has_nul(content):
            # PostgreSQL stores no NUL; a text with one is nobody's typing.
            raise Refused(
                _("The text has a forbidden character."),
                code="bad_character",
                client_id=_client_id(content),
            )
        frame: Frame = commands.validate_python(content)
    except ValidationError as error:
        refused = _refusal(content, error)
        refused.client_id = _client_id(content)
        raise refused from None
    return frame


def _refusal(content: Any, error: ValidationError) -> Refused:
    """What is wrong in a frame: the field and the rule, never the content."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    kind = first["type"]
    if not isinstance(content, dict) or kind in ("union_tag_invalid", "union_tag_not_found"):
        return Refused(_("There is no such command."), code="unknown_command")
    field = ".".join(str(part) for part in first["loc"][1:])[:80]
    if field == "text" and kind == "string_too_long":
        return Refused(_("The message is too long."), code="text_too_long")
    if field == "text" and kind == "string_too_short":
        return Refused(_("The message is empty."), code="text_empty")
    return Refused(format_lazy(_("The field {field} is wrong."), field=field), code="bad_frame")


def _has_nul(content: Any) -> bool:
    """Whether a text anywhere in parsed JSON holds a NUL (the escape alone may be escaped)."""
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str) and "\0" in part:
            return True
        if isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part
    return False


def _client_id(content: Any) -> UUID | None:
    """The id that a refused frame carries, if it can be read: the client waits for its answer."""
    try:
        return UUID(content["client_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def language_of(scope: Mapping[str, Any]) -> str:
    """The language that whoever connects is spoken to in: their choice, else their browser's."""
    known = dict(settings.LANGUAGES)
    accepted = next((v for n, v in scope.get("headers", ()) if n == b"accept-language"), b"")
    wishes = [str(scope.get("cookies", {}).get("django_language", ""))]
    wishes += [wish for wish, _weight in parse_accept_lang_header(accepted.decode("latin-1"))]
    codes = (wish.lower().split("-")[0] for wish in wishes)
    return next((code for code in codes if code in known), settings.LANGUAGE_CODE)
