"""What an organization does about rude words, spam, and words of its own choice."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from organizations.models.widgets import validate_site
from organizations.scoping import OrganizationOwned

LONGEST_WORDS = 60
MOST_WORDS = 300


def words_field(label: str | Promise, help_text: str | Promise) -> ArrayField[list[str], list[str]]:
    """A list of words and phrases, one in a line of the form."""
    return ArrayField(
        models.CharField(max_length=LONGEST_WORDS),
        verbose_name=label,  # type: ignore[arg-type]
        default=list,
        blank=True,
        size=MOST_WORDS,
        help_text=help_text,  # type: ignore[arg-type]
    )


class Moderation(OrganizationOwned):
    """The settings of moderation; an organization without a row has those a new row has."""

    is_on = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Rude words and spam of visitors are hidden, warned of, and then muted."),
    )
    warnings = models.PositiveSmallIntegerField(
        _("warnings before muting"),
        default=2,
        validators=[MaxValueValidator(10)],
        help_text=_("Counted over a day. 0: the first time already."),
    )
    mute_minutes = models.PositiveSmallIntegerField(
        _("muted for, minutes"),
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(1440)],
    )
    blocked_words = words_field(
        _("words that are not accepted"),
        _("A message with one of them is refused. A star stands for any ending: casino*."),
    )
    masked_words = words_field(
        _("words to hide"),
        _("Shown with stars in visitors' messages and in the assistant's answers."),
    )
    topics = words_field(
        _("sensitive topics"),
        _("Words and phrases of what only people shall answer, such as refund* or legal claim."),
    )
    linked_sites = ArrayField(
        models.CharField(max_length=200, validators=[validate_site]),
        verbose_name=_("sites the assistant may link to"),
        default=list,
        blank=True,
        size=100,
        help_text=_(
            "Such as https://example.com, one in a line, beside the widgets' sites. Other links "
            "are taken out of its answers unless the knowledge names them word for word."
        ),
    )
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("moderation")
        verbose_name_plural = _("moderation")
        constraints = [models.UniqueConstraint(fields=["organization"], name="moderation_one_each")]

    def __str__(self) -> str:
        return str(_("Moderation"))
