"""The admin site: for members of an organization, and for those who set organizations up."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from organizations import access, dashboard


class MemberAuthenticationForm(AdminAuthenticationForm):
    """Lets members in; Django's own form asks for `is_staff`, which says nothing here."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse those who are inactive or belong to no organization."""
        if not user.is_active or not (access.member_of(user) or user.is_superuser):
            raise ValidationError(
                _("This account belongs to no organization. Ask its owner to add you."),
                code="no_organization",
            )


class AssistantAdminSite(UnfoldAdminSite):
    """Everything the owner configures, and the operators' console."""

    login_form = MemberAuthenticationForm
    index_template = "admin/start.html"
    enable_nav_sidebar = False

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
        user: Any = request.user
        return bool(user.is_active and (user.is_superuser or access.member_of(user)))

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The start page: what is set up, and what happened today."""
        member = access.member_of(request.user)
        context = {"start": dashboard.of(member) if member else None, "member": member}
        return super().index(request, {**(extra_context or {}), **context})
