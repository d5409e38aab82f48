"""Admin pages of visitors and customers."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from chat import visitor
from chat.admin.links import chat_links
from chat.models import Chat, Customer, MemoryFact, Visitor, validate_phone
from organizations.admin import ReadOnlyAdmin, ScopedAdmin


class CustomerForm(forms.Form):
    """Who a visitor turned out to be."""

    name = forms.CharField(
        label=_("Name"), max_length=120, required=False, widget=UnfoldAdminTextInputWidget
    )
    username = forms.CharField(
        label=_("User name"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget
    )
    email = forms.EmailField(label=_("E-mail"), required=False, widget=UnfoldAdminEmailInputWidget)
    phone = forms.CharField(
        label=_("Phone"),
        max_length=32,
        required=False,
        validators=[validate_phone],
        widget=UnfoldAdminTextInputWidget,
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a customer of whom nothing is known."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not any(data.values()):
            raise ValidationError(_("Fill in at least one field."), code="empty")
        return data


class PersonAdmin(ScopedAdmin):
    """A person's page: who they are, and the way to all that was said."""

    @admin.display(description=_("chats"))
    def chats(self, person: Visitor | Customer) -> SafeString:
        """The ways to the transcripts, the latest first."""
        field = "session__visitor" if isinstance(person, Visitor) else "session__customer"
        found = Chat.objects.of(person.organization).filter(**{field: person})
        return chat_links(found.order_by("-updated_at")[:50])

    @admin.display(description=_("remembered"))
    def remembered(self, person: Visitor | Customer) -> SafeString:
        """What the assistant remembers, each with the way to change or delete it."""
        visitor = person if isinstance(person, Visitor) else None
        facts = MemoryFact.of_person(
            visitor, visitor.customer if visitor else cast(Customer, person)
        )
        rows = [
            (reverse("admin:chat_memoryfact_change", args=[fact.pk]), fact.text) for fact in facts
        ]
        links = format_html_join(mark_safe("<br>"), '<a class="row-link" href="{}">{}</a>', rows)
        return links or SafeString("—")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A person's wish to be forgotten takes the dialogues along, which nobody deletes alone."""
        listed, counts, _denied, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected


@admin.register(Visitor)
class VisitorAdmin(PersonAdmin, ReadOnlyAdmin):
    """Anonymous people."""

    list_display = [
        "__str__",
        "customer",
        "browser",
        "device_type",
        "ip",
        "first_visit",
        "last_visit",
    ]
    list_filter = ["device_type", "browser", "first_visit", "last_visit"]
    search_fields = ["visitor_id", "browser", "user_agent", "customer__email", "customer__name"]
    list_select_related = ["customer"]
    ordering = ["-last_visit"]
    fields = [
        "visitor_id",
        "customer",
        "chats",
        "remembered",
        "ip",
        "device_type",
        "browser",
        "user_agent",
        "first_visit",
        "last_visit",
        "offences",
        "muted_until",
    ]
    actions_detail = ["turn_into_customer"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By role: a person may wish to be forgotten."""
        return ScopedAdmin.has_delete_permission(self, request, obj)

    def has_register_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may turn a visitor into a customer."""
        return request.user.has_perm("chat.change_visitor") and self.is_own(request, obj)

    @action(description=_("Turn into a customer"), permissions=["register"], icon="person_add")
    def turn_into_customer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Register the visitor; the visits move along."""
        person = self.own_row(request, object_id)
        form = CustomerForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                customer = visitor.become_customer(person, **form.cleaned_data)
            except ValidationError as error:
                form.add_error(None, ValidationError(error.messages))
            else:
                self.log_change(request, person, [{"changed": {"fields": ["customer"]}}])
                messages.success(request, _("The visitor is a customer now."))
                return redirect("admin:chat_customer_change", customer.pk)
        return self.ask(
            request,
            person,
            title=_("Turn into a customer"),
            text=_(
                "The visits move along. The e-mail or user name of a customer you already have "
                "joins the visitor to that customer."
            ),
            button=_("Turn into a customer"),
            form=form,
        )


@admin.register(Customer)
class CustomerAdmin(PersonAdmin):
    """Registered people."""

    list_display = ["__str__", "username", "email", "phone", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name", "username", "email", "phone"]
    ordering = ["-created_at"]
    fields = ["name", "username", "email", "phone", "chats", "remembered", "created_at"]
    readonly_fields = ["chats", "remembered", "created_at"]
