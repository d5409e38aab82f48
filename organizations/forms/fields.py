"""Fields for secrets, for what is said in several languages, and for lists of models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from organizations.calls import keeping
from organizations.models import Language
from organizations.models.agents import MOST_FALLBACKS


@dataclass(frozen=True)
class SecretChange:
    """What a form does with a stored secret: nothing, another text, or none any more."""

    text: str = ""
    is_cleared: bool = False

    @property
    def keeps(self) -> bool:
        """Whether what is stored stays."""
        return not self.text and not self.is_cleared


class WriteOnlyTextarea(UnfoldAdminTextareaWidget):
    """Several lines that a page never repeats."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Always empty."""
        context: dict[str, Any] = super().get_context(name, None, attrs)
        return context


class SecretWidget(forms.MultiWidget):
    """An empty field for a new secret, what is known of the stored one, and a box to clear it."""

    template_name = "organizations/secret_widget.html"

    def __init__(self, attrs: dict[str, Any] | None = None, is_long: bool = False) -> None:
        line: forms.Widget = (
            WriteOnlyTextarea(attrs={"rows": 3})
            if is_long
            else UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"})
        )
        super().__init__({"new": line, "clear": UnfoldBooleanWidget()}, attrs)
        # What is stored, in words; empty: nothing is.
        self.stored = ""

    def decompress(self, value: Any) -> list[Any]:
        """Nothing is ever shown."""
        return [None, False]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The field with what is known of the secret."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["stored"] = self.stored
        return context

    def id_for_label(self, id_: str) -> str:
        """The label is that of the field to type into."""
        return f"{id_}_0" if id_ else id_


class SecretField(forms.MultiValueField):
    """A secret that is set and used and never shown; its value is a SecretChange."""

    def __init__(self, is_long: bool = False, **kwargs: Any) -> None:
        fields = [
            forms.CharField(required=False, max_length=4000 if is_long else 500),
            forms.BooleanField(required=False),
        ]
        super().__init__(
            fields,
            require_all_fields=False,
            required=False,
            widget=SecretWidget(is_long=is_long),
            **kwargs,
        )

    def compress(self, values: list[Any]) -> SecretChange:
        """What was typed, or ticked."""
        text, is_cleared = [*values, "", False][:2]
        return SecretChange((text or "").strip(), bool(is_cleared))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether anything was typed or ticked."""
        return any(data or [])


# Deeper than anything that is meant, and far from where a parser gives up.
DEEPEST_JSON = 50


def read_json(text: str) -> Any:
    """The JSON that somebody typed; refuses what it is not, and what cannot be stored.

    Python reads more than JSON is (NaN, half a character), and PostgreSQL keeps less (no NUL).
    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
        kept = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        raise ValidationError(
            _("This is not JSON: see line %(line)s, character %(column)s."),
            code="json",
            params={"line": error.lineno, "column": error.colno},
        ) from None
    except RecursionError:
        raise ValidationError(_("This is nested too deeply."), code="json_deep") from None
    except ValueError:
        # A number without an end, one beyond all bounds, or half a character.
        raise ValidationError(
            _("This holds a number or a character that cannot be stored."), code="json_value"
        ) from None
    if keeping.is_deep(value, DEEPEST_JSON):
        raise ValidationError(_("This is nested too deeply."), code="json_deep")
    if b"\\u0000" in kept or _has_giant(value):
        raise ValidationError(
            _("This holds a number or a character that cannot be stored."), code="json_value"
        )
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _has_giant(value: Any) -> bool:
    """Whether a whole number is too large for the protocols that carry it on."""
    if isinstance(value, dict):
        return any(map(_has_giant, value.values()))
    if isinstance(value, list):
        return any(map(_has_giant, value))
    return isinstance(value, int) and abs(value) >= 2**63


class JSONTextField(forms.JSONField):
    """JSON to be read and written by people: indented, and empty where there is none."""

    def prepare_value(self, value: Any) -> Any:
        """What the page shows; what was typed wrong stays as it was typed."""
        if value is None or isinstance(value, str):
            return value or ""
        return json.dumps(value, ensure_ascii=False, indent=2)

    def to_python(self, value: Any) -> Any:
        """The value, or what is wrong with its text."""
        if self.disabled or value in self.empty_values or not isinstance(value, str):
            return None if value in self.empty_values else value
        return read_json(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed."""
        return initial if self.disabled else data

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another value was typed; what is none has changed."""
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


class ByLanguageWidget(forms.MultiWidget):
    """One text area a language."""

    template_name = "organizations/by_language_widget.html"

    def __init__(self, attrs: dict[str, Any] | None = None, rows: int = 2) -> None:
        areas = {
            language: UnfoldAdminTextareaWidget(attrs={"rows": rows})
            for language in Language.values
        }
        super().__init__(areas, attrs)

    def decompress(self, value: Any) -> list[str]:
        """Texts, or lists as lines, in the order of the languages."""
        stored = value if isinstance(value, dict) else {}
        found = [stored.get(language, "") for language in Language.values]
        return ["\n".join(one) if isinstance(one, list) else one for one in found]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The areas with their languages' names."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        for label, area in zip(Language.labels, context["widget"]["subwidgets"], strict=True):
            area["label"] = label
        return context

    def id_for_label(self, id_: str) -> str:
        """The label names the group; each area has its own."""
        return ""


class ByLanguageField(forms.MultiValueField):
    """`{language: text}`; with `is_list` `{language: [line, …]}`. An empty one is not kept."""

    def __init__(self, is_list: bool = False, **kwargs: Any) -> None:
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        super().__init__(
            [forms.CharField(required=False, max_length=4000) for _language in Language.values],
            require_all_fields=False,
            **{"widget": ByLanguageWidget(rows=4 if is_list else 2), **kwargs, "required": False},
        )
        self.is_list = is_list

    def compress(self, texts: list[str]) -> dict[str, Any]:
        """The areas as they are stored."""
        kept: dict[str, Any] = {}
        for language, text in zip(Language.values, texts or [], strict=False):
            if not self.is_list:
                kept |= {language: text} if text else {}
                continue
            lines = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())
            kept |= {language: list(lines)} if lines else {}
        return kept


class FallbacksWidget(forms.MultiWidget):
    """Rows of a provider and a model, in the order in which they are asked."""

    template_name = "organizations/fallbacks_widget.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        inputs: dict[str, forms.Widget | type[forms.Widget]] = {}
        for number in range(1, MOST_FALLBACKS + 1):
            inputs[f"{number}_provider"] = UnfoldAdminSelectWidget()
            inputs[f"{number}_model"] = UnfoldAdminTextInputWidget(attrs={"maxlength": 120})
        super().__init__(inputs, attrs)

    def offer(self, choices: list[tuple[Any, Any]], models_url: str) -> None:
        """Give the rows their providers, and where the models' names are fetched from."""
        for provider, model in zip(self.widgets[::2], self.widgets[1::2], strict=True):
            provider.choices = choices  # type: ignore[attr-defined]
            model.attrs["data-models-url"] = models_url

    def decompress(self, value: Any) -> list[Any]:
        """The stored list as rows."""
        stored = value if isinstance(value, list) else []
        flat: list[Any] = []
        for entry in stored[:MOST_FALLBACKS]:
            flat += [entry.get("provider") or "", entry.get("model") or ""]
        return [*flat, *[""] * (2 * MOST_FALLBACKS - len(flat))]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The inputs in pairs, each of which says whose it is."""
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            # Django takes any list for what the inputs hold already.
            value = self.decompress(value)
        context: dict[str, Any] = super().get_context(name, value, attrs)
        inputs = context["widget"]["subwidgets"]
        rows = list(zip(inputs[::2], inputs[1::2], strict=True))
        for number, (provider, model) in enumerate(rows, start=1):
            provider["attrs"]["aria-label"] = _("Fallback %(number)s: provider") % {
                "number": number
            }
            model["attrs"]["aria-label"] = _("Fallback %(number)s: model") % {"number": number}
            model["attrs"]["data-provider"] = provider["attrs"].get("id", "")
        context["widget"]["rows"] = rows
        return context

    def id_for_label(self, id_: str) -> str:
        """The label names the group; each input has its own."""
        return ""


class FallbacksField(forms.MultiValueField):
    """`[{"provider": id or None, "model": name}]`; rows without a model are left out."""

    widget: FallbacksWidget

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        fields: list[forms.Field] = []
        for _row in range(MOST_FALLBACKS):
            fields += [
                forms.CharField(required=False, max_length=20),
                forms.CharField(required=False, max_length=120),
            ]
        super().__init__(
            fields,
            require_all_fields=False,
            **{"widget": FallbacksWidget(), **kwargs, "required": False},
        )
        self.offered: set[int] = set()

    def offer(self, choices: list[tuple[Any, Any]], models_url: str) -> None:
        """Say which providers may be chosen."""
        self.offered = {value for value, _label in choices if value}
        self.widget.offer(choices, models_url)

    def compress(self, values: list[str]) -> list[dict[str, Any]]:
        """The rows as they are stored; refuses a provider that was not offered."""
        rows = zip((values or [])[::2], (values or [])[1::2], strict=False)
        kept = []
        for provider, model in rows:
            if provider and not model:
                raise ValidationError(_("Name the model of each fallback."), code="no_model")
            if not model:
                continue
            if provider and (not provider.isdecimal() or int(provider) not in self.offered):
                raise ValidationError(_("Choose one of your own providers."), code="provider")
            entry = {"provider": int(provider) if provider else None, "model": model}
            if entry not in kept:
                kept.append(entry)
        return kept
