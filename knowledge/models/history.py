"""What was written before, and what was brought in by file."""

from __future__ import annotations

from django.core.validators import FileExtensionValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from knowledge.models.pieces import Article, FAQEntry
from organizations.models import Member
from organizations.scoping import OrganizationOwned


class Revision(OrganizationOwned):
    """An entry or article as it was after one saving; never changed, only added."""

    faq = models.ForeignKey(FAQEntry, models.CASCADE, null=True, related_name="revisions")
    article = models.ForeignKey(Article, models.CASCADE, null=True, related_name="revisions")
    number = models.PositiveIntegerField(_("number"))
    # The fields that the owner writes, by name.
    content = models.JSONField(_("content"))
    author = models.ForeignKey(
        Member, models.SET_NULL, null=True, verbose_name=_("author"), related_name="+"
    )
    # Given by hand for what stood before anything was kept.
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        constraints = [
            models.CheckConstraint(
                name="revision_has_one_owner",
                condition=models.Q(faq__isnull=True, article__isnull=False)
                | models.Q(faq__isnull=False, article__isnull=True),
            ),
            models.UniqueConstraint(fields=["faq", "number"], name="revision_of_faq_unique"),
            models.UniqueConstraint(fields=["article", "number"], name="revision_of_text_unique"),
        ]

    def __str__(self) -> str:
        return str(self.number)


class Import(OrganizationOwned):
    """A file of FAQ entries: first looked through, then, when the owner says so, brought in."""

    class Status(models.TextChoices):
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Checked")
        APPLYING = "applying", _("Being brought in")
        DONE = "done", _("Brought in")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    file = models.FileField(
        _("file"),
        upload_to="imports/%Y/%m/",
        validators=[FileExtensionValidator(["csv", "tsv", "txt", "xlsx", "json"])],
    )
    # Its owner's name of it: the storage changes a name that it has already. Empty in old rows.
    name = models.CharField(max_length=255, db_default="", default="", editable=False)
    status = models.CharField(
        _("state"), max_length=9, choices=Status, default=Status.CHECKING, editable=False
    )
    error = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    # Of what is under way: of the check, then of the bringing in.
    rows_total = models.PositiveIntegerField(_("rows"), default=0, editable=False)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0, editable=False)
    created_count = models.PositiveIntegerField(_("new"), default=0, editable=False)
    changed_count = models.PositiveIntegerField(_("changed"), default=0, editable=False)
    unchanged_count = models.PositiveIntegerField(_("unchanged"), default=0, editable=False)
    wrong_count = models.PositiveIntegerField(_("wrong"), default=0, editable=False)
    # Right when they were checked, but not any more when they were brought in.
    left_count = models.PositiveIntegerField(_("left out"), default=0, editable=False)
    # What is to be said of the file as a whole: columns that are not read, new categories.
    report = models.JSONField(default=dict, editable=False)
    author = models.ForeignKey(
        Member, models.SET_NULL, null=True, verbose_name=_("author"), related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return self.name or (self.file.name or "").rsplit("/", 1)[-1]

    @property
    def is_under_way(self) -> bool:
        """Whether the worker has it now."""
        return self.status in (self.Status.CHECKING, self.Status.APPLYING)


class ImportRow(OrganizationOwned):
    """A row of an imported file: what it would do, or why it cannot."""

    class Action(models.TextChoices):
        WRONG = "wrong", _("Wrong")
        NEW = "new", _("New")
        CHANGED = "changed", _("Changed")
        UNCHANGED = "unchanged", _("Unchanged")

    batch = models.ForeignKey(Import, models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField(_("row"))
    action = models.CharField(_("what happens"), max_length=9, choices=Action)
    title = models.CharField(_("question"), max_length=300, blank=True)
    # What is to be written, what stands there now, by field; and the number of all of the latter.
    values = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, blank=True)
    # `{"column", "code", …}`: what is wrong with it, or why it was left out in the end.
    problems = models.JSONField(default=list)
    entry = models.ForeignKey(FAQEntry, models.SET_NULL, null=True, related_name="+")
    is_done = models.BooleanField(_("done"), default=False)

    class Meta:
        verbose_name = _("row of an import")
        verbose_name_plural = _("rows of an import")
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="import_row_unique")
        ]
        indexes = [models.Index(fields=["batch", "action", "number"], name="import_rows_by_action")]

    def __str__(self) -> str:
        return f"{self.number}: {self.title}"
