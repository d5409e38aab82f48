"""The admin page of what is wrong with the knowledge, each finding with a way to mend it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from knowledge import checkup, entries, websites
from knowledge.admin.links import address_of
from knowledge.models import Knowledge, WebPage
from knowledge.reasons import reason
from organizations import access
from organizations.admin import may_be_id
from organizations.models import Member


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """What was found; a button by POST puts a piece aside or has it indexed again."""
    member = access.member_of(request.user)
    if member is None or not request.user.has_perm("knowledge.change_faqentry"):
        raise PermissionDenied
    if request.method == "POST":
        return _mend(request, member)
    found = checkup.look(member.organization)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Knowledge check"),
        "found": found,
        "sections": _sections(found),
        "pairs": [
            (_("Contradictions"),
             _("Near questions whose answers have other numbers, or say yes and no."),
             [_pair(pair) for pair in found.contradictions]),
            (_("Duplicates"), _("The same question in two entries: merge them or put one aside."),
             [_pair(pair) for pair in found.duplicates]),
        ],
        "empty": [
            (category, reverse("admin:knowledge_category_change", args=[category.pk]))
            for category in found.empty
        ],
        "soon": checkup.SOON.days,
        "unused": checkup.UNUSED.days,
    }  # fmt: skip
    return TemplateResponse(request, "knowledge/checkup.html", context)


def _sections(found: checkup.Checkup) -> list[tuple[Any, Any, str, list[dict[str, Any]]]]:
    """Each list of pieces with its title, what it means, and the button that mends it."""
    unused = _("Active for %(days)s days and not shown in them.") % {"days": checkup.UNUSED.days}
    return [
        (_("Not searchable"), _("Indexing failed, or takes too long."), "index",
         [_row(item, _trouble(item)) for item in found.unsearchable]),
        (_("Expired"), _("Past their last day: the assistant does not use them."), "aside",
         [_row(item, item.valid_until) for item in found.expired]),
        (_("Expiring soon"), _("Their last day is near."), "",
         [_row(item, item.valid_until) for item in found.expiring]),
        (_("Never used"), unused, "aside",
         [_row(item, item.last_shown_at.date() if item.last_shown_at else _("never shown"))
          for item in found.unused]),
    ]  # fmt: skip


def _trouble(item: Knowledge) -> str:
    """Why it cannot be found; of a page that was not fetched, why that was."""
    if isinstance(item, WebPage) and item.fetch_error:
        return websites.trouble(item.fetch_error)
    return str(reason(item.error) if item.error else item.get_status_display())


def _row(item: Knowledge, detail: Any) -> dict[str, Any]:
    return {
        "item": item,
        "kind": entries.kind_of(item),
        "kind_name": item._meta.verbose_name,
        "address": address_of(item),
        "detail": detail,
        # A page is read again by its source, not by its text.
        "may_mend": not (isinstance(item, WebPage) and item.fetch_error),
    }


def _pair(pair: checkup.Pair) -> dict[str, Any]:
    return {
        "rows": [_row(pair.one, ""), _row(pair.other, "")],
        "percent": round(pair.likeness * 100),
        "numbers": ", ".join(pair.numbers),
        "is_denied": pair.is_denied,
    }


def _mend(request: HttpRequest, member: Member) -> HttpResponse:
    """Put a piece aside, or have it indexed again."""
    model = entries.KINDS.get(request.POST.get("kind", ""))
    number = request.POST.get("item", "")
    rows = model.objects.of(member.organization) if model else None
    item = rows.filter(pk=number).first() if rows is not None and may_be_id(number) else None
    if item is None:
        raise Http404
    if request.POST.get("do") == "aside":
        entries.set_active(item, False)
        messages.success(request, _("“%(title)s” was put aside.") % {"title": item})
    elif request.POST.get("do") == "index":
        entries.index_again(item)
        messages.success(request, _("“%(title)s” is being indexed.") % {"title": item})
    else:
        raise Http404
    return redirect("admin:knowledge_checkup")


admin.site.add_page(  # type: ignore[attr-defined]
    path("knowledge/checkup/", admin.site.admin_view(page), name="knowledge_checkup")
)
