"""The assistant's settings, and the versions in which they were published."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ai import tokens
from organizations.models.languages import Language
from organizations.models.money import LimitField
from organizations.models.people import Member
from organizations.models.providers import Provider
from organizations.scoping import OrganizationOwned

MOST_FALLBACKS = 4
MOST_QUESTIONS = 6
LONGEST_QUESTION = 120
LONGEST_GREETING = 1000
# What a prompt needs besides the instructions: the rules, a question and a source.
LEAST_PROMPT = 1500


def default_handoff_on() -> list[str]:
    """A new agent gives a chat to people for every reason."""
    return list(Agent.HandoffOn.values)


def validate_fallbacks(value: Any) -> None:
    """Accept `[{"provider": id or null, "model": name}]` without repeats."""
    is_right = (
        isinstance(value, list)
        and len(value) <= MOST_FALLBACKS
        and all(
            isinstance(entry, dict)
            and set(entry) == {"provider", "model"}
            and isinstance(entry["provider"], int | None)
            and isinstance(entry["model"], str)
            and 0 < len(entry["model"]) <= 120
            for entry in value
        )
    )
    if not is_right:
        raise ValidationError(_("Check the fallback models."), code="fallbacks")


def validate_greeting(value: Any) -> None:
    """Accept `{language: text}`."""
    is_right = isinstance(value, dict) and all(
        language in Language.values and isinstance(text, str) and len(text) <= LONGEST_GREETING
        for language, text in value.items()
    )
    if not is_right:
        raise ValidationError(_("Check the greeting."), code="greeting")


def validate_questions(value: Any) -> None:
    """Accept `{language: [question, …]}`: few and short, as they stand on buttons."""
    is_right = isinstance(value, dict) and all(
        language in Language.values
        and isinstance(questions, list)
        and all(isinstance(question, str) and question.strip() for question in questions)
        for language, questions in value.items()
    )
    if not is_right:
        raise ValidationError(_("Check the suggested questions."), code="questions")
    for questions in value.values():
        if len(questions) > MOST_QUESTIONS:
            raise ValidationError(
                _("Suggest at most %(most)s questions in a language."),
                code="too_many_questions",
                params={"most": MOST_QUESTIONS},
            )
        if any(len(question) > LONGEST_QUESTION for question in questions):
            raise ValidationError(
                _("A suggested question has at most %(most)s characters."),
                code="long_question",
                params={"most": LONGEST_QUESTION},
            )


TONES = {
    "friendly": "Be warm and friendly, as a good host is.",
    "formal": "Be formal and polite; in Russian say «вы».",
    "brief": "Be as brief as you can: a sentence or two.",
}
ENGLISH_NAMES = {"ru": "Russian", "en": "English"}


class Agent(OrganizationOwned):
    """The assistant's settings, as they are published.

    What is not published yet is in `draft`, so that whoever answers reads nothing but the columns.
    `organizations.agents` moves the one into the other.
    """

    class Tone(models.TextChoices):
        NONE = "", _("As the instructions say")
        FRIENDLY = "friendly", _("Friendly")
        FORMAL = "formal", _("Formal")
        BRIEF = "brief", _("Brief")

    class HandoffOn(models.TextChoices):
        """When the assistant gives a chat to people by itself."""

        ASKED = "asked", _("The visitor asks for a person in words")
        NO_KNOWLEDGE = "no_knowledge", _("The assistant knows no answer twice in a row")
        FRUSTRATED = "frustrated", _("The visitor is annoyed, repeats or shouts")
        SENSITIVE = "sensitive", _("It is one of the sensitive topics (see Moderation)")
        LIMIT = "limit", _("A limit of answers or of money is reached")
        ERROR = "error", _("The assistant failed three times")

    name = models.CharField(
        _("name"), max_length=60, help_text=_("For you; visitors see the widget's texts.")
    )
    avatar = models.ImageField(
        _("picture"),
        upload_to="avatars/",
        blank=True,
        validators=[FileExtensionValidator(["png", "jpg", "jpeg", "webp"])],
        help_text=_("For widgets that have none of their own."),
    )
    instructions = models.TextField(_("instructions"), max_length=8000, blank=True)
    tone = models.CharField(_("tone"), max_length=10, choices=Tone, blank=True, default=Tone.NONE)
    languages = ArrayField(
        models.CharField(max_length=5, choices=Language),
        verbose_name=_("languages"),
        default=list,
        blank=True,
        help_text=_("None chosen: the visitor's own, as far as the widget speaks it."),
    )
    provider = models.ForeignKey(
        Provider,
        models.RESTRICT,
        null=True,
        blank=True,
        related_name="agents",
        verbose_name=_("provider"),
        help_text=_("Empty: the one of the server."),
    )
    model = models.CharField(
        _("model"), max_length=120, blank=True, help_text=_("Empty: the one of the server.")
    )
    fallbacks = models.JSONField(
        _("fallback models"), default=list, blank=True, validators=[validate_fallbacks]
    )
    temperature = models.FloatField(
        _("temperature"), default=0.3, validators=[MinValueValidator(0), MaxValueValidator(2)]
    )
    top_p = models.FloatField(
        _("top_p"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01), MaxValueValidator(1)],
        help_text=_("Empty: as the model is by itself. Change this or the temperature, not both."),
    )
    max_tokens = models.PositiveIntegerField(
        _("longest answer, tokens"),
        default=800,
        validators=[MinValueValidator(16), MaxValueValidator(8000)],
    )
    context_window = models.PositiveIntegerField(
        _("context window, tokens"),
        default=16_000,
        validators=[MinValueValidator(2_000), MaxValueValidator(2_000_000)],
        help_text=_(
            "What the prompt and the answer may take together; not more than the model and its "
            "fallbacks have. A smaller one costs less."
        ),
    )
    only_from_sources = models.BooleanField(
        _("answers only from the knowledge"),
        default=True,
        help_text=_(
            "Where nothing is found the visitor is told so and offered a person, whatever the "
            "model would say."
        ),
    )
    remembers = models.BooleanField(
        _("remembers returning visitors"),
        default=False,
        help_text=_(
            "What visitors say of themselves and of what they want is kept for the next chat. They "
            "can read it and have it forgotten; say so in your privacy notice."
        ),
    )
    reply_delay = models.FloatField(
        _("pause before answering, seconds"),
        default=0.5,
        validators=[MinValueValidator(0), MaxValueValidator(10)],
        help_text=_("Messages sent within the pause are answered together."),
    )
    handoff_on = ArrayField(
        models.CharField(max_length=12, choices=HandoffOn),
        verbose_name=_("give the chat to people when"),
        default=default_handoff_on,
        blank=True,
    )
    # Ids of `organizations.Tool`; one that is gone, or switched off, is not offered to the model.
    tools = ArrayField(
        models.BigIntegerField(),
        verbose_name=_("tools"),
        default=list,
        blank=True,
        help_text=_("What the model may call for an answer."),
    )
    greeting = models.JSONField(
        _("greeting"), default=dict, blank=True, validators=[validate_greeting]
    )
    suggested_questions = models.JSONField(
        _("suggested questions"), default=dict, blank=True, validators=[validate_questions]
    )
    daily_turns_per_visitor = models.PositiveIntegerField(
        _("answers a day for one visitor"),
        default=200,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
    )
    daily_tokens_per_visitor = models.PositiveBigIntegerField(
        _("tokens a day for one visitor"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    daily_cost_per_visitor = LimitField(
        _("money a day for one visitor"), help_text=_("Empty: no limit.")
    )
    daily_tokens_per_ip = models.PositiveBigIntegerField(
        _("tokens a day for one network address"),
        null=True,
        blank=True,
        help_text=_("All visitors from one office or mobile operator may share it."),
    )
    daily_cost_per_ip = LimitField(
        _("money a day for one network address"), help_text=_("Empty: no limit.")
    )
    daily_tokens = models.PositiveBigIntegerField(
        _("tokens a day for this agent"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    daily_cost = LimitField(_("money a day for this agent"), help_text=_("Empty: no limit."))
    # None: nothing has changed since the version was published.
    draft = models.JSONField(null=True, editable=False)
    version = models.ForeignKey(
        "organizations.AgentVersion",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("published version"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    # Of a copy with other settings, which are in no row (`organizations.agents.with_settings`).
    other_categories: list[int] | None = None

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="agent_name_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a window without room for the instructions, an answer and a question."""
        super().clean()
        least = tokens.estimate(self.brief()) + self.max_tokens + LEAST_PROMPT
        if self.context_window < least:
            raise ValidationError(
                {
                    "context_window": ValidationError(
                        _("The instructions and the longest answer need at least %(least)s."),
                        code="window_too_small",
                        params={"least": least},
                    )
                }
            )

    def hands_over(self, reason: str) -> bool:
        """Whether the assistant gives the chat to people by itself for this reason."""
        return reason in self.handoff_on

    def brief(self) -> str:
        """The owner's instructions with what the tone and the languages add to them."""
        parts = [self.instructions.strip(), TONES.get(self.tone, "")]
        if self.languages:
            spoken = " or ".join(ENGLISH_NAMES[language] for language in self.languages)
            parts.append(f"Answer only in {spoken}, whatever language you are asked in.")
        return "\n".join(part for part in parts if part)

    def greets(self, language: str) -> str:
        """The greeting in a language; empty: none was given."""
        return str(self.greeting.get(language, ""))

    def suggests(self, language: str) -> list[str]:
        """The questions to choose from in an empty chat."""
        return list(self.suggested_questions.get(language, []))


class AgentVersion(OrganizationOwned):
    """All settings of an agent as they were published; never changed after."""

    agent = models.ForeignKey(
        Agent, models.CASCADE, related_name="versions", verbose_name=_("agent")
    )
    number = models.PositiveIntegerField(_("number"))
    settings = models.JSONField(_("settings"))
    note = models.CharField(_("note"), max_length=300, blank=True)
    # False: kept of a draft for an experiment, and answering nobody else.
    was_published = models.BooleanField(_("was published"), default=True, db_default=True)
    author = models.ForeignKey(
        Member,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("published by"),
    )
    created_at = models.DateTimeField(_("published"), auto_now_add=True)

    class Meta:
        verbose_name = _("version of an agent")
        verbose_name_plural = _("versions of agents")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "number"], name="agent_version_number_unique")
        ]

    def __str__(self) -> str:
        return f"{self.agent.name} · {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep a new version; one that was published stays as it is."""
        if self.pk:
            raise TypeError("a published version never changes")
        super().save(*args, **kwargs)
