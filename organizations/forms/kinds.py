"""The form of a chat type."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from organizations.forms.fields import ByLanguageField, ByLanguageWidget, read_json
from organizations.models import ChatType


class SchemaField(forms.CharField):
    """A JSON schema as text; empty: none."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 18, "spellcheck": "false"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        super().__init__(**{**kwargs, "required": False, "max_length": 40_000})

    def prepare_value(self, value: Any) -> Any:
        """The stored schema, with a field a line; what was typed wrong stays as it was typed."""
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False, indent=2) if value else ""
        return value

    def clean(self, value: Any) -> Any:
        """The schema, or where its text is no JSON."""
        text = super().clean(value)
        if not text:
            return {}
        return read_json(text)


class KindForm(forms.ModelForm):  # type: ignore[type-arg]
    """A chat type, its texts once for each language."""

    names = ByLanguageField(label=_("Name"), widget=ByLanguageWidget(rows=1))
    opening_texts = ByLanguageField(label=_("Text of the opening"), widget=ByLanguageWidget(rows=3))
    result_names = ByLanguageField(
        label=_("Name of the result"),
        widget=ByLanguageWidget(rows=1),
        help_text=_("What comes out of such a chat: a ticket, a plan…"),
    )
    button_texts = ByLanguageField(
        label=_("Text of the button"),
        widget=ByLanguageWidget(rows=1),
        help_text=_("Such as “Make the plan”."),
    )
    schema = SchemaField(
        label=_("Schema of the result"),
        help_text=_(
            "JSON Schema, a part of it: type, title, description, properties, required, items, "
            "enum, and bounds. Of our own: titles and labels (words by language), from (what is "
            "filled without a model), default. Empty: such chats have no result."
        ),
    )

    class Meta:
        model = ChatType
        fields = [
            *("names", "slug", "icon", "is_active", "position"),
            *("opening", "opening_texts", "instructions"),
            *("result_names", "button_texts", "finish_by", "schema"),
        ]
        widgets = {"instructions": UnfoldAdminTextareaWidget(attrs={"rows": 6})}
