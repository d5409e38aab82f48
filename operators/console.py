"""The console: a page of the admin where chats are answered live."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chat.protocol import MAX_TEXT
from operators.texts import console_texts
from organizations import access


def console(request: HttpRequest) -> HttpResponse:
    """The page; everything on it comes over the socket."""
    member = access.member_of(request.user)
    if member is None or not request.user.has_perm("operators.use_console"):
        raise PermissionDenied
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Console"),
        "config": {
            "member_id": member.pk,
            "member_name": member.name,
            "language": get_language(),
            "max_text": MAX_TEXT,
            "sound": static("operators/request.wav"),
            "memory": reverse("admin:chat_memoryfact_changelist"),
            "texts": console_texts(),
        },
    }
    return TemplateResponse(request, "operators/console.html", context)
