"""Form fields for what the rows keep as JSON and arrays: hours a day in a line, sites a line each."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from organizations.hours import DAYS, validate_hours

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
        return [
            ", ".join(f"{start}-{end}" for start, end in hours.get(day, [])) for day in DAYS
        ]

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

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the lines say something else than the stored hours."""
        return bool(super().has_changed(initial, data))


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


class LinesField(forms.CharField):
    """A list of short texts, one in a line."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """The list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        """The lines as a list, without empty ones and repeats, and without a slash at the end."""
        lines = [line.strip().rstrip("/") for line in str(value or "").splitlines()]
        return list(dict.fromkeys(line for line in lines if line))

    def validate(self, value: Any) -> None:
        """Each entry is checked by the model's own validators."""

    def run_validators(self, value: Any) -> None:
        """Each entry is checked by the model's own validators."""
