"""The admin site: for members of an organization, and for those who set organizations up."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil
from typing import Any

from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminPasswordWidget

from organizations import access, attempts, dashboard


class MemberAuthenticationForm(AuthenticationForm):
    """Lets members in; Django's own form asks for `is_staff`, which says nothing here."""

    # Seconds to wait, where too many passwords were tried.
    wait = 0

    def clean(self) -> dict[str, Any]:
        """Look at the password, unless too many were tried already."""
        username = self.cleaned_data.get("username") or ""
        try:
            attempt = attempts.begin(self.request, username)
        except attempts.TooMany as refusal:
            self.wait = refusal.seconds
            raise ValidationError(
                _(
                    "Too many attempts to sign in. Wait %(minutes)d min and try again, or ask for "
                    "a one-time link."
                ),
                code="too_many_attempts",
                params={"minutes": ceil(self.wait / 60)},
            ) from None
        cleaned: dict[str, Any] = super().clean()
        if self.get_user():
            attempt.succeeded()
        return cleaned

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse those who are inactive or belong to no organization."""
        if not is_welcome(user):
            raise ValidationError(
                _("This account belongs to no organization. Ask its owner to add you."),
                code="no_organization",
            )


class FirstPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """Sets a password where there was none: there is no old one to ask for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})


def is_welcome(user: Any) -> bool:
    """Whether the admin opens for a user: a member, or a superuser, who sets organizations up."""
    return bool(user.is_active and (user.is_superuser or access.member_of(user)))


class AssistantAdminSite(UnfoldAdminSite):
    """Everything the owner configures, and the operators' console."""

    login_form = MemberAuthenticationForm
    index_template = "admin/start.html"
    index_title = _("Overview")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pages: list[URLPattern] = []

    def add_page(self, page: URLPattern) -> None:
        """Give an app a page of its own in the admin; called from its `admin` module."""
        self._pages.append(page)

    def get_urls(self) -> list[Any]:
        """The apps' own pages, then the models' pages."""
        return [*self._pages, *super().get_urls()]

    def has_permission(self, request: HttpRequest) -> bool:
        """Members, and superusers who set organizations up."""
        return is_welcome(request.user)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """The sign-in form, which says when too many passwords were tried."""
        response: HttpResponseBase = super().login(request, extra_context)
        if request.method == "POST" and request.user.is_authenticated:
            attempts.know_browser(response, request.user.get_username())
        elif isinstance(response, TemplateResponse):
            form = (response.context_data or {}).get("form")
            if isinstance(form, MemberAuthenticationForm) and form.wait:
                response.status_code = HTTPStatus.TOO_MANY_REQUESTS
                response["Retry-After"] = str(form.wait)
        return response

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The start page: what is set up, and what happened today."""
        member = access.member_of(request.user)
        context: dict[str, Any] = {
            "start": dashboard.of(member) if member else None,
            "member": member,
        }
        if member is None and request.user.is_superuser:
            context["to_begin"] = dashboard.to_begin()
        page: TemplateResponse = super().index(request, {**(extra_context or {}), **context})
        return page

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Change one's password, or set the first one, after a sign-in by a link."""
        user: Any = request.user
        if user.has_usable_password():
            changed: HttpResponseBase = super().password_change(request, extra_context)
            return changed
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=FirstPasswordForm,
            success_url=reverse(f"{self.name}:password_change_done"),
            extra_context={
                **self.each_context(request),
                **(extra_context or {}),
                "title": _("Set a password"),
            },
        )
        return view(request)
