"""What the widget loads over HTTP: the loader, its looks, and the frame; and the health page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import SuspiciousFileOperation
from django.db import connection
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe
from django.views.static import serve

from chat import kinds
from chat.protocol import MAX_TEXT
from chat.texts import widget_texts
from organizations import access
from organizations.models import Widget

LOADER = "widget/embed.js"


@require_safe
def embed(request: HttpRequest) -> HttpResponse | FileResponse:
    """The loader under a short, lasting address; sites paste it, so it is kept for an hour only."""
    path = finders.find(LOADER)
    if not path:
        # Only the collected files are there, as in a container.
        response = FileResponse(staticfiles_storage.open(LOADER), content_type="text/javascript")
    else:
        response = FileResponse(open(path, "rb"), content_type="text/javascript")  # noqa: SIM115
    response["Cache-Control"] = "public, max-age=3600"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@never_cache
@require_safe
def config(request: HttpRequest, key: str) -> JsonResponse:
    """The bubble's looks, for pages of the widget's sites only."""
    try:
        widget = access.widget_by_key(key)
    except access.UnknownWidget:
        return _refusal(404, "unknown_widget", _("There is no such widget."))
    origin = request.headers.get("Origin", "")
    own = f"{request.scheme}://{request.get_host()}"
    if origin and not access.site_allowed(widget, origin, own):
        response = _refusal(403, "site_not_allowed", _("This site may not show the widget."))
        # Readable there too: the site's owner must see why nothing opens.
        response["Access-Control-Allow-Origin"] = origin
        response["Vary"] = "Origin"
        return response
    with translation.override(_language(request, widget)):
        response = JsonResponse(
            {
                "name": widget.name,
                "color": widget.primary_color,
                "position": widget.position,
                "auto_open_delay": widget.auto_open_delay,
                "label": _("Open chat"),
                "close_label": _("Close chat"),
                "frame_title": _("Chat"),
                "frame_url": request.build_absolute_uri(reverse("widget-frame", args=[key])),
                "origin": own,
            }
        )
    if origin:
        response["Access-Control-Allow-Origin"] = origin
        response["Vary"] = "Origin"
    return response


def _refusal(status: int, code: str, sentence: str) -> JsonResponse:
    response = JsonResponse({"code": code, "message": sentence}, status=status)
    if status == 404:
        response["Access-Control-Allow-Origin"] = "*"
    return response


@never_cache
@xframe_options_exempt
@require_safe
def frame(request: HttpRequest, key: str) -> HttpResponse:
    """The chat itself: a page that only the widget's sites may frame."""
    try:
        widget = access.widget_by_key(key)
    except access.UnknownWidget:
        return HttpResponse(_("There is no such widget."), status=404)
    language = _language(request, widget)
    with translation.override(language):
        response = render(
            request,
            "widget/frame.html",
            {
                "config": frame_config(widget, language, request.GET.get("type", "")),
                "language": language,
                "widget": widget,
            },
        )
    response["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; media-src 'self'; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {access.frame_ancestors(widget)}"
    )
    return response


def frame_config(widget: Widget, language: str, wanted: str = "") -> dict[str, Any]:
    """What the frame's script is told; the language is active already.

    `wanted` is the short name of the type of chats that the page asks for.
    """
    avatar = widget.bot_avatar or widget.agent.avatar
    offered = list(kinds.offered(widget))
    named = next((kind for kind in offered if kind.slug == wanted), None)
    first = named or next((kind for kind in offered if kind.pk == widget.default_kind_id), None)
    # What is said at once need not be asked for.
    is_said = first is not None and first.opening == first.Opening.TEXT
    choices = [named] if named else offered
    opening = first.opening_text(language) if first and is_said else ""
    return {
        "widget": widget.key,
        "language": language,
        "bot_name": widget.text("bot_name", language) or _("Assistant"),
        "bot_avatar": avatar.url if avatar else "",
        "welcome_message": (
            opening or widget.greeting(language) or _("Hello! What would you like to know?")
        ),
        "placeholder_text": widget.text("placeholder_text", language) or _("Write a message"),
        "suggested_questions": widget.agent.suggests(language),
        "kind": named.slug if named else "",
        "kinds": [
            {"slug": kind.slug, "name": kind.name(language), "icon": kind.icon}
            for kind in choices
            if not (is_said and kind == first)
        ],
        "kind_trouble": str(kinds.UnknownKind().sentence) if wanted and not named else "",
        "primary_color": widget.primary_color,
        "remembers": widget.agent.remembers,
        "position": widget.position,
        "languages": widget.languages,
        "allowed_sites": widget.allowed_sites,
        "max_text": MAX_TEXT,
        "texts": widget_texts(),
    }


@require_safe
def avatar(request: HttpRequest, path: str) -> HttpResponseBase:
    """A picture of an assistant, which any site may show."""
    try:
        return serve(request, path, document_root=str(settings.MEDIA_ROOT / "avatars"))
    except (OSError, SuspiciousFileOperation):
        # A path that leads out of the folder, or is longer than any name of a file.
        raise Http404 from None


def _language(request: HttpRequest, widget: Widget) -> str:
    """The page's wish, else the browser's, as far as the widget speaks it."""
    wanted = request.GET.get("lang", "")[:5].lower().split("-")[0]
    return widget.language_for(wanted or translation.get_language_from_request(request)[:2])


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Whether this process can serve: it can reach the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})
