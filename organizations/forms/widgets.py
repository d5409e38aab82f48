"""The form of a widget, with fields for what the row keeps as JSON and arrays."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminColorInputWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from organizations.hours import DAYS, validate_hours
from organizations.models import TEXTS, Language, Widget

DAY_NAMES = {
    "mon": _("Monday"),
    "tue": _("Tuesday"),
    "wed": _("Wednesday"),
    "thu": _("Thursday"),
    "fri": _("Friday"),
    "sat": _("Saturday"),
    "sun": _("Sunday"),
}
_SPAN = re.compile(r"^\s*(\d{1,2}):(\d\d)\s*[-–—]\s*(\d{1,2}):(\d\d)\s*$")


class HoursWidget(forms.MultiWidget):
    """Seven lines, one a day: `09:00-13:00, 14:00-18:00`."""

    template_name = "organizations/hours_widget.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        lines = {
            day: UnfoldAdminTextInputWidget(
                attrs={"placeholder": "09:00-18:00", "aria-label": DAY_NAMES[day]}
            )
            for day in DAYS
        }
        super().__init__(lines, attrs)

    def decompress(self, value: Any) -> list[str]:
        """The stored hours as seven lines."""
        hours = value if isinstance(value, dict) else {}
        return [", ".join(f"{start}-{end}" for start, end in hours.get(day, [])) for day in DAYS]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The lines with their days' names."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        for day, line in zip(DAYS, context["widget"]["subwidgets"], strict=True):
            line["day"] = DAY_NAMES[day]
        return context


class HoursField(forms.MultiValueField):
    """Business hours; all lines empty means always open."""

    widget = HoursWidget

    def __init__(self, **kwargs: Any) -> None:
        fields = [forms.CharField(required=False, max_length=100) for _day in DAYS]
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        super().__init__(fields, require_all_fields=False, **{**kwargs, "required": False})

    def compress(self, lines: list[str]) -> dict[str, list[list[str]]]:
        """Seven lines as the stored hours."""
        hours = {day: _spans(day, line) for day, line in zip(DAYS, lines or [], strict=False)}
        if not any(hours.values()):
            return {}
        validate_hours(hours)
        return hours


def _spans(day: str, line: str | None) -> list[list[str]]:
    spans = []
    for part in (line or "").split(","):
        if not part.strip():
            continue
        match = _SPAN.match(part)
        if match is None:
            raise ValidationError(
                _("%(day)s: write hours as 09:00-18:00, several with commas."),
                code="hours",
                params={"day": DAY_NAMES[day]},
            )
        spans.append([f"{int(match[1]):02}:{match[2]}", f"{int(match[3]):02}:{match[4]}"])
    return spans


TEXT_NAMES = {
    "bot_name": _("Assistant's name"),
    "welcome_message": _("Welcome message"),
    "placeholder_text": _("Hint in the empty field"),
    "offline_message": _("Offline message"),
}
# Every text in every language, in the order of the inputs.
TRANSLATED = [(language, name) for language in Language.values for name in TEXTS]


class TranslationsWidget(forms.MultiWidget):
    """The widget's texts once more for each language."""

    template_name = "organizations/translations_widget.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        inputs: dict[str, forms.Widget | type[forms.Widget]] = {}
        for language, name in TRANSLATED:
            if TEXTS[name] > 100:
                inputs[f"{language}_{name}"] = UnfoldAdminTextareaWidget(attrs={"rows": 2})
            else:
                inputs[f"{language}_{name}"] = UnfoldAdminTextInputWidget()
        super().__init__(inputs, attrs)

    def decompress(self, value: Any) -> list[str]:
        """The stored texts in the order of the inputs."""
        stored = value if isinstance(value, dict) else {}
        return [stored.get(language, {}).get(name, "") for language, name in TRANSLATED]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The inputs, by language."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        lines: dict[str, list[Any]] = {}
        inputs = context["widget"]["subwidgets"]
        for (language, text), line in zip(TRANSLATED, inputs, strict=True):
            line["label"] = TEXT_NAMES[text]
            lines.setdefault(language, []).append(line)
        context["widget"]["groups"] = [
            {
                "language": Language(language).label,
                "lines": own,
                "has_texts": any(line["value"] for line in own),
            }
            for language, own in lines.items()
        ]
        return context


class TranslationsField(forms.MultiValueField):
    """Texts by language; an empty one is not kept."""

    widget = TranslationsWidget

    def __init__(self, **kwargs: Any) -> None:
        fields = [
            forms.CharField(required=False, max_length=TEXTS[name])
            for _language, name in TRANSLATED
        ]
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        super().__init__(fields, require_all_fields=False, **{**kwargs, "required": False})

    def compress(self, lines: list[str]) -> dict[str, dict[str, str]]:
        """The inputs as they are stored."""
        stored: dict[str, dict[str, str]] = {}
        for (language, name), text in zip(TRANSLATED, lines or [], strict=False):
            if text:
                stored.setdefault(language, {})[name] = text
        return stored


class LinesField(forms.CharField):
    """A list of short texts, one in a line; empty lines and repeats are dropped."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, *, longest: int | None = None, **kwargs: Any) -> None:
        self.longest = longest
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """The list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        """The lines as a list."""
        lines = [self.clean_line(line) for line in str(value or "").splitlines()]
        return list(dict.fromkeys(line for line in lines if line))

    def clean_line(self, line: str) -> str:
        """A line without the spaces around it."""
        return line.strip()

    def validate(self, value: Any) -> None:
        """Name the line that is too long; the rest is checked by the model's own validators."""
        super().validate(value)
        for line in value:
            if self.longest and len(line) > self.longest:
                raise ValidationError(
                    _("Longer than %(longest)s characters: “%(line)s…”"),
                    code="line_too_long",
                    params={"longest": self.longest, "line": line[:40]},
                )

    def run_validators(self, value: Any) -> None:
        """Each line as a text by itself: a list hides what a text may not hold, a NUL above all."""
        for line in value:
            super().run_validators(line)


class SitesField(LinesField):
    """Addresses of sites, one in a line."""

    def clean_line(self, line: str) -> str:
        """A site without a slash at its end."""
        return line.strip().rstrip("/")


def _timezones() -> list[tuple[str, str]]:
    """The zones named after a place, and UTC."""
    places = sorted(zone for zone in available_timezones() if "/" in zone)
    return [(zone, zone.replace("_", " ")) for zone in ["UTC", *places]]


class WidgetForm(forms.ModelForm):  # type: ignore[type-arg]
    """The widget's settings in fields that people can fill in."""

    business_hours = HoursField(
        label=_("Business hours"),
        help_text=_(
            "When people answer, such as 09:00-13:00, 14:00-18:00. A line left empty: closed that "
            "day. All lines empty: always open."
        ),
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"), choices=_timezones, widget=UnfoldAdminSelect2Widget
    )
    allowed_sites = SitesField(
        label=_("Allowed sites"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=Widget._meta.get_field("allowed_sites").help_text,
    )
    translations = TranslationsField(
        label=_("Texts by language"),
        help_text=_("For visitors of that language. Empty: the text above."),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=Language.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    main_language = forms.ChoiceField(
        label=_("Main language"),
        choices=Language.choices,
        widget=UnfoldAdminSelectWidget,
        help_text=_("For visitors whose own language the widget does not speak."),
    )

    class Meta:
        model = Widget
        exclude = ["organization", "key"]
        widgets = {
            "primary_color": UnfoldAdminColorInputWidget,
            "kinds": UnfoldAdminCheckboxSelectMultipleWidget,
            "welcome_message": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "offline_message": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.languages:
            self.initial["main_language"] = self.instance.languages[0]

    def clean(self) -> dict[str, Any]:
        """Put the main language first, which is how the row knows it."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        chosen = data.get("default_kind")
        if chosen is not None and chosen not in (data.get("kinds") or ()):
            self.add_error("default_kind", _("Choose one of the types offered."))
        spoken, main = data.get("languages"), data.get("main_language")
        if spoken and main:
            if main not in spoken:
                self.add_error("main_language", _("Choose one of the languages above."))
            data["languages"] = [main, *(language for language in spoken if language != main)]
        return data
