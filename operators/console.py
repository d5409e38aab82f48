"""The console: a page of the admin where chats are answered live."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chat import snapshots
from chat.protocol import MAX_TEXT
from operators import desk, presence
from operators.models import ReadyReply
from operators.texts import console_texts
from organizations import access
from organizations.models import Member


def console(request: HttpRequest) -> HttpResponse:
    """The page; everything on it comes over the socket."""
    member = _at_work(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Console"),
        "config": {
            "member_id": member.pk,
            "member_name": member.name,
            "presence": presence.said_by(member),
            "language": get_language(),
            "max_text": MAX_TEXT,
            "address": reverse("admin:console"),
            "sound": static("operators/request.wav"),
            "memory": reverse("admin:chat_memoryfact_changelist"),
            "texts": console_texts(),
            "replies": list(ReadyReply.objects.of(member.organization).values("shortcut", "text")),
            "replies_url": reverse("admin:operators_readyreply_changelist"),
        },
    }
    return TemplateResponse(request, "operators/console.html", context)


def earlier(request: HttpRequest, chat_id: UUID) -> JsonResponse:
    """The lines of a chat before the one whose number is asked for, a page at a time."""
    member = _at_work(request)
    before = request.GET.get("before", "")
    if not re.fullmatch(r"[0-9]{1,9}", before):
        return JsonResponse({"code": "bad_seq"}, status=HTTPStatus.BAD_REQUEST)
    try:
        chat = desk.find(member, chat_id)
    except desk.UnknownChat as refusal:
        raise Http404 from refusal
    lines = snapshots.lines_before(chat, int(before))
    return JsonResponse({"lines": [line.model_dump(mode="json") for line in lines]})


def _at_work(request: HttpRequest) -> Member:
    """The member who asks; refuses everybody who may not use the console."""
    member = access.member_of(request.user)
    if member is None or not request.user.has_perm("operators.use_console"):
        raise PermissionDenied
    return member
