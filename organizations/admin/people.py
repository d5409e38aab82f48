"""Admin pages of organizations, their members, and the accounts behind them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from organizations import access, budgets, dashboard, signin
from organizations.admin.scoped import CarefulAdmin, ScopedAdmin
from organizations.forms import MemberForm
from organizations.models import Member, Organization, User

# What a person may do is said by their role alone.
admin.site.unregister(Group)


@admin.register(Organization)
class OrganizationAdmin(CarefulAdmin):
    """One's own organization; all of them for who sets them up."""

    list_display = ["name", "slug", "created_at"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "currency"]}),
        (
            _("Limits of the models"),
            {
                "fields": [
                    *("daily_tokens", "daily_cost", "monthly_tokens", "monthly_cost", "used"),
                ]
            },
        ),
    ]

    @admin.display(description=_("used of it"))
    def used(self, organization: Organization) -> SafeString:
        """What is used of the limits."""
        return budgets.table(budgets.of_organization(organization), organization.currency)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own one only."""
        rows: QuerySet[Any] = super().get_queryset(request)
        member = access.member_of(request.user)
        return rows.filter(pk=member.organization_id) if member else rows

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Templates and settings name an organization by its short name, so that stays."""
        return ["slug", "used"] if access.member_of(request.user) else ["used"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nobody knows at what rate money was spent, so another currency converts nothing."""
        super().save_model(request, obj, form, change)
        if change and "currency" in form.changed_data:
            text = _(
                "Nothing was converted: prices, limits and what was spent so far keep their "
                "numbers and are shown in %(currency)s now. Enter the prices and limits anew."
            )
            messages.warning(request, text % {"currency": obj.currency})


@admin.register(Member)
class MemberAdmin(ScopedAdmin):
    """Who works here. Nobody is deleted, as transcripts name them: who leaves may not sign in."""

    form = MemberForm
    list_display = ["name", "username", "email", "role", "is_active", "last_login"]
    list_filter = ["role", "user__is_active"]
    search_fields = ["display_name", "user__username", "user__email", "user__first_name"]
    list_select_related = ["user"]
    ordering = ["user__username"]
    fields = ["username", "email", "role", "display_name", "is_active"]
    actions_detail = ["sign_in_link"]

    def _sees_all(self, request: HttpRequest) -> bool:
        """Whether this is who sets organizations up, and belongs to none."""
        user: Any = request.user
        return self.organization_of(request) is None and user.is_superuser

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own colleagues; who sets organizations up sees all members."""
        if self._sees_all(request):
            return Member.unscoped.select_related("user", "organization").order_by(*self.ordering)
        return super().get_queryset(request)

    def is_own(self, request: HttpRequest, row: Any) -> bool:
        """See `get_queryset`."""
        return self._sees_all(request) or super().is_own(request, row)

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """With the organization where there are several."""
        columns = list(super().get_list_display(request))
        return [*columns, "organization"] if self._sees_all(request) else columns

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Who sets organizations up chooses the organization too."""
        return ["organization", *self.fields] if self._sees_all(request) else self.fields

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        """See `get_fields`."""
        return [] if self._sees_all(request) else super().get_exclude(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Nobody moves to another organization, as what they wrote stays in the first."""
        return ["organization"] if obj and self._sees_all(request) else []

    def formfield_for_foreignkey(
        self, field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """See `get_fields`."""
        if field.name == "organization" and self._sees_all(request):
            kwargs["queryset"] = Organization.objects.order_by("name")
            kwargs["label"] = _("Organization")
        return super().formfield_for_foreignkey(field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the account behind the member first, and show a new one's sign-in link."""
        obj.user = form.save_user()
        if self._sees_all(request):
            self.store(request, obj, form, change)
        else:
            super().save_model(request, obj, form, change)
        if not change:
            self._show_link(request, obj)

    def _show_link(self, request: HttpRequest, member: Member) -> None:
        line = format_html(
            '{} <span class="embed-line"><code>{}</code>'
            '<button type="button" data-copy="{}">{}</button></span>',
            _("Pass this one-time sign-in link on to %(name)s:") % {"name": member.name},
            request.build_absolute_uri(signin.path_for(member.user)),
            _("Copied"),
            _("Copy"),
        )
        messages.info(request, line)

    @action(description=_("Sign-in link"), permissions=["change"], icon="link")
    def sign_in_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a fresh link that signs this member in once."""
        member = self.own_row(request, object_id)
        if request.method != "POST":
            return self.ask(
                request,
                member,
                title=_("One-time sign-in link"),
                text=_("Whoever opens the link signs in as %(name)s, once, within a day.")
                % {"name": member.name},
                button=_("Make the link"),
            )
        if member.user.is_active:
            self._show_link(request, member)
            self.log_change(request, member, "One-time sign-in link")
        else:
            messages.error(request, _("This member may not sign in."))
        return redirect("admin:organizations_member_change", member.pk)

    @admin.display(description=_("user name"), ordering="user__username")
    def username(self, member: Member) -> str:
        """The account's name."""
        return member.user.get_username()

    @admin.display(description=_("e-mail"), ordering="user__email")
    def email(self, member: Member) -> str:
        """The account's e-mail."""
        return member.user.email

    @admin.display(description=_("may sign in"), boolean=True, ordering="user__is_active")
    def is_active(self, member: Member) -> bool:
        """Whether the account is active."""
        return member.user.is_active

    @admin.display(description=_("last sign-in"), ordering="user__last_login")
    def last_login(self, member: Member) -> Any:
        """When they last signed in."""
        return member.user.last_login


@admin.register(User)
class UserAdmin(DjangoUserAdmin, CarefulAdmin):  # type: ignore[type-arg]
    """Accounts, for who sets organizations up."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    ordering = ["username"]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Access"), {"fields": ["is_active", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]


@dashboard.contributor
def password_step(member: Member, start: dashboard.Start) -> None:
    """Whether the person who looks can come back without a link."""
    has_password = member.user.has_usable_password()
    start.steps.append(
        dashboard.Step(
            title=_("Your password"),
            detail=(
                _("You can sign in with your password.")
                if has_password
                else _("You came by a one-time link. Set a password to come back.")
            ),
            is_done=has_password,
            url=reverse("admin:password_change"),
        )
    )
