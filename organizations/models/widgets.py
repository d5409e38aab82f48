"""What visitors see of an organization: its widgets."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import (
    FileExtensionValidator,
    MaxValueValidator,
    MinValueValidator,
    RegexValidator,
)
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations import hours
from organizations.models.agents import Agent
from organizations.models.kinds import ChatType
from organizations.models.languages import Language, default_languages, validate_languages
from organizations.scoping import OrganizationOwned

validate_color = RegexValidator(
    r"^#[0-9a-fA-F]{6}$", _("Write a colour as # and six digits, such as #0f766e."), code="color"
)
validate_name = RegexValidator(
    r"^[a-z][a-z0-9_-]*$",
    _("Use small Latin letters, digits, - and _, beginning with a letter."),
    code="name",
)


def validate_site(value: str) -> None:
    """Accept `*`, or an origin: scheme and host, perhaps a port, and nothing behind it."""
    if value == "*":
        return
    parts = urlsplit(value)
    try:
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        parts.scheme not in ("http", "https")
        or not host
        or f"{parts.scheme}://{parts.netloc}" != value
        or "@" in parts.netloc
        or not all(c.isalnum() or c in "-.:[]" for c in parts.netloc)
    ):
        raise ValidationError(
            _("Write a site as https://example.com, with no path behind it."), code="site"
        )


# The widget's texts that may be given in each language, and their greatest lengths.
TEXTS = {
    "bot_name": 60,
    "welcome_message": 1000,
    "placeholder_text": 100,
    "offline_message": 1000,
}


def validate_translations(value: Any) -> None:
    """Accept `{language: {text's name: text}}` with known languages, names and lengths."""
    is_right = isinstance(value, dict) and all(
        language in Language.values
        and isinstance(texts, dict)
        and all(
            name in TEXTS and isinstance(text, str) and len(text) <= TEXTS[name]
            for name, text in texts.items()
        )
        for language, texts in value.items()
    )
    if not is_right:
        raise ValidationError(_("Check the texts by language."), code="translations")


def new_key() -> str:
    """A widget's public key: it names the widget in a page's source and opens nothing else."""
    return secrets.token_urlsafe(16)


class Widget(OrganizationOwned):
    """A named profile of looks, texts, hours and allowed sites."""

    class Position(models.TextChoices):
        RIGHT = "right", _("Bottom right")
        LEFT = "left", _("Bottom left")

    name = models.CharField(_("name"), max_length=40, validators=[validate_name])
    key = models.CharField(_("public key"), max_length=40, unique=True, default=new_key)
    is_active = models.BooleanField(_("active"), default=True)
    agent = models.ForeignKey(
        Agent, models.PROTECT, related_name="widgets", verbose_name=_("agent")
    )
    welcome_message = models.TextField(_("welcome message"), max_length=1000, blank=True)
    placeholder_text = models.CharField(_("hint in the empty field"), max_length=100, blank=True)
    bot_name = models.CharField(_("assistant's name"), max_length=60, blank=True)
    bot_avatar = models.ImageField(
        _("assistant's picture"),
        upload_to="avatars/",
        blank=True,
        validators=[FileExtensionValidator(["png", "jpg", "jpeg", "webp"])],
    )
    primary_color = models.CharField(
        _("colour"), max_length=7, default="#0f766e", validators=[validate_color]
    )
    translations = models.JSONField(
        _("texts by language"), default=dict, blank=True, validators=[validate_translations]
    )
    position = models.CharField(
        _("position"), max_length=5, choices=Position, default=Position.RIGHT
    )
    auto_open_delay = models.PositiveIntegerField(
        _("opens by itself after, seconds"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(3600)],
        help_text=_("Empty: only by a click."),
    )
    offline_message = models.TextField(_("offline message"), max_length=1000, blank=True)
    business_hours = models.JSONField(
        _("business hours"), default=dict, blank=True, validators=[hours.validate_hours]
    )
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        default="Europe/Moscow",
        validators=[hours.validate_timezone],
    )
    support_timeout = models.PositiveIntegerField(
        _("longest wait for a person, minutes"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(1440)],
        help_text=_("After it the visitor is offered the form."),
    )
    languages = ArrayField(
        models.CharField(max_length=5, choices=Language),
        verbose_name=_("languages"),
        default=default_languages,
        validators=[validate_languages],
        help_text=_("The first one is used where the visitor's own is not among them."),
    )
    allowed_sites = ArrayField(
        models.CharField(max_length=200, validators=[validate_site]),
        verbose_name=_("allowed sites"),
        default=list,
        blank=True,
        help_text=_(
            "Sites that may show this widget, such as https://example.com, one in a line. "
            "Empty: this server's own pages only. A star: any site."
        ),
    )
    kinds = models.ManyToManyField(
        ChatType,
        blank=True,
        related_name="widgets",
        verbose_name=_("chat types offered"),
        help_text=_("Visitors choose among them at the start."),
    )
    default_kind = models.ForeignKey(
        ChatType,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("chat type of the first chat"),
        help_text=_("One of those offered. Empty: a chat of no type."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("widget")
        verbose_name_plural = _("widgets")
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="widget_name_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def is_open(self) -> bool:
        """Whether people are at work now, by the widget's hours."""
        return hours.is_open(self.business_hours, self.timezone, timezone.now())

    def text(self, name: str, language: str) -> str:
        """One of TEXTS in the visitor's language, else as it is for all; empty: none was given."""
        own = self.translations.get(language, {}).get(name)
        return str(own or getattr(self, name))

    def greeting(self, language: str) -> str:
        """The widget's own welcome, else its agent's greeting; empty: none was given."""
        return self.text("welcome_message", language) or self.agent.greets(language)

    def language_for(self, wanted: str | None) -> str:
        """The language to speak with a visitor who asks for `wanted`."""
        return wanted if wanted in self.languages else self.languages[0]
