"""Admin pages of one's own organization, and the base that keeps every page inside it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminColorInputWidget

from organizations import access, dashboard, signin
from organizations.forms import HoursField, LinesField
from organizations.models import Agent, Language, Member, Organization, User, Widget, new_key
from organizations.scoping import OrganizationOwned


class Scoped:
    """Limits rows and choices to the organization of whoever looks."""

    model: type[Model]

    def organization_of(self, request: HttpRequest) -> Organization | None:
        """The organization of the signed-in member."""
        if not hasattr(request, "_organization"):
            member = access.member_of(request.user)
            request._organization = member.organization if member else None  # type: ignore[attr-defined]
        found: Organization | None = request._organization  # type: ignore[attr-defined]
        return found

    def own_rows(self, request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
        """The rows of a model that may be seen."""
        organization = self.organization_of(request)
        if not issubclass(model, OrganizationOwned):
            return model._default_manager.all()
        if organization is None:
            return model.unscoped.none()
        return model.objects.of(organization)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows only."""
        rows = self.own_rows(request, self.model)
        ordering = self.get_ordering(request)  # type: ignore[attr-defined]
        return rows.order_by(*ordering) if ordering else rows

    def formfield_for_foreignkey(
        self, field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Choices from own rows only."""
        kwargs["queryset"] = self.own_rows(request, field.related_model)  # type: ignore[arg-type]
        return super().formfield_for_foreignkey(field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choices from own rows only."""
        kwargs["queryset"] = self.own_rows(request, field.related_model)
        return super().formfield_for_manytomany(field, request, **kwargs)  # type: ignore[misc]

    def get_field_queryset(self, db: Any, field: Any, request: HttpRequest) -> Any:
        """Choices from own rows only, for the widgets that ask by themselves."""
        return self.own_rows(request, field.remote_field.model)


class ScopedAdmin(Scoped, ModelAdmin):
    """The base of every page over rows of an organization."""

    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True
    list_per_page = 50

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        """The organization is never chosen: it is that of whoever saves."""
        return [*(super().get_exclude(request, obj) or []), "organization"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A form whose new row is in the organization before it is validated."""
        form = super().get_form(request, obj, change, **kwargs)
        organization = self.organization_of(request)

        class Inside(form):  # type: ignore[valid-type, misc]
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
        if organization is None or (obj.pk and obj.organization_id != organization.pk):
            raise PermissionDenied
        obj.organization = organization
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


class ScopedInline(Scoped, TabularInline):
    """Rows inside another row's page."""

    extra = 0


class OwnFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that offers own rows only."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Own rows as choices."""
        rows = model_admin.own_rows(request, field.related_model)
        return [(row.pk, str(row)) for row in rows]


class WidgetForm(forms.ModelForm):
    """The widget's settings in fields that people can fill in."""

    business_hours = HoursField(
        label=_("business hours"),
        help_text=_("All lines empty: always open. An empty line among others: closed that day."),
    )
    allowed_sites = LinesField(
        label=_("allowed sites"), help_text=Widget._meta.get_field("allowed_sites").help_text
    )
    languages = forms.MultipleChoiceField(
        label=_("languages"),
        choices=Language.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=Widget._meta.get_field("languages").help_text,
    )

    class Meta:
        model = Widget
        exclude = ["organization"]  # noqa: DJ006  (all the others)
        widgets = {"primary_color": UnfoldAdminColorInputWidget}


@admin.register(Widget)
class WidgetAdmin(ScopedAdmin):
    """Looks, texts, hours and sites of a widget, and the line to paste."""

    form = WidgetForm
    list_display = ["name", "bot_name", "agent", "position", "is_active", "updated_at"]
    list_filter = ["is_active", ("agent", OwnFilter)]
    search_fields = ["name", "bot_name", "welcome_message"]
    readonly_fields = ["key", "embed_code"]
    ordering = ["name"]
    actions_detail = ["change_key"]
    fieldsets = [
        (None, {"fields": ["name", "is_active", "agent", "embed_code"]}),
        (
            _("Looks"),
            {
                "fields": [
                    ("bot_name", "bot_avatar"),
                    ("primary_color", "position"),
                    "auto_open_delay",
                ]
            },
        ),
        (_("Texts"), {"fields": ["welcome_message", "placeholder_text", "languages"]}),
        (
            _("People"),
            {"fields": ["business_hours", "timezone", "support_timeout", "offline_message"]},
        ),
        (_("Sites"), {"fields": ["allowed_sites", "key"]}),
    ]

    class Media:
        js = ["admin/copy.js"]

    @admin.display(description=_("how to embed it"))
    def embed_code(self, widget: Widget) -> str | SafeString:
        """The template tag and the script line, ready to be copied."""
        if not widget.pk:
            return _("Save the widget first.")
        request = getattr(self, "_request", None)
        path = reverse("embed")
        return render_to_string(
            "organizations/embed_code.html",
            {
                "widget": widget,
                "src": request.build_absolute_uri(path) if request else path,
                "preview": reverse("widget-frame", args=[widget.key]),
            },
        )

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form; the request tells the address in the script line."""
        self._request = request
        return super().get_form(request, *args, **kwargs)

    @action(description=_("Change the key"))
    def change_key(self, request: HttpRequest, object_id: Any) -> Any:
        """Give the widget another public key: every pasted line stops working."""
        widget = self.get_queryset(request).get(pk=object_id)
        widget.key = new_key()
        widget.save(update_fields=["key", "updated_at"])
        self.log_change(request, widget, [{"changed": {"fields": ["key"]}}])
        messages.warning(request, _("The key was changed. Paste the new line into your site."))
        return redirect("admin:organizations_widget_change", object_id)


@admin.register(Agent)
class AgentAdmin(ScopedAdmin):
    """How the assistant answers."""

    list_display = ["name", "model", "fallback_model", "temperature", "updated_at"]
    list_filter = ["model"]
    search_fields = ["name", "instructions", "model"]
    ordering = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "instructions"]}),
        (
            _("Model"),
            {"fields": [("model", "fallback_model"), ("temperature", "max_tokens")]},
        ),
        (
            _("Limits and cost"),
            {
                "fields": [
                    ("reply_delay", "daily_turns_per_visitor"),
                    ("input_price", "output_price"),
                ]
            },
        ),
    ]


class MemberForm(forms.ModelForm):
    """A member with the account behind it; a new one is made with no password."""

    username = forms.CharField(
        label=_("user name"), max_length=150, validators=User.username_validator and [User.username_validator]
    )
    email = forms.EmailField(label=_("e-mail"), required=False)
    is_active = forms.BooleanField(label=_("may sign in"), required=False, initial=True)

    class Meta:
        model = Member
        fields = ["role", "display_name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            user = self.instance.user
            self.initial |= {
                "username": user.username,
                "email": user.email,
                "is_active": user.is_active,
            }

    def clean_username(self) -> str:
        """Refuse a name that somebody else has."""
        name: str = self.cleaned_data["username"]
        others = User.objects.filter(username__iexact=name).exclude(pk=self.instance.user_id)
        if others.exists():
            raise forms.ValidationError(_("This user name is taken."), code="taken")
        return name

    def clean(self) -> dict[str, Any]:
        """Refuse to leave an organization without an owner."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        stays = data.get("role") == Member.Role.OWNER and data.get("is_active")
        if self.instance.pk and self.instance.is_owner and not stays and is_last_owner(self.instance):
            raise forms.ValidationError(
                _("This is the last owner. Make somebody else an owner first."), code="last_owner"
            )
        return data


def is_last_owner(member: Member) -> bool:
    """Whether nobody else could configure the organization."""
    return not (
        Member.objects.of(member.organization)
        .filter(role=Member.Role.OWNER, user__is_active=True)
        .exclude(pk=member.pk)
        .exists()
    )


@admin.register(Member)
class MemberAdmin(ScopedAdmin):
    """Who works here."""

    form = MemberForm
    list_display = ["name", "username", "role", "is_active", "created_at"]
    list_filter = ["role", "user__is_active"]
    search_fields = ["display_name", "user__username", "user__email", "user__first_name"]
    list_select_related = ["user"]
    fields = [("username", "email"), ("role", "display_name"), "is_active"]
    actions_detail = ["sign_in_link"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own colleagues; who sets organizations up sees all members."""
        if self.organization_of(request) is None and request.user.is_superuser:  # type: ignore[union-attr]
            return Member.unscoped.select_related("user", "organization")
        return super().get_queryset(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who sets organizations up chooses the organization too."""
        if self.organization_of(request) is None:
            return ["organization", *self.fields]
        return self.fields

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        """See `get_fields`."""
        return [] if self.organization_of(request) is None else ["organization"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the account behind the member as well."""
        user = obj.user if change else User()
        user.username = form.cleaned_data["username"]
        user.email = form.cleaned_data["email"]
        user.is_active = form.cleaned_data["is_active"]
        if not change:
            user.set_unusable_password()
        user.save()
        obj.user = user
        if self.organization_of(request) is None and request.user.is_superuser:  # type: ignore[union-attr]
            obj.save()
        else:
            super().save_model(request, obj, form, change)
        if not change:
            self._show_link(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody removes the last owner."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and not (obj and obj.is_owner and is_last_owner(obj))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """The account goes with the member."""
        obj.user.delete()

    def get_actions(self, request: HttpRequest) -> Any:
        """No deletion in bulk: the last owner could slip through."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def _show_link(self, request: HttpRequest, member: Member) -> None:
        link = request.build_absolute_uri(signin.path_for(member.user))
        messages.info(
            request,
            _("Pass this one-time sign-in link on to %(name)s: %(link)s")
            % {"name": member.name, "link": link},
        )

    @action(description=_("One-time sign-in link"))
    def sign_in_link(self, request: HttpRequest, object_id: Any) -> Any:
        """Show a fresh link that signs this member in once."""
        member = self.get_queryset(request).get(pk=object_id)
        self._show_link(request, member)
        self.log_change(request, member, "One-time sign-in link shown")
        return redirect("admin:organizations_member_change", object_id)

    @admin.display(description=_("user name"), ordering="user__username")
    def username(self, member: Member) -> str:
        """The account's name."""
        return str(member.user.get_username())

    @admin.display(description=_("may sign in"), boolean=True)
    def is_active(self, member: Member) -> bool:
        """Whether the account is active."""
        return bool(member.user.is_active)


@admin.register(Organization)
class OrganizationAdmin(ModelAdmin):
    """One's own organization; all of them for who sets them up."""

    list_display = ["name", "slug", "created_at"]
    search_fields = ["name", "slug"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own one only."""
        rows: QuerySet[Any] = super().get_queryset(request)
        member = access.member_of(request.user)
        return rows.filter(pk=member.organization_id) if member else rows


@dashboard.contributor
def widgets_step(member: Member, start: dashboard.Start) -> None:
    """Whether a widget is there to be pasted."""
    widgets = Widget.objects.of(member.organization).filter(is_active=True).count()
    start.steps.append(
        dashboard.Step(
            title=_("A widget on your site"),
            detail=_("%(count)s active; paste its line into your pages.") % {"count": widgets},
            is_done=bool(widgets),
            url=reverse("admin:organizations_widget_changelist"),
        )
    )


