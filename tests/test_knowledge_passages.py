"""Texts cut into passages: nothing lost, the order kept, sizes bounded, ends carried over."""

from __future__ import annotations

import itertools
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.passages import LONGEST, OVERLAP, Piece, split

WORD = st.text(st.characters(whitelist_categories=["Ll", "Lu", "Nd"]), min_size=1, max_size=12)
SENTENCE = st.lists(WORD, min_size=1, max_size=25).map(lambda words: " ".join(words) + ".")
PARAGRAPH = st.lists(SENTENCE, min_size=1, max_size=30).map(" ".join)
HEADING = st.tuples(st.integers(1, 6), WORD).map(lambda made: f"{'#' * made[0]} {made[1]}")
MARKDOWN = st.lists(PARAGRAPH | HEADING, max_size=12).map("\n\n".join)


def numbered(sentences: int) -> str:
    """A long paragraph in which every sentence is told apart."""
    return " ".join(f"Sentence number {number} says something." for number in range(sentences))


@settings(deadline=None)
@given(st.text(max_size=5000) | MARKDOWN)
def test_no_passage_is_longer_than_allowed_or_empty(text: str) -> None:
    for piece in split("Title", text):
        assert 0 < len(piece.text) <= LONGEST
        assert len(piece.heading) <= 300


@settings(deadline=None)
@given(MARKDOWN)
def test_every_word_is_in_a_passage_in_its_order(text: str) -> None:
    pieces = split("Title", text)
    said = " ".join(f"{piece.heading} {piece.text}" for piece in pieces)
    place = 0
    for paragraph in re.split(r"\n\n", text):
        if paragraph.startswith("#"):
            continue
        for word in paragraph.split():
            # A word is found at or behind the one before it: repeated ends only add.
            found = said.find(word, max(0, place - OVERLAP))
            assert found >= 0, word
            place = max(place, found)


@settings(deadline=None)
@given(st.text(st.characters(whitelist_categories=["Ll"]), min_size=1, max_size=6000))
def test_text_without_any_space_is_cut_and_kept_whole(text: str) -> None:
    assert "".join(piece.text for piece in split("", text)) == text


def test_passage_begins_with_the_end_of_the_one_before() -> None:
    pieces = split("Title", numbered(200))
    assert len(pieces) > 3
    for one, next_ in itertools.pairwise(pieces):
        shared = next(
            size for size in range(OVERLAP, 0, -1) if one.text.endswith(next_.text[:size])
        )
        assert next_.text[:shared].startswith("Sentence number")
    kept = {int(number) for piece in pieces for number in re.findall(r"number (\d+)", piece.text)}
    assert kept == set(range(200))


def test_ends_are_not_carried_over_a_heading() -> None:
    pieces = split("Shop", "# Paying\n\nBy card.\n\n## Refunds\n\nIn ten days.")
    assert pieces == [
        Piece("Shop › Paying", "By card."),
        Piece("Shop › Paying › Refunds", "In ten days."),
    ]
