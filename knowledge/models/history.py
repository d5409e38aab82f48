"""What was written before, and what was brought in by file."""

from __future__ import annotations

from django.core.validators import FileExtensionValidator
from django.db import models
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
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

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
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    file = models.FileField(
        _("file"),
        upload_to="imports/%Y/%m/",
        validators=[FileExtensionValidator(["csv", "xlsx", "json"])],
    )
    status = models.CharField(
        _("state"), max_length=8, choices=Status, default=Status.CHECKING, editable=False
    )
    error = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    rows_total = models.PositiveIntegerField(_("rows"), default=0, editable=False)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0, editable=False)
    created_count = models.PositiveIntegerField(_("new"), default=0, editable=False)
    changed_count = models.PositiveIntegerField(_("changed"), default=0, editable=False)
    unchanged_count = models.PositiveIntegerField(_("unchanged"), default=0, editable=False)
    wrong_count = models.PositiveIntegerField(_("wrong"), default=0, editable=False)
    # Which rows are wrong and why, and what the others would change; bounded.
    report = models.JSONField(default=dict, editable=False)
    author = models.ForeignKey(
        Member, models.SET_NULL, null=True, verbose_name=_("author"), related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return (self.file.name or "").rsplit("/", 1)[-1]
