"""The history of an entry or article: who wrote what when, what changed, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from knowledge import entries, revisions
from knowledge.models import Revision
from knowledge.revisions import Stretch, Versioned
from knowledge.written import FIELDS
from organizations import access
from organizations.admin import ScopedAdmin

PER_PAGE = 20
# What is compared word by word.
PROSE = (models.CharField, models.TextField, ArrayField)


@dataclass(frozen=True)
class Change:
    """A field that differs between two revisions."""

    label: str
    stretches: list[Stretch]


class VersionedAdmin(ScopedAdmin):
    """Puts the revisions where the theme shows its own log."""

    change_form_after_template = "admin/knowledge_seen.html"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """The form, which knows the revision that it shows."""
        item = self.get_object(request, unquote(object_id)) if object_id else None
        context = {"seen": _number(_newest(item)) if item else "", **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        """A form that does not write over what somebody has saved since it was opened."""
        form: Any = super().get_form(request, obj, change, **kwargs)

        class Seeing(form):
            def clean(self) -> Any:
                data = super().clean()
                seen = request.POST.get("seen", "")
                if obj and seen.isdecimal():
                    newest = _newest(obj)
                    if seen != str(_number(newest)):
                        self.add_error(None, _changed_meanwhile(newest))
                return data

        return Seeing

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The revisions, the difference of two, and the button that brings one back."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        item = self.own_row(request, object_id)
        if request.method == "POST":
            return self._restore(request, item)
        found = revisions.of(item).select_related("author__user")
        page = Paginator(found, PER_PAGE).get_page(request.GET.get("p"))
        new = _chosen(item, request.GET.get("new")) or found.first()
        old = _chosen(item, request.GET.get("old")) or _before(item, new)
        context = {
            **self.admin_site.each_context(request),
            "title": _("History"),
            "opts": self.opts,
            "original": item,
            "page": page,
            "new": new,
            "old": old,
            "newest": found.first(),
            "changes": changes(item, old, new) if old and new else [],
            "may_restore": self.has_change_permission(request, item),
        }
        return TemplateResponse(request, "admin/knowledge_history.html", context)

    def _restore(self, request: HttpRequest, item: Versioned) -> HttpResponse:
        if not self.has_change_permission(request, item):
            raise PermissionDenied
        revision = _chosen(item, request.POST.get("restore"))
        if revision is None:
            raise Http404
        is_whole = revisions.restore(item, revision)
        try:
            entries.save(item, access.member_of(request.user))
        except ValidationError as error:
            # What was right then need not be right by the rules of now.
            messages.error(request, " ".join(error.messages))
        else:
            number = {"number": revision.number}
            messages.success(request, _("Revision %(number)s is in use again.") % number)
            if not is_whole:
                messages.warning(request, _("Its category is not there any more."))
            self.log_change(request, item, [{"changed": {"fields": [str(_("revision"))]}}])
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_history", item.pk)


def _newest(item: Versioned) -> Revision | None:
    return revisions.of(item).select_related("author__user").first()


def _number(revision: Revision | None) -> int:
    return revision.number if revision else 0


def _changed_meanwhile(newest: Revision | None) -> ValidationError:
    """Who was faster; what is written in the form stays there, and the next saving counts."""
    return ValidationError(
        _(
            "This was saved meanwhile (revision %(number)s, %(author)s). History shows what has "
            "changed. Save again to put your words in its place."
        ),
        code="changed_meanwhile",
        params={
            "number": _number(newest),
            "author": (newest and newest.author) or "—",
        },
    )


def changes(item: Versioned, old: Revision, new: Revision) -> list[Change]:
    """What differs, field by field, in the order of the form."""
    found = []
    for name in FIELDS[type(item)]:
        before, after = _words(item, old, name), _words(item, new, name)
        if before != after:
            field: Any = item._meta.get_field(name)
            is_prose = isinstance(field, PROSE) and not field.choices
            compare = revisions.diff if is_prose else revisions.exchange
            found.append(Change(capfirst(field.verbose_name), compare(before, after)))
    return found


def _words(item: Versioned, revision: Revision, name: str) -> str:
    """A field's value as people read it."""
    value = revision.content.get(name)
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list):
        return "\n".join(value)
    field: Any = item._meta.get_field(name)
    if isinstance(field, models.DateField) and value:
        return date_format(date.fromisoformat(value), "SHORT_DATE_FORMAT")
    return str(dict(field.flatchoices).get(value, "" if value is None else value))


def _chosen(item: Versioned, number: str | None) -> Revision | None:
    if not number or not number.isdecimal() or len(number) > 9:
        return None
    return revisions.of(item).select_related("author__user").filter(number=int(number)).first()


def _before(item: Versioned, revision: Revision | None) -> Revision | None:
    if revision is None:
        return None
    return revisions.of(item).filter(number__lt=revision.number).first()
