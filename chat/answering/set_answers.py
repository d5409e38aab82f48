"""Answers that need no knowledge, in the owner's words or ours: greetings, thanks, limits."""

from __future__ import annotations

from django.utils.translation import gettext as _

from chat import intents
from chat.answering.brief import Brief
from chat.models import Handoff


def is_done_for_today(known: Brief) -> bool:
    """Whether the visitor has had as many answers as the owner gives in a day."""
    return known.done_today >= known.agent.daily_turns_per_visitor


def beyond_limits() -> str:
    """What is said when a limit is used up."""
    return _("That was a lot of questions for one day. A person can help you further.")


def of(known: Brief, reason: Handoff.Reason | None) -> str:
    """An answer to a greeting, thanks, a wish for people, or beyond the day's limit; mostly "".

    `reason` is why a person should answer, and nobody is there.
    """
    question, session = known.question, known.turn.chat.session
    widget, language = session.widget, session.language
    if intents.wants_person(question) or reason == Handoff.Reason.SENSITIVE:
        if widget.is_open():
            # The owner wants no chat to change hands by words alone.
            return _("A person can help you: press “Talk to a person”.")
        return widget.text("offline_message", language) or _(
            "Nobody is here right now. Leave your e-mail and we will answer."
        )
    if intents.is_greeting(question):
        return widget.greeting(language) or _("Hello! What would you like to know?")
    if intents.is_thanks(question):
        return _("You are welcome! Ask me anything else.")
    if is_done_for_today(known):
        return beyond_limits()
    return ""


def is_pleasantry(question: str) -> bool:
    """Whether a question is a greeting or thanks alone."""
    return intents.is_greeting(question) or intents.is_thanks(question)
