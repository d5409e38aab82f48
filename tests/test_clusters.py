"""Which questions ask the same: wordings of one gather, others do not, and what is placed stays."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from ai.builtin_embedder import BuiltinEmbedder
from knowledge import clusters
from knowledge.clusters import Asked

WORDINGS: dict[str, list[list[str]]] = json.loads(
    (Path(__file__).parent / "data" / "wordings.json").read_text()
)


def asked(*texts: str) -> list[Asked]:
    """Questions with the built-in embedder's vectors."""
    vectors = BuiltinEmbedder().embed(texts)
    return [Asked(text, vector) for text, vector in zip(texts, vectors, strict=True)]


def gathered(questions: list[Asked]) -> dict[int, list[Asked]]:
    """Questions placed one after the other, as they come."""
    made: dict[int, list[Asked]] = {}
    for question in questions:
        key = clusters.place(question, made)
        made.setdefault(len(made) if key is None else key, []).append(question)
    return made


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("backwards", [False, True])
def test_wordings_gather_and_no_two_topics_do(language: str, backwards: bool) -> None:
    topics = WORDINGS[language]
    topic_of = {text: number for number, texts in enumerate(topics) for text in texts}
    # A wording of each topic in turn, as different visitors ask.
    rounds = [texts[turn] for turn in range(4) for texts in topics if turn < len(texts)]
    made = gathered(asked(*(reversed(rounds) if backwards else rounds)))
    for members in made.values():
        assert len({topic_of[member.text] for member in members}) == 1
    assert len(made) <= 1.4 * len(topics)
    sizes = Counter(len(members) for members in made.values())
    assert sum(count for size, count in sizes.items() if size > 1) >= 0.75 * len(topics)


def test_question_like_none_begins_a_cluster() -> None:
    [dog, warranty] = asked("Can I bring my dog?", "Is there a warranty?")
    assert clusters.place(dog, {}) is None
    assert clusters.place(warranty, {7: [dog]}) is None


def test_question_joins_the_cluster_it_is_most_like() -> None:
    [dog, cat, new] = asked("Can I bring my dog?", "Can I bring my cat?", "May I bring a dog?")
    assert clusters.place(new, {1: [cat], 2: [dog]}) == 2


def test_the_most_central_wording_names_a_cluster() -> None:
    questions = asked("dog", "Can I bring my dog on a tour?", "Can I bring my dog?")
    assert questions[clusters.central(questions)].text == "Can I bring my dog?"
    assert clusters.central(asked("Is it far?", "Is it far?")) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("Есть ЁЛКА?", "есть елка"), ("Gift  card!", "gift card"), ("1 января", "1 Января.")],
)
def test_questions_are_the_same_whatever_their_case_and_signs(one: str, other: str) -> None:
    assert clusters.folded(one) == clusters.folded(other)


@pytest.mark.parametrize("text", ["", "?!", "а вы?", "and is it?", "здравствуйте"])
def test_a_text_that_asks_nothing_has_no_words(text: str) -> None:
    assert not clusters.words(text)
