"""The form of moderation: lists as lines."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from organizations.forms.widgets import LinesField, SitesField
from organizations.models import Moderation
from organizations.models.moderation import LONGEST_WORDS

NOT_A_WORD = _("Each line needs a word of letters or digits.")
LISTS = ("blocked_words", "masked_words", "topics")


def _lines(name: str) -> LinesField:
    return LinesField(
        longest=LONGEST_WORDS,
        label=_label(name),
        help_text=_column(name).help_text,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
    )


def _column(name: str) -> Any:
    return Moderation._meta.get_field(name)


def _label(name: str) -> Any:
    return capfirst(_column(name).verbose_name)


class ModerationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Each list in a field of lines."""

    blocked_words = _lines("blocked_words")
    masked_words = _lines("masked_words")
    topics = _lines("topics")
    linked_sites = SitesField(
        longest=200,
        label=_label("linked_sites"),
        help_text=_column("linked_sites").help_text,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )

    class Meta:
        model = Moderation
        exclude = ["organization"]

    def clean(self) -> dict[str, Any]:
        """Refuse a word that is nothing but a star: it would mean every word."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        for name in LISTS:
            for word in data.get(name) or []:
                if not any(character.isalnum() for character in word):
                    self.add_error(name, forms.ValidationError(NOT_A_WORD, code="not_a_word"))
                    break
        return data
