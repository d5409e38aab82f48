"""Test sets of an agent, their runs, and the gates that ask for a passed one."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.handoffs import Handoff
from chat.models.turns import Turn
from knowledge.models import Article, Document, FAQEntry
from organizations.models import Agent, Language, Member
from organizations.scoping import OrganizationOwned

LONGEST_QUESTION = 1000
MOST_PHRASES = 20
LONGEST_PHRASE = 200
MOST_LINES = 10
LONGEST_LINE = 2000


def validate_phrases(value: Any) -> None:
    """Accept a list of phrases, not too many and not too long."""
    is_right = (
        isinstance(value, list)
        and len(value) <= MOST_PHRASES
        and all(isinstance(one, str) and 0 < len(one.strip()) <= LONGEST_PHRASE for one in value)
    )
    if not is_right:
        raise ValidationError(
            _("At most %(most)s phrases, a line each, of at most %(long)s characters."),
            code="phrases",
            params={"most": MOST_PHRASES, "long": LONGEST_PHRASE},
        )


def validate_history(value: Any) -> None:
    """Accept `[{"role": "user" or "assistant", "text": …}]`."""
    is_right = (
        isinstance(value, list)
        and len(value) <= MOST_LINES
        and all(
            isinstance(line, dict)
            and set(line) == {"role", "text"}
            and line["role"] in ("user", "assistant")
            and isinstance(line["text"], str)
            and 0 < len(line["text"].strip()) <= LONGEST_LINE
            for line in value
        )
    )
    if not is_right:
        raise ValidationError(
            _("At most %(most)s lines before the question, of at most %(long)s characters each."),
            code="history",
            params={"most": MOST_LINES, "long": LONGEST_LINE},
        )


def handoff_reasons() -> Any:
    """The reasons to be met; a function, so that another reason is no migration here.

    That an operator takes a chat comes of no question.
    """
    return [one for one in Handoff.Reason.choices if one[0] != Handoff.Reason.TAKEN]


class TestSet(OrganizationOwned):
    """Questions with what is expected of their answers."""

    # Not for pytest.
    __test__ = False

    name = models.CharField(_("name"), max_length=80)
    note = models.CharField(_("note"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Also when a case changes: a run from before that proves nothing more.
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("test set")
        verbose_name_plural = _("test sets")
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="testset_name_unique")
        ]

    def __str__(self) -> str:
        return self.name


class TestCase(OrganizationOwned):
    """A question, and what must come of it; what is left empty is not looked at."""

    __test__ = False

    class Outcome(models.TextChoices):
        ANSWER = "answer", _("An answer")
        UNKNOWN = "unknown", _("It says that it does not know")
        HANDOFF = "handoff", _("The chat is given to people")

    test_set = models.ForeignKey(
        TestSet, models.CASCADE, related_name="cases", verbose_name=_("test set")
    )
    question = models.CharField(_("question"), max_length=LONGEST_QUESTION)
    language = models.CharField(_("language"), max_length=5, choices=Language)
    history = models.JSONField(
        _("said before"), default=list, blank=True, validators=[validate_history]
    )
    outcome = models.CharField(_("expected"), max_length=8, choices=Outcome, default=Outcome.ANSWER)
    handoff_reason = models.CharField(
        _("reason of the handoff"),
        max_length=40,
        choices=handoff_reasons,
        blank=True,
        help_text=_("Empty: any."),
    )
    all_of = models.JSONField(
        _("must be said"), default=list, blank=True, validators=[validate_phrases]
    )
    any_of = models.JSONField(
        _("one of them must be said"), default=list, blank=True, validators=[validate_phrases]
    )
    none_of = models.JSONField(
        _("must not be said"), default=list, blank=True, validators=[validate_phrases]
    )
    faq = models.ForeignKey(
        FAQEntry,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("FAQ entry among the sources"),
    )
    article = models.ForeignKey(
        Article,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("article among the sources"),
    )
    document = models.ForeignKey(
        Document,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("document among the sources"),
    )
    # A visitor's own words go when the visitor is erased, here too.
    turn = models.ForeignKey(Turn, models.CASCADE, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("case of a test set")
        verbose_name_plural = _("cases of test sets")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.question[:80]

    def clean(self) -> None:
        """Refuse expectations that contradict each other, and a case that expects nothing."""
        super().clean()
        is_handoff = self.outcome == self.Outcome.HANDOFF
        if self.handoff_reason and not is_handoff:
            needless = ValidationError(
                _("A reason belongs to a handoff only."), code="needless_reason"
            )
            raise ValidationError({"handoff_reason": needless})
        says = self.all_of or self.any_of or self.none_of
        if is_handoff and (says or self.sources()):
            silent = ValidationError(
                _("Where the chat is given to people there is no answer to look at."),
                code="handoff_says_nothing",
            )
            raise ValidationError({"outcome": silent})
        if self.outcome == self.Outcome.ANSWER and not (says or self.sources()):
            raise ValidationError(
                _("Say what is expected: words, a source, or another outcome."),
                code="nothing_expected",
            )

    def sources(self) -> list[tuple[str, int]]:
        """The pieces of knowledge that must be among the sources."""
        named = (("faq", self.faq_id), ("article", self.article_id), ("document", self.document_id))
        return [(kind, pk) for kind, pk in named if pk is not None]


class TestRun(OrganizationOwned):
    """An agent's settings put to the questions of a set, or to past questions of visitors.

    `settings` are those that are tried, as they were at the beginning; `base` those it is compared
    with: empty where the answers visitors really got are, or nothing is.
    """

    __test__ = False

    class Kind(models.TextChoices):
        TEST = "test", _("Test")
        REPLAY = "replay", _("Replay")

    class Status(models.TextChoices):
        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        LIMIT = "limit", _("Stopped at a limit")

    kind = models.CharField(_("kind"), max_length=6, choices=Kind, default=Kind.TEST)
    test_set = models.ForeignKey(
        TestSet,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("test set"),
    )
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="+", verbose_name=_("agent"))
    settings = models.JSONField()
    base = models.JSONField(null=True)
    # The revisions of the tools that these settings name, by their ids; None: nobody noted them.
    tools = models.JSONField(null=True, editable=False)
    is_draft = models.BooleanField(_("of the draft"))
    status = models.CharField(_("state"), max_length=9, choices=Status, default=Status.RUNNING)
    # Whose limit has stopped it.
    error = models.CharField(_("error"), max_length=40, blank=True, default="", db_default="")
    total = models.PositiveIntegerField(_("questions"), default=0)
    done = models.PositiveIntegerField(_("questions asked"), default=0)
    passed = models.PositiveIntegerField(_("passed"), default=0)
    author = models.ForeignKey(
        Member, models.SET_NULL, null=True, blank=True, verbose_name=_("started by")
    )
    created_at = models.DateTimeField(_("started"), auto_now_add=True)
    touched_at = models.DateTimeField(editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("test run")
        verbose_name_plural = _("test runs")
        indexes = [
            models.Index(
                fields=["touched_at"], name="testrun_under_way", condition=Q(status="running")
            )
        ]

    def __str__(self) -> str:
        return f"№ {self.pk}"

    @property
    def is_under_way(self) -> bool:
        """Whether a worker is, or should be, at it."""
        return self.status == self.Status.RUNNING


class TestResult(OrganizationOwned):
    """A question of a run, copied, so that it stays what it was; and what came of it.

    A worker holds it by a lease while it asks; `receipt` is empty until then.
    """

    __test__ = False

    run = models.ForeignKey(TestRun, models.CASCADE, related_name="results")
    number = models.PositiveIntegerField()
    case = models.ForeignKey(TestCase, models.SET_NULL, null=True, related_name="+")
    turn = models.ForeignKey(Turn, models.CASCADE, null=True, related_name="+")
    question = models.TextField()
    language = models.CharField(max_length=5, choices=Language)
    history = models.JSONField(default=list)
    page = models.JSONField(default=dict)
    expected = models.JSONField(default=dict)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    receipt = models.JSONField(default=dict)
    base_receipt = models.JSONField(default=dict)
    # None: nothing was expected, as in a replay.
    passed = models.BooleanField(null=True)
    base_passed = models.BooleanField(null=True)
    problems = models.JSONField(default=list)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("result of a test run")
        verbose_name_plural = _("results of test runs")
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="testresult_number_unique")
        ]

    def __str__(self) -> str:
        return self.question[:80]


class Gate(OrganizationOwned):
    """What an agent's settings must have passed before they are published."""

    agent = models.OneToOneField(Agent, models.CASCADE, related_name="+", verbose_name=_("agent"))
    test_set = models.ForeignKey(
        TestSet, models.CASCADE, related_name="+", verbose_name=_("test set")
    )
    least = models.PositiveSmallIntegerField(
        _("passed cases, at least, %"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
    )
    may_override = models.BooleanField(
        _("an owner may publish all the same"),
        default=False,
        help_text=_("With a reason, which is kept in the note of the version."),
    )

    class Meta:
        verbose_name = _("gate before publishing")
        verbose_name_plural = _("gates before publishing")

    def __str__(self) -> str:
        return f"{self.agent.name}: {self.test_set.name}"
