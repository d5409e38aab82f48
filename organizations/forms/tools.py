"""Forms of tools and context providers, and of trying them with typed arguments."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from organizations import calling, sealing
from organizations.calls import schemas
from organizations.forms.fields import JSONTextField, SecretChange, SecretField
from organizations.forms.widgets import LinesField
from organizations.models import ContextProvider, Tool
from organizations.models.providers import parse_headers
from organizations.models.tools import TOLD, HTTPCall, origin_of

# These are the product's own to send with a tool's call; a key in any other header is welcome.
OWN_HEADERS = {"idempotency-key"}


EXAMPLE = (
    '{"type": "object", "properties": {"number": {"type": "string", "description": "The order"}}, '
    '"required": ["number"]}'
)


def _json_text(rows: int) -> UnfoldAdminTextareaWidget:
    return UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})


class CallForm(forms.ModelForm):  # type: ignore[type-arg]
    """A described call. Its stored headers are only ever sent to the host they were given for."""

    headers = SecretField(
        is_long=True,
        label=_("Headers"),
        help_text=_("Name: value, one in a line, such as Authorization: Bearer …; kept sealed."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_origin = origin_of(self.instance.url) if self.instance.pk else ""
        widget: Any = self.fields["headers"].widget
        widget.stored = _stored(self.instance)

    def clean_headers(self) -> SecretChange:
        """Refuse what is no header."""
        change: SecretChange = self.cleaned_data["headers"]
        for name, _value in parse_headers(change.text, may_authorize=True):
            if name.lower() in OWN_HEADERS:
                raise ValidationError(
                    _("The header %(name)s is sent by the product itself."),
                    code="our_header",
                    params={"name": name},
                )
        return change

    def _post_clean(self) -> None:
        """After the row has its new address: stored headers do not go along to another host."""
        super()._post_clean()  # type: ignore[misc]
        change = self.cleaned_data.get("headers")
        if not self.stored_origin or self.stored_origin == origin_of(self.instance.url):
            return
        if change and change.keeps and self.instance.sealed_headers:
            self.add_error(
                "headers",
                ValidationError(
                    _("The address has changed, so enter this again, or tick to remove it."),
                    code="another_address",
                ),
            )

    def save(self, commit: bool = True) -> Any:
        """Save the row with its headers sealed."""
        change = self.cleaned_data["headers"]
        if not change.keeps:
            self.instance.headers = change.text
        return super().save(commit)


class ToolForm(CallForm):
    """A tool for agents' models."""

    class Meta:
        model = Tool
        fields = [
            *("name", "label", "description", "parameters", "is_changing", "is_active"),
            *("method", "url", "body", "keep", "max_kept", "timeout"),
        ]
        widgets = {
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "parameters": _json_text(rows=12),
            "body": _json_text(rows=4),
            "keep": _json_text(rows=3),
        }
        field_classes = {"parameters": JSONTextField, "body": JSONTextField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parameters"].help_text = format_html(
            "{} <code>{}</code>",
            _("A JSON schema of an object. Describe each argument for the model. For example:"),
            EXAMPLE,
        )

    def _post_clean(self) -> None:
        if "parameters" in self.errors:
            # What was typed is no JSON: nothing else is to be compared with what was there before.
            self.instance.parameters = None
        super()._post_clean()


class ContextProviderForm(CallForm):
    """Facts that are asked for before an answer."""

    words = LinesField(
        label=_("When the question has"),
        required=False,
        help_text=ContextProvider._meta.get_field("words").help_text,
    )

    class Meta:
        model = ContextProvider
        fields = [
            *("name", "agent", "words", "is_active"),
            *("method", "url", "body", "keep", "max_kept", "cache_seconds", "timeout"),
        ]
        widgets = {
            "body": _json_text(rows=4),
            "keep": _json_text(rows=3),
        }
        field_classes = {"body": JSONTextField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].help_text = _(
            "What is known may stand in the path and after = in the query: %(names)s, and "
            "{page_…} with the name of a fact that the page tells."
        ) % {"names": ", ".join(f"{{{name}}}" for name in TOLD)}
        self.fields["body"].help_text = _('JSON such as {"text": "{question}"}, for POST.')


class TryForm(forms.Form):
    """The arguments of one call, a field each."""

    def __init__(self, described: HTTPCall, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schema = schema_of(described)
        needed = schemas.required(self.schema)
        # What must be given comes first; PostgreSQL keeps no order of its own.
        found = schemas.properties(self.schema).items()
        for name, schema in sorted(found, key=lambda one: one[0] not in needed):
            self.fields[f"argument_{name}"] = _field(name, schema, name in needed)

    def arguments(self) -> dict[str, Any]:
        """What was typed, as the types of the schema; what is empty is not given."""
        typed = {name.removeprefix("argument_"): v for name, v in self.cleaned_data.items()}
        return {name: value for name, value in typed.items() if value not in (None, "")}

    def clean(self) -> None:
        """Refuse what the schema refuses, in its own words."""
        super().clean()
        if self.errors:
            return
        problems = schemas.problems(self.schema, self.arguments())
        if problems:
            words = calling.sentence("invalid")
            raise ValidationError([words, *problems], code="invalid")


def schema_of(described: HTTPCall) -> dict[str, Any]:
    """What a call is given; a context provider's arguments are all texts."""
    if isinstance(described, Tool):
        schema: dict[str, Any] = described.parameters
        return schema
    names = sorted(described.placeholders)
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def _field(name: str, schema: Any, is_needed: bool) -> forms.Field:
    schema = schema if isinstance(schema, dict) else {}
    kinds = schema.get("type")
    kind = next((one for one in kinds if one != "null"), "") if isinstance(kinds, list) else kinds
    common: dict[str, Any] = {
        "label": name,
        "required": is_needed,
        "help_text": str(schema.get("description", ""))[:300],
    }
    choices = schema.get("enum")
    if kind == "boolean":
        choices = [True, False]
    if isinstance(choices, list):
        texts = [json.dumps(one, ensure_ascii=False) for one in choices]
        return forms.TypedChoiceField(
            choices=[("", "—"), *((text, text) for text in texts)],
            coerce=json.loads,
            empty_value=None,
            widget=UnfoldAdminSelectWidget,
            **common,
        )
    if kind == "integer":
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget, **common)
    if kind == "number":
        return forms.FloatField(widget=UnfoldAdminDecimalFieldWidget, **common)
    if kind == "string":
        return forms.CharField(max_length=4000, widget=UnfoldAdminTextInputWidget, **common)
    return JSONTextField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **common)


def _stored(described: HTTPCall) -> str:
    """What may be known of the stored headers: their names."""
    if not described.sealed_headers:
        return ""
    try:
        pairs = parse_headers(described.headers, may_authorize=True)
    except sealing.Unreadable:
        return calling.sentence("key_unreadable")
    return _("Set: %(names)s.") % {"names": ", ".join(name for name, _value in pairs)}
