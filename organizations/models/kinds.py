"""Types of chats: how one begins, what the assistant is told in it, and what comes out of it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from organizations import schemas
from organizations.models.languages import Language
from organizations.models.ordered import OrderedJSONField
from organizations.scoping import OrganizationOwned

LONGEST_NAME = 60
LONGEST_OPENING = 2000


def validate_names(value: Any) -> None:
    """Accept `{language: text}` of short texts."""
    _check_texts(value, LONGEST_NAME)


def validate_opening(value: Any) -> None:
    """Accept `{language: text}`."""
    _check_texts(value, LONGEST_OPENING)


def _check_texts(value: Any, longest: int) -> None:
    is_right = isinstance(value, dict) and all(
        language in Language.values and isinstance(text, str) for language, text in value.items()
    )
    if not is_right:
        raise ValidationError(_("Check the texts by language."), code="texts")
    if any(len(text) > longest for text in value.values()):
        raise ValidationError(
            _("At most %(longest)s characters in a language."),
            code="long_text",
            params={"longest": longest},
        )


def validate_schema(value: Any) -> None:
    """Accept nothing (such chats have no result), or a schema as `organizations.schemas` says."""
    if value != {}:
        schemas.check(value)


def by_language(texts: dict[str, str], language: str) -> str:
    """The text in a language, else in any that it was given in."""
    return texts.get(language) or next((text for text in texts.values() if text), "")


class ChatType(OrganizationOwned):
    """A type of chats that widgets may offer. Visitors know it by `slug`."""

    class Icon(models.TextChoices):
        CHAT = "spark", _("Spark")
        TICKET = "ticket", _("Ticket")
        CART = "cart", _("Cart")
        PLAN = "plan", _("Plan")
        BOOK = "book", _("Book")
        PERSON = "person", _("Person")

    class Opening(models.TextChoices):
        NONE = "none", _("Nothing is said first")
        TEXT = "text", _("This text")
        MODEL = "model", _("The model writes it; this text where it cannot")

    class FinishBy(models.TextChoices):
        VISITOR = "visitor", _("The visitor")
        OPERATOR = "operator", _("Operators")
        BOTH = "both", _("The visitor and operators")

    slug = models.SlugField(
        _("short name"),
        max_length=40,
        help_text=_("For the page's code: data-type. Small Latin letters, digits, - and _."),
    )
    names = models.JSONField(_("name"), default=dict, validators=[validate_names])
    icon = models.CharField(_("icon"), max_length=10, choices=Icon, default=Icon.CHAT)
    opening = models.CharField(_("opening"), max_length=5, choices=Opening, default=Opening.NONE)
    opening_texts = models.JSONField(
        _("text of the opening"), default=dict, blank=True, validators=[validate_opening]
    )
    instructions = models.TextField(
        _("instructions"),
        max_length=4000,
        blank=True,
        help_text=_("Added to the agent's own in chats of this type."),
    )
    result_names = models.JSONField(
        _("name of the result"), default=dict, blank=True, validators=[validate_names]
    )
    button_texts = models.JSONField(
        _("text of the button"), default=dict, blank=True, validators=[validate_names]
    )
    schema = OrderedJSONField(
        _("schema of the result"), default=dict, blank=True, validators=[validate_schema]
    )
    finish_by = models.CharField(
        _("who may finish"), max_length=8, choices=FinishBy, default=FinishBy.BOTH
    )
    is_active = models.BooleanField(_("active"), default=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("chat type")
        verbose_name_plural = _("chat types")
        ordering = ["position", "slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "slug"],
                name="chat_type_slug_unique",
                violation_error_message=_("There is a chat type of this short name already."),
            )
        ]

    def __str__(self) -> str:
        return self.name(get_language() or "")

    def clean(self) -> None:
        """Refuse a type without a name, and an opening without its text."""
        super().clean()
        if not any(self.names.values()):
            nameless = ValidationError(_("Give the type a name."), code="required")
            raise ValidationError({"names": nameless})
        if self.opening != self.Opening.NONE and not any(self.opening_texts.values()):
            silent = ValidationError(_("Write the opening."), code="required")
            raise ValidationError({"opening_texts": silent})

    def name(self, language: str) -> str:
        """What visitors call it."""
        return by_language(self.names, language) or self.slug

    def opening_text(self, language: str) -> str:
        """The owner's own opening."""
        return by_language(self.opening_texts, language)

    def result_name(self, language: str) -> str:
        """What comes out of it; empty: the owner has not said."""
        return by_language(self.result_names, language)

    def button_text(self, language: str) -> str:
        """What stands on the button; empty: the owner has not said."""
        return by_language(self.button_texts, language)

    def lets_finish(self, who: str) -> bool:
        """Whether `visitor` or `operator` may ask for the result, where there is one."""
        return bool(self.schema) and self.finish_by in (who, self.FinishBy.BOTH)
