"""What a visitor may have meant: layouts, letters, slips; and words of one meaning."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai.concepts import alike
from ai.words import stem, words
from knowledge.slips import from_latin_letters, is_one_slip, meant, nearest, other_layout


@pytest.mark.parametrize(
    ("typed", "right"),
    [("ljcnfdrf", "доставка"), ("руддщ", "hello"), ("cj,frf", "собака"), ("dostavka", "доставка")],
)
def test_word_is_known_in_another_writing(typed: str, right: str) -> None:
    assert right in meant(typed)


@settings(deadline=None)
@given(st.text(st.sampled_from("абвгдежзийклмнопрстуфхцчшщъыьэюя"), min_size=1, max_size=12))
def test_layouts_are_each_other_backwards(word: str) -> None:
    assert other_layout(other_layout(word)) == word


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_has_writings(text: str) -> None:
    assert text not in meant(text)
    assert isinstance(from_latin_letters(text), str)


# No deadline: a busy machine is no failure.
@settings(deadline=None)
@given(
    st.text(st.characters(whitelist_categories=["Ll"]), min_size=5, max_size=12),
    st.integers(0, 11),
    st.sampled_from("абвxyz"),
)
def test_one_slip_is_seen_and_two_are_not(word: str, place: int, letter: str) -> None:
    place %= len(word)
    for other in (
        word[:place] + letter + word[place:],
        word[:place] + word[place + 1 :],
        word[:place] + letter + word[place + 1 :],
    ):
        assert is_one_slip(word, other) == (word != other)
        assert is_one_slip(other, word) == (word != other)
    assert not is_one_slip(word, word + letter + letter)


def test_most_used_neighbour_is_taken_and_short_words_have_none() -> None:
    assert nearest("достака", [("доставка", 3), ("достава", 9), ("оплата", 50)]) == "достава"
    assert nearest("дом", [("ком", 5)]) is None


@pytest.mark.parametrize(
    "forms",
    [
        ("оплата", "оплаты", "оплатой"),
        ("доставка", "доставку", "доставкой"),
        ("ребенок", "ребенка", "ребенком"),
        ("скидка", "скидок"),
        ("поездка", "поездок"),
        ("подарок", "подарка"),
        ("продавец", "продавца"),
        ("человек", "человека"),
        ("refund", "refunds", "refunded", "refunding"),
        ("cancel", "cancelled", "cancels"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(word) for word in forms}) == 1


def test_meanings_join_the_two_languages() -> None:
    assert "price" in alike(stem("цена"))
    assert "возврат" in alike(stem("refund"))


def test_words_are_folded() -> None:
    assert words("Ещё DIDN'T ﬁt!") == ["еще", "didnt", "fit"]
