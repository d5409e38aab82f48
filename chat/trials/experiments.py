"""Experiments: started and stopped by an owner, and what they show so far."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat.answering import brief
from chat.models import Experiment
from chat.trials import intervals
from chat.trials.intervals import Interval
from organizations import agents
from organizations.models import Agent, AgentVersion, Member

SHARE, MEAN = "share", "mean"


def start(
    agent: Agent,
    variant: AgentVersion | None,
    share: int,
    note: str = "",
    by: Member | None = None,
) -> Experiment:
    """Send a share of the agent's new chats to a version; None: to its draft, which is kept so.

    Raises ValidationError when one is running, or there is no difference.
    """
    with transaction.atomic():
        if variant is None:
            if not agent.draft:
                raise ValidationError(_("The agent has no draft."), code="no_draft")
            variant = agents.snapshot(agent, by, _("For an experiment, not published."))
        if variant.pk == agent.version_id:
            raise ValidationError(
                _("This version is the published one; choose another."), code="same_version"
            )
        experiment = Experiment(
            organization=agent.organization,
            agent=agent,
            base=agent.version,
            variant=variant,
            share=share,
            note=note,
            author=by,
            started_at=Now(),
        )
        experiment.full_clean(exclude={"started_at", "author"}, validate_constraints=False)
        try:
            with transaction.atomic():
                experiment.save()
        except IntegrityError:
            raise ValidationError(
                _("An experiment with this agent is running; stop it first."), code="is_running"
            ) from None
    experiment.refresh_from_db()
    return experiment


def stop(experiment: Experiment) -> bool:
    """Let the agent answer all chats again, also those of the variant. False when it is over."""
    return bool(
        Experiment.objects.of(experiment.organization)
        .filter(pk=experiment.pk, stopped_at=None)
        .update(stopped_at=Now())
    )


# --- what it shows ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """Something that is compared; `kind` a share of chats or a mean over chats.

    `more_is_better` is None where that is for the owner to say.
    """

    name: str
    label: Promise
    kind: str
    more_is_better: bool | None


MEASURES = (
    Measure("rating", gettext_lazy("Rating, 1 to 5"), MEAN, True),
    Measure("helped", gettext_lazy("Thumbs up, share of a chat's thumbs"), MEAN, True),
    Measure("handoff", gettext_lazy("Chats given to people, share"), SHARE, False),
    Measure("cost", gettext_lazy("Cost of a chat"), MEAN, False),
    Measure("length", gettext_lazy("Length of an answer, characters"), MEAN, None),
    Measure("first", gettext_lazy("Time to the first words, ms"), MEAN, False),
)


@dataclass(frozen=True)
class Side:
    """One side's numbers for a measure: over how many chats, and what."""

    count: int
    value: float | None


@dataclass(frozen=True)
class Line:
    """A measure of both sides, and how much higher the variant's is."""

    measure: Measure
    base: Side
    variant: Side
    difference: Interval | None

    @property
    def verdict(self) -> str:
        """`better` or `worse` when the interval excludes zero, `other` where neither is said."""
        if self.difference is None or not self.difference.excludes_zero:
            return ""
        if self.measure.more_is_better is None:
            return "other"
        return "better" if (self.difference.value > 0) == self.measure.more_is_better else "worse"


@dataclass(frozen=True)
class Comparison:
    """What an experiment shows so far."""

    base_chats: int
    variant_chats: int
    lines: list[Line]


def compare(experiment: Experiment) -> Comparison:
    """Every chat that was shared out, by the side it was given to."""
    sides: dict[bool, list[dict[str, Any]]] = defaultdict(list)
    for chat in _chats(experiment):
        sides[chat["is_variant"]].append(chat)
    base, variant = sides[False], sides[True]
    lines = [_line(measure, base, variant) for measure in MEASURES]
    return Comparison(len(base), len(variant), lines)


def _line(measure: Measure, base: list[dict[str, Any]], variant: list[dict[str, Any]]) -> Line:
    old, new = (
        [float(chat[measure.name]) for chat in chats if chat[measure.name] is not None]
        for chats in (base, variant)
    )
    if measure.kind == SHARE:
        found = intervals.of_shares((round(sum(old)), len(old)), (round(sum(new)), len(new)))
    else:
        found = intervals.of_means(old, new)
    return Line(measure, _side(old), _side(new), found)


def _side(values: list[float]) -> Side:
    return Side(len(values), sum(values) / len(values) if values else None)


def _chats(experiment: Experiment) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            CHATS,
            {
                "organization": experiment.organization_id,
                "experiment": experiment.pk,
                "agent": experiment.agent_id,
                "since": experiment.started_at,
                "until": experiment.stopped_at,
            },
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# One row a chat in which something was asked, for that is what was shared out; a visit's rating
# counts for the chat it began with. What was asked after the end, of the assistant or of people, is
# not looked at.
CHATS = f"""
SELECT {brief.IN_VARIANT} AS is_variant,
    CASE WHEN chat.id = (
        SELECT min(id) FROM chat_chat first WHERE first.session_id = session.id
    ) THEN session.satisfaction_rating END AS rating,
    said.helped,
    EXISTS (
        SELECT FROM chat_handoff h WHERE h.chat_id = chat.id
          AND (%(until)s::timestamptz IS NULL OR h.requested_at < %(until)s)
    )::int AS handoff,
    answered.cost, said.length, answered.first
FROM chat_chat chat
JOIN chat_experiment experiment ON experiment.id = %(experiment)s
JOIN chat_session session ON session.id = chat.session_id
JOIN organizations_widget widget ON widget.id = session.widget_id
CROSS JOIN LATERAL (
    SELECT count(*) AS turns, sum(cost) AS cost, avg((timings->>'first_text')::float) AS first
    FROM chat_turn turn WHERE turn.chat_id = chat.id
      AND (%(until)s::timestamptz IS NULL OR turn.created_at < %(until)s)
) AS answered
CROSS JOIN LATERAL (
    SELECT avg(helpful::int) AS helped, avg(length(content)) AS length
    FROM chat_message line WHERE line.chat_id = chat.id AND line.role = 'assistant'
      AND (%(until)s::timestamptz IS NULL OR line.timestamp < %(until)s)
) AS said
WHERE chat.organization_id = %(organization)s AND widget.agent_id = %(agent)s
  AND chat.created_at >= %(since)s
  AND (%(until)s::timestamptz IS NULL OR chat.created_at < %(until)s)
  AND answered.turns > 0
"""  # noqa: S608
