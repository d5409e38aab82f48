"""Who can say an answer: the agent's models in their order, and the knowledge by itself."""

from __future__ import annotations

from dataclasses import dataclass

import ai
from ai.fallback import FallbackModel
from ai.interface import ChatModel
from chat import turns
from chat.answering.brief import Brief
from chat.models import Turn
from organizations import health, providers


@dataclass(frozen=True)
class Speakers:
    """`alone` says the owner's own words; `models` may be asked, by their providers."""

    alone: ChatModel
    model: ChatModel
    models: list[tuple[int | None, str]]

    @classmethod
    def of(cls, known: Brief) -> Speakers:
        """The agent's models; those that keep failing are passed over."""
        wanted = providers.models_of(known.agent, known.providers)
        chosen = health.usable(ai.named(*wanted), known.health)
        return cls(
            alone=ai.knowledge_model(),
            model=_moved_on(ai.chat_model(chosen[0], chosen[1:]), known.turn),
            models=[(one.provider, one.model) for one in chosen if not one.problem],
        )

    @property
    def has_model(self) -> bool:
        """Whether there is more than knowledge to answer by."""
        return self.model.name != self.alone.name


def is_last_try(turn: Turn) -> bool:
    """Whether models have failed so often that what is known is better said without them."""
    return turn.failures >= turns.MAX_FAILURES - 1 and turn.error.startswith("ai_")


def _moved_on(model: ChatModel, turn: Turn) -> ChatModel:
    """After a failure in mid-sentence the next model begins."""
    if isinstance(model, FallbackModel) and turn.error.startswith("ai_"):
        return model.after(turn.failures)
    return model
