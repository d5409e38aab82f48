"""The admin page of what is remembered of people: to read, to mend, to delete."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from chat.answering import private
from chat.models import MemoryFact
from organizations.admin import ScopedAdmin


class FactForm(forms.ModelForm):  # type: ignore[type-arg]
    """A fact in other words, which may tell of nothing private either."""

    class Meta:
        model = MemoryFact
        fields = ["text"]
        widgets = {"text": UnfoldAdminTextInputWidget}

    def clean_text(self) -> str:
        """Refuse what a model's words would be refused for."""
        text = " ".join(str(self.cleaned_data["text"]).split())
        if private.reason(text):
            raise ValidationError(
                _(
                    "Contacts, numbers, addresses, payments, health, faith and the like are never "
                    "kept here."
                ),
                code="private",
            )
        return text


@admin.register(MemoryFact)
class MemoryFactAdmin(ScopedAdmin):
    """What the assistant remembers of visitors, where its owner wishes it to."""

    form = FactForm
    list_display = ["text", "person", "created_at", "used_at", "expires_at"]
    list_filter = ["created_at", "used_at"]
    search_fields = ["text", "visitor__visitor_id", "customer__name", "customer__email"]
    list_select_related = ["visitor", "customer"]
    ordering = ["-pk"]
    fields = ["text", "person", "said_in", "created_at", "used_at", "expires_at"]
    readonly_fields = ["person", "said_in", "created_at", "used_at", "expires_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only what a visitor has said is remembered."""
        return False

    @admin.display(description=_("visitor"))
    def person(self, fact: MemoryFact) -> SafeString:
        """The way to whom it is of."""
        someone: Any = fact.customer or fact.visitor
        address = reverse(f"admin:chat_{someone._meta.model_name}_change", args=[someone.pk])
        return format_html('<a class="row-link" href="{}">{}</a>', address, someone)

    @admin.display(description=_("said in"))
    def said_in(self, fact: MemoryFact) -> SafeString:
        """The way to the line of the dialogue."""
        if fact.message is None:
            return SafeString("—")
        address = reverse("admin:chat_chat_change", args=[fact.message.chat_id])
        seq = fact.message.seq
        return format_html('<a class="row-link" href="{}#line-{}">№ {}</a>', address, seq, seq)
