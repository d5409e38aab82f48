"""`{% load webassistant %}{% chat_widget "default" %}`: the widget on any Django page."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from chat import context as facts
from chat import kinds
from organizations import access

log = logging.getLogger(__name__)
register = template.Library()


@register.simple_tag
def chat_widget(
    name: str = "default",
    context: Mapping[str, Any] | None = None,
    organization: str = "",
    language: str = "",
    nonce: str = "",
    type: str = "",
) -> SafeString:
    """The script that shows the widget `name`.

    `context` gives facts about the page, such as `{"title": …, "price": …}`, texts and numbers
    only; `type` is the short name of the type of chats that begin on this page, one of those that
    the widget offers; `nonce` is for pages whose policy asks for one. A mistake never breaks the
    page: nothing is shown, the log says why, and with DEBUG the page's source says it too.
    """
    try:
        widget = access.widget_by_name(name, organization)
    except access.AccessError as error:
        log.warning("chat_widget %r shows nothing: %s", name, error)
        return format_html("<!-- chat_widget: {} -->", error) if settings.DEBUG else SafeString("")
    if context is not None and not isinstance(context, Mapping):
        log.warning("chat_widget %r: context is not a dictionary and was left out", name)
        context = None
    if type and not kinds.offered(widget).filter(slug=type).exists():
        log.warning("chat_widget %r offers no chat type %r, which was left out", name, type)
        type = ""
    return format_html(
        '<script async src="{}" data-widget="{}" data-language="{}" data-context="{}"{}></script>',
        reverse("embed"),
        widget.key,
        language or (get_language() or "")[:2],
        json.dumps(facts.clean(context or {}), ensure_ascii=False),
        format_html("{}{}", _attribute("data-type", type), _attribute("nonce", nonce)),
    )


def _attribute(name: str, value: str) -> SafeString:
    """An attribute of a tag, where it has a value."""
    return format_html(' {}="{}"', name, value) if value else SafeString("")
