"""What an answer rests on: sources and facts as models, visitors and receipts know them. Pure."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from ai.interface import SourceText
from chat import turns
from chat.answering import prompts
from chat.context import Fact
from knowledge import markdown, retrieval

# A question this short, asked on a page that knows the answer, is about that page.
SHORT_QUESTION = 5
QUOTE = 300


def source_text(hit: retrieval.Found) -> SourceText:
    """A found passage as the model port knows it."""
    return SourceText(
        title=hit.title,
        text=hit.text,
        answer=hit.answer,
        url=hit.url,
        score=hit.score,
        ref=(hit.kind, hit.item_id),
    )


def hit_receipt(hit: retrieval.Found) -> dict[str, Any]:
    """A found passage as the receipt keeps it."""
    return {
        "passage": hit.passage_id,
        "kind": hit.kind,
        "item": hit.item_id,
        "title": hit.title,
        "url": hit.url,
        "quote": hit.text[:QUOTE],
        "score": round(hit.score, 4),
        "vector_score": round(hit.vector_score, 4),
        "text_score": round(hit.text_score, 4),
    }


def fact_source(facts: list[Fact]) -> SourceText:
    """Facts that stand together as one source."""
    text = "\n\n".join(fact.text() for fact in facts)
    return SourceText(
        title=facts[0].title, text=text, answer=text, url=facts[0].url if len(facts) == 1 else ""
    )


def labelled(lines: dict[str, str]) -> dict[str, str]:
    """Lines under words for a reader where their keys are the common ones."""
    labels = {
        "price": _("Price"),
        "date": _("Date"),
        "places_left": _("Places left"),
        "duration": _("Duration"),
        "meeting_point": _("Meeting point"),
    }
    return {labels.get(key, key): value for key, value in lines.items()}


def spoken(
    question: str,
    is_sure: bool,
    sources: list[SourceText],
    facts: list[Fact],
    page: Fact | None,
    asked: dict[str, str],
) -> list[SourceText]:
    """What knowledge alone would say, the best first."""
    told = [fact_source(facts)] if facts else []
    if page and asked:
        told.insert(0, fact_source([Fact(page.title, labelled(asked), page.url)]))
    is_about_page = bool(asked) and len(question.split()) <= SHORT_QUESTION
    return [*sources, *told] if is_sure and not is_about_page else [*told, *sources]


def shown(source: SourceText) -> dict[str, Any]:
    """A source as the message keeps it; which piece it is of, `chat.lessons` counts by."""
    quote = markdown.words(source.text)[:QUOTE]
    kept = {"title": source.title, "url": source.url, "quote": quote}
    return kept | (dict(zip(("kind", "item"), source.ref, strict=True)) if source.ref else {})


def is_curated(found: retrieval.Result, facts: list[Fact], asked: dict[str, str]) -> bool:
    """Whether the owner's own words answer surely, so that no model is needed."""
    return found.is_sure and found.sources[0].kind == "faq" and not facts and not asked


def receipt(
    found: retrieval.Result,
    facts: list[Fact],
    page: Fact | None,
    prompt: prompts.Prompt | None,
    rewritten: str,
    prompt_version: str,
    agent_version: int | None,
) -> turns.Grounds:
    """What the answer rests on; what a model was given has its number there."""
    kept = prompt.kept if prompt else {}
    hits = [
        hit_receipt(hit) | _numbered(place, kept.get("sources", 0))
        for place, hit in enumerate(found.sources, start=1)
    ]
    told = [
        fact.stored() | _numbered(place, kept.get("facts", 0), kept.get("sources", 0))
        for place, fact in enumerate(facts, start=1)
    ]
    if page:
        before = kept.get("sources", 0) + kept.get("facts", 0)
        told.append(page.stored() | _numbered(1, kept.get("page", 0), before))
    return turns.Grounds(
        sources=hits,
        facts=told,
        prompt_version=prompt_version if prompt else "",
        rewritten=rewritten,
        prompt_parts=prompt.receipt if prompt else {},
        agent_version=agent_version,
    )


def _numbered(place: int, kept: int, before: int = 0) -> dict[str, int]:
    return {"number": before + place} if place <= kept else {}
