"""The bases of every admin page over rows of an organization; they keep the page inside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.db.models import Field, ForeignKey, Model, QuerySet, URLField
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from unfold.admin import ModelAdmin

from organizations import access
from organizations.models import Organization
from organizations.scoping import OrganizationOwned


class OwnFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that offers own rows only."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Own rows as choices."""
        rows = model_admin.own_rows(request, field.related_model)
        return [(row.pk, str(row)) for row in rows]


# Whatever has no more digits fits into a bigint, and no table comes to more.
LONGEST_ID = 18


class LookedUp(AutocompleteSelect):
    """A row that is looked up by typing. Shown again, what names none of them chooses nothing."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        """The chosen row alone: the others are asked for."""
        return super().optgroups(name, [one for one in value if may_be_id(str(one))], attrs)


def may_be_id(text: str) -> bool:
    """Whether a row could have it; Python itself refuses to read some thousands of digits."""
    return text.isdecimal() and len(text) <= LONGEST_ID


def ids_in(text: str) -> list[int]:
    """The ids in a text with commas; what is none is passed over."""
    return [int(word) for word in text.split(",") if may_be_id(word)]


class CarefulAdmin(ModelAdmin):
    """A list that refuses garbage in its address with 400, as all else does."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse what no filter asks for and the database would fail at."""
        words = [value] if isinstance(value, str) else value
        if lookup.endswith("__range") or any("\x00" in str(word) for word in words):
            return False
        return bool(super().lookup_allowed(lookup, value, request))


class ScopedAdmin(CarefulAdmin):
    """Shows, offers and saves rows of the organization of whoever looks, and no others.

    What a role may do is said in `organizations.permissions`. A page whose app has verbs for
    writing overrides `store`. An action on one row takes that row from `own_row`, does nothing by
    GET, and asks first with `ask`.
    """

    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True
    list_per_page = 50
    # What Django 6 does by itself.
    formfield_overrides = {URLField: {"assume_scheme": "https"}}

    # --- whose rows ---------------------------------------------------------------------------

    def organization_of(self, request: HttpRequest) -> Organization | None:
        """The organization of the signed-in member."""
        if not hasattr(request, "_organization"):
            member = access.member_of(request.user)
            request._organization = member.organization if member else None  # type: ignore[attr-defined]
        found: Organization | None = request._organization  # type: ignore[attr-defined]
        return found

    def own_rows(self, request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
        """The rows of a model that may be offered as choices; none of a model without an owner."""
        organization = self.organization_of(request)
        if organization is None or not issubclass(model, OrganizationOwned):
            return model._default_manager.none()
        return model.objects.of(organization)

    def own_row(self, request: HttpRequest, object_id: str) -> Any:
        """The row of an action's address, or 404."""
        row = self.get_object(request, unquote(str(object_id)))
        if row is None:
            raise Http404
        return row

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows only."""
        rows: QuerySet[Any] = super().get_queryset(request)
        organization = self.organization_of(request)
        return rows.filter(organization=organization) if organization else rows.none()

    def is_own(self, request: HttpRequest, row: Any) -> bool:
        """Whether a row (or its id, which is what the theme gives for actions) is an own row."""
        if row is None:
            return True
        organization = self.organization_of(request)
        if organization is None:
            return False
        if isinstance(row, OrganizationOwned):
            return bool(row.organization_id == organization.pk)
        return self.get_object(request, unquote(str(row))) is not None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By role, for own rows."""
        return bool(super().has_view_permission(request, None)) and self.is_own(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By role, for own rows."""
        return bool(super().has_change_permission(request, None)) and self.is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By role, for own rows."""
        return bool(super().has_delete_permission(request, None)) and self.is_own(request, obj)

    def ask(
        self,
        request: HttpRequest,
        row: Any,
        *,
        title: str | Promise,
        text: str | Promise,
        button: str | Promise,
        form: forms.Form | None = None,
        **more: Any,
    ) -> HttpResponse:
        """The page that an action shows before it acts, with a form or just a button."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "text": text,
            "button": button,
            "form": form,
            "original": row,
            "opts": self.opts,
            **more,
        }
        return TemplateResponse(request, "admin/ask.html", context)

    # --- what is offered ----------------------------------------------------------------------

    def formfield_for_foreignkey(
        self, field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Choices from own rows only."""
        kwargs.setdefault("queryset", self.own_rows(request, field.related_model))
        if field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", LookedUp(field, self.admin_site))
        return super().formfield_for_foreignkey(field, request, **kwargs)

    def formfield_for_manytomany(self, field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choices from own rows only."""
        kwargs.setdefault("queryset", self.own_rows(request, field.related_model))
        return super().formfield_for_manytomany(field, request, **kwargs)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Filters by related rows offer own rows only."""
        return [
            (item, OwnFilter) if isinstance(item, str) and self._is_relation(item) else item
            for item in super().get_list_filter(request)
        ]

    def _is_relation(self, path: str) -> bool:
        last = get_fields_from_path(self.model, path)[-1]
        return isinstance(last, Field) and last.is_relation

    # --- what is deleted ----------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes along, and what keeps the rows from going.

        Who may delete a row may delete what exists because of it, such as revisions and receipts,
        which nobody deletes by themselves.
        """
        gone, counts, _needed, held = super().get_deleted_objects(objs, request)
        users = (f"{row._meta.verbose_name}: {row}" for row in self.held_by(request, objs))
        return gone, counts, set(), list(dict.fromkeys([*held, *users]))

    def held_by(self, request: HttpRequest, rows: Any) -> Iterable[Any]:
        """Rows that name these without a foreign key, so that these must stay."""
        return ()

    # --- what is saved ------------------------------------------------------------------------

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        """The organization is never chosen: it is that of whoever saves."""
        return [*(super().get_exclude(request, obj) or []), "organization"]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        """A form whose new row is in the organization before it is validated."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        organization = self.organization_of(request)

        class Inside(form):
            def __init__(self, *args: Any, **inner: Any) -> None:
                super().__init__(*args, **inner)
                if self.instance.organization_id is None and organization:
                    self.instance.organization = organization

            def _get_validation_exclusions(self) -> set[str]:
                # Unique constraints over the organization are checked though it is no field.
                return set(super()._get_validation_exclusions()) - {"organization"}

        return Inside

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep a row in the organization of whoever saves it."""
        organization = self.organization_of(request)
        if organization is None or obj.organization_id != organization.pk:
            raise PermissionDenied
        self.store(request, obj, form, change)

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the row; an app with verbs calls its own here."""
        super().save_model(request, obj, form, change)


class ReadOnlyAdmin(ScopedAdmin):
    """A page to look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds such rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes them."""
        return False
