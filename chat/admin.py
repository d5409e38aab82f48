"""Admin pages of what was said: transcripts to read, people, and open requests."""

from __future__ import annotations

from typing import Any

import ai
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Avg, Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from chat import snapshots, visitor
from chat.models import (
    Chat,
    ContactRequest,
    Customer,
    Handoff,
    Message,
    Note,
    Session,
    Turn,
    Visitor,
)
from organizations import access, dashboard
from organizations.admin import OwnFilter, ReadOnlyAdmin, ScopedAdmin
from organizations.models import Member


@admin.register(Chat)
class ChatAdmin(ReadOnlyAdmin):
    """Transcripts with the receipt of every answer."""

    list_display = ["title", "person", "widget", "mode", "operator", "seq", "rating", "updated_at"]
    list_filter = [
        "mode",
        "type",
        ("session__widget", OwnFilter),
        ("operator", OwnFilter),
        "session__satisfaction_rating",
        "updated_at",
    ]
    search_fields = [
        "name",
        "chat_id",
        "session__title",
        "messages__content",
        "session__customer__email",
        "session__customer__name",
    ]
    ordering = ["-updated_at"]
    list_select_related = [
        "session__widget",
        "session__visitor",
        "session__customer",
        "operator__user",
    ]
    fields = [
        ("mode", "operator", "type"),
        ("epoch", "seq", "chat_id"),
        ("created_at", "updated_at", "closed_at"),
        "ai_context",
        "transcript",
        "receipts",
    ]
    readonly_fields = ["transcript", "receipts", "chat_id", "created_at", "updated_at"]

    @admin.display(description=_("title"), ordering="session__title")
    def title(self, chat: Chat) -> str:
        """The first words, or the chat's own name."""
        return chat.name or chat.session.title or str(chat)

    @admin.display(description=_("visitor"))
    def person(self, chat: Chat) -> str:
        """The customer, or the anonymous visitor."""
        return str(chat.session.customer or chat.session.visitor)

    @admin.display(description=_("widget"), ordering="session__widget__name")
    def widget(self, chat: Chat) -> str:
        """The widget it came through."""
        return chat.session.widget.name

    @admin.display(description=_("rating"), ordering="session__satisfaction_rating")
    def rating(self, chat: Chat) -> str:
        """The visit's rating in stars."""
        rating = chat.session.satisfaction_rating
        return f"{'★' * rating}{'☆' * (5 - rating)}" if rating else "—"

    @admin.display(description=_("transcript"))
    def transcript(self, chat: Chat) -> SafeString:
        """The dialogue with its notes where they were written."""
        lines = (
            Message.objects.of(chat.organization).filter(chat=chat).select_related("author__user")
        )
        notes = Note.objects.of(chat.organization).filter(chat=chat).select_related("author__user")
        rows: list[tuple[int, int, Any]] = [
            (line.seq, 0, {"line": line, "body": snapshots.message_body(line, chat.session.widget)})
            for line in lines
        ]
        rows += [(note.after_seq, note.pk, {"note": note}) for note in notes]
        entries = [
            entry | {"html": mark_safe(entry["body"].html) if "body" in entry else ""}  # noqa: S308  (sanitised by chat.markdown)
            for _seq, _order, entry in sorted(rows, key=lambda row: row[:2])
        ]
        return render_to_string("chat/transcript.html", {"entries": entries})

    @admin.display(description=_("receipts of the answers"))
    def receipts(self, chat: Chat) -> SafeString:
        """What each answer rested on, took and cost."""
        turns = Turn.objects.of(chat.organization).filter(chat=chat).order_by("pk")
        return render_to_string("chat/receipts.html", {"turns": turns})

    def get_search_results(self, request: HttpRequest, rows: Any, term: str) -> Any:
        """The search joins messages, so a chat could come twice."""
        found, _may_repeat = super().get_search_results(request, rows, term)
        return found, True


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Visits."""

    list_display = ["__str__", "widget", "language", "is_active", "satisfaction_rating", "created_at"]
    list_filter = ["is_active", "language", ("widget", OwnFilter), "satisfaction_rating", "created_at"]
    search_fields = ["title", "page_url", "customer__email", "session_uuid"]
    list_select_related = ["widget"]
    ordering = ["-created_at"]
    fields = [
        "session_uuid",
        ("visitor", "customer", "widget"),
        "title",
        ("page_url", "page_title"),
        "page_context",
        ("language", "is_active"),
        ("created_at", "updated_at", "ended_at"),
        ("satisfaction_rating", "rating_comment"),
    ]
    readonly_fields = ["session_uuid", "created_at", "updated_at"]


class CustomerForm(forms.Form):
    """Who a visitor turned out to be."""

    name = forms.CharField(
        label=_("name"), max_length=120, required=False, widget=UnfoldAdminTextInputWidget
    )
    username = forms.CharField(
        label=_("user name"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget
    )
    email = forms.EmailField(label=_("e-mail"), required=False, widget=UnfoldAdminEmailInputWidget)
    phone = forms.CharField(
        label=_("phone"), max_length=32, required=False, widget=UnfoldAdminTextInputWidget
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a customer of whom nothing is known."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not any(data.values()):
            raise ValidationError(_("Fill in at least one field."), code="empty")
        return data


@admin.register(Visitor)
class VisitorAdmin(ReadOnlyAdmin):
    """Anonymous people."""

    list_display = ["__str__", "customer", "browser", "device_type", "ip", "first_visit", "last_visit"]
    list_filter = ["device_type", "first_visit", "last_visit"]
    search_fields = ["visitor_id", "browser", "user_agent", "customer__email", "customer__name"]
    list_select_related = ["customer"]
    ordering = ["-last_visit"]
    fields = [
        "visitor_id",
        "customer",
        ("ip", "device_type", "browser"),
        "user_agent",
        ("first_visit", "last_visit"),
    ]
    readonly_fields = ["visitor_id", "first_visit"]
    actions_detail = ["turn_into_customer"]

    @action(description=_("Turn into a customer"))
    def turn_into_customer(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Register the visitor; the sessions move along."""
        person = self.get_queryset(request).filter(pk=object_id).first()
        if person is None or not request.user.has_perm("chat.change_visitor"):
            return HttpResponse(status=404)
        form = CustomerForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                customer = visitor.become_customer(person, **form.cleaned_data)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, _("The visitor is a customer now."))
                return redirect("admin:chat_customer_change", customer.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Turn into a customer"),
            "form": form,
            "person": person,
            "opts": self.model._meta,
        }
        return render(request, "chat/turn_into_customer.html", context)


@admin.register(Customer)
class CustomerAdmin(ScopedAdmin):
    """Registered people."""

    list_display = ["__str__", "username", "email", "phone", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name", "username", "email", "phone"]
    ordering = ["-created_at"]
    fields = [("name", "username"), ("email", "phone")]


@admin.register(Turn)
class TurnAdmin(ReadOnlyAdmin):
    """Receipts of answers."""

    list_display = ["pk", "chat", "status", "model", "prompt_tokens", "completion_tokens", "cost", "created_at"]
    list_filter = ["status", "model", "created_at"]
    search_fields = ["chat__chat_id", "model", "error"]
    list_select_related = ["chat"]
    ordering = ["-pk"]


@admin.register(Handoff)
class HandoffAdmin(ReadOnlyAdmin):
    """Requests for a person."""

    list_display = ["pk", "chat", "reason", "operator", "requested_at", "accepted_at", "outcome"]
    list_filter = ["reason", "outcome", ("operator", OwnFilter), "requested_at"]
    search_fields = ["chat__chat_id", "chat__session__title"]
    list_select_related = ["chat", "operator__user"]
    ordering = ["-requested_at"]


@admin.register(ContactRequest)
class ContactRequestAdmin(ScopedAdmin):
    """Messages left while nobody was there."""

    list_display = ["name", "email", "short_text", "created_at", "handled_at", "handled_by"]
    list_filter = [("handled_at", admin.EmptyFieldListFilter), "created_at"]
    search_fields = ["name", "email", "text"]
    list_select_related = ["handled_by__user"]
    ordering = ["-created_at"]
    fields = ["name", "email", "text", "chat", "created_at", "handled_at", "handled_by"]
    readonly_fields = fields
    actions = ["mark_handled"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Visitors write them."""
        return False

    @admin.display(description=_("text"))
    def short_text(self, contact: ContactRequest) -> str:
        """The beginning of the text."""
        return contact.text if len(contact.text) <= 80 else f"{contact.text[:79]}…"

    @admin.action(description=_("Mark as done"), permissions=["change"])
    def mark_handled(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """The chosen requests were answered."""
        member = access.member_of(request.user)
        rows.filter(handled_at=None).update(handled_at=timezone.now(), handled_by=member)


@dashboard.contributor
def todays_figures(member: Member, start: dashboard.Start) -> None:
    """What happened since midnight, and what is open now; and which model answers."""
    organization = member.organization
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    chats = Chat.objects.of(organization)
    today = chats.filter(created_at__gte=midnight)
    alone = today.filter(seq__gt=0).exclude(handoffs__isnull=False).count()
    waiting = chats.filter(mode="waiting").count()
    rating = (
        Session.objects.of(organization)
        .filter(satisfaction_rating__isnull=False)
        .aggregate(mean=Avg("satisfaction_rating"), count=Count("pk", filter=Q(pk__gt=0)))
    )
    contacts = ContactRequest.objects.of(organization).filter(handled_at=None).count()
    chat_list = reverse("admin:chat_chat_changelist")
    start.figures += [
        dashboard.Figure(_("chats"), str(today.count()), chat_list),
        dashboard.Figure(_("without a person"), str(alone)),
        dashboard.Figure(_("waiting now"), str(waiting), reverse("admin:console")),
        dashboard.Figure(
            _("messages left"), str(contacts), reverse("admin:chat_contactrequest_changelist")
        ),
        dashboard.Figure(
            _("mean rating of all visits"), f"{rating['mean']:.1f}" if rating["mean"] else "—"
        ),
    ]
    start.steps.append(
        dashboard.Step(
            title=_("A model that answers"),
            detail=(
                _("A model is connected.")
                if ai.has_model()
                else _("Knowledge alone answers. Set OPENAI_API_KEY to add a model.")
            ),
            is_done=ai.has_model(),
            url=reverse("admin:organizations_agent_changelist"),
        )
    )
