"""The languages that the product speaks with visitors."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


class Language(models.TextChoices):
    RUSSIAN = "ru", _("Russian")
    ENGLISH = "en", _("English")


def default_languages() -> list[str]:
    """What a new widget speaks."""
    return list(Language.values)


def validate_languages(value: list[str]) -> None:
    """Accept a list of languages without repeats, at least one."""
    if not value or len(set(value)) != len(value) or set(value) - set(Language.values):
        raise ValidationError(_("Choose at least one language, each once."), code="languages")
