"""Citations: what is kept of numbers, in whatever pieces they come; links; what is flagged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat import citations
from chat.citations import Checker


def checked(*pieces: str, count: int = 3) -> tuple[str, Checker]:
    checker = Checker(count)
    return "".join([*(checker.feed(piece) for piece in pieces), checker.flush()]), checker


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("At ten [1].", "At ten [1]."),
        ("At ten[1][2].", "At ten[1][2]."),
        ("At ten [1, 3].", "At ten [1][3]."),
        ("At ten [1-3].", "At ten [1][2][3]."),
        ("At ten [source 2].", "At ten [2]."),
        ("В десять [источник 2].", "В десять [2]."),
        ("At ten 【1†source】.", "At ten [1]."),
        ("At ten 【3:0†faq.txt】.", "At ten [3]."),
        ("At ten [^1].", "At ten [1]."),
        # Numbers that were not given are taken out with the space before them.
        ("At ten [7].", "At ten."),
        ("At ten [1, 7].", "At ten [1]."),
        ("At ten [0] or [999].", "At ten or."),
        # These are no citations.
        (
            "A list[0] of `rows[7]` and ```\nrows[8]\n```",
            "A list of `rows[7]` and ```\nrows[8]\n```",
        ),
        ("See [7](https://acme.example/) there.", "See [7](https://acme.example/) there."),
        ("[x] done, [ ] not, [see 4 pages]", "[x] done, [ ] not, [see 4 pages]"),
        ("Half a [1", "Half a [1"),
        ("In [2026] it was.", "In [2026] it was."),
    ],
)
def test_numbers_are_kept_as_they_should_be(said: str, shown: str) -> None:
    assert checked(said)[0] == shown
    assert checked(*said)[0] == shown, "letter by letter"


def test_order_is_that_of_citing_and_unknown_ones_are_told() -> None:
    _text, checker = checked("Three [3], one [1][9], three [3], none [7].")
    assert checker.cited == [3, 1]
    assert checker.unknown == [9, 7]


def test_without_sources_no_number_stays() -> None:
    text, checker = checked("At ten [1].", count=0)
    assert (text, checker.cited, checker.unknown) == ("At ten.", [], [1])


def test_nothing_is_held_back_that_cannot_be_a_number() -> None:
    checker = Checker(1)
    assert checker.feed("We open at ten") == "We open at ten"
    assert checker.feed(" [") == ""
    assert checker.feed("see") == ""
    assert checker.feed("!") == " [see!"
    assert checker.feed(" [1") == ""
    assert checker.feed("]") == ""
    assert checker.feed(" and") == " [1] and"
    assert checker.feed("[" + "1" * 40) == "[" + "1" * 40


pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [*("[", "]", "[1", "2]", "[1]", "[9]", "【2†", "】", " ", "`", "(", "\n", "word.", ",")]
        ),
        st.text(max_size=5),
    ),
    max_size=25,
)


@settings(max_examples=500)
@given(pieces)
def test_pieces_make_no_difference_and_nothing_is_taken_back(parts: list[str]) -> None:
    whole, at_once = checked("".join(parts))
    text, bit_by_bit = checked(*parts)
    assert text == whole
    assert (bit_by_bit.cited, bit_by_bit.unknown) == (at_once.cited, at_once.unknown)
    assert set(citations.cited_in(text)) <= {1, 2, 3} | set(citations.cited_in("".join(parts)))


def test_text_without_its_numbers() -> None:
    text = "At ten [1]. And at two[2][3], `a[1]`, [4](x)."
    assert citations.without(text) == "At ten. And at two, `a[1]`, [4](x)."
    assert citations.cited_in(text) == [1, 2, 3]


def test_links_lead_to_the_places_below_and_nowhere_else() -> None:
    html = '<p>Ten [4] <a href="/x?[4]">[4]</a> <code>a[4]</code> two [2]. [5]</p>'
    assert citations.linked(html, 7, [4, 2]) == (
        '<p>Ten <a class="citation" href="#source-7-1">1</a> <a href="/x?[4]">[4]</a> '
        '<code>a[4]</code> two <a class="citation" href="#source-7-2">2</a>. [5]</p>'
    )


def test_stopped_answer_is_cited_from_its_receipt() -> None:
    hits: list[dict[str, Any]] = [
        {
            "title": "A",
            "url": "/a",
            "quote": "a",
            "number": 1,
            "kind": "faq",
            "item": 5,
            "score": 1,
        },
        {"title": "B", "url": "", "quote": "b"},
    ]
    facts = [{"title": "Places", "lines": {"Left": "4"}, "url": "/p", "number": 2}]
    shown = citations.of_receipt("Four are left [2], says A [1]", hits, facts)
    assert shown == [
        {"title": "Places", "url": "/p", "quote": "Left: 4", "number": 2},
        {"title": "A", "url": "/a", "quote": "a", "number": 1, "kind": "faq", "item": 5},
    ]


# --- what is flagged ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Boats go every day at ten [1].", []),
        ("Boats go every day. They start at ten.[1]", []),
        (
            "Boats go every day. [1] They start at ten in the port.",
            ["They start at ten in the port."],
        ),
        ("Boats go every day at ten.", ["Boats go every day at ten."]),
        ("- Boats go every day [1]\n- Buses go on Sunday only", ["Buses go on Sunday only"]),
        ("Boats start at ten [1].\n\nThe price is ten roubles.", ["The price is ten roubles."]),
        ("Hello there! Would you like to book a boat tour?", []),
        ("I do not know when the boats go.", []),
        ("К сожалению, я не знаю точного расписания.", []),
        ("```\nsome code that is no sentence\n```", []),
    ],
)
def test_sentences_that_cite_nothing(text: str, sentences: list[str]) -> None:
    assert citations.uncited(text) == sentences


@pytest.mark.parametrize(
    ("text", "count", "codes"),
    [
        ("Boats go every day at ten [1].", 1, []),
        ("Boats go every day at ten.", 1, ["uncited"]),
        ("I do not know that.", 1, ["uncited"]),
        ("Boats go at ten [1]. They cost ten roubles each.", 1, ["partly_cited"]),
        ("Boats go every day at ten [8].", 1, ["unknown_source", "uncited"]),
        ("Boats go every day at ten.", 0, ["no_source"]),
    ],
)
def test_flags(text: str, count: int, codes: list[str]) -> None:
    shown, checker = checked(text, count=count)
    assert [flag["code"] for flag in citations.flags(shown, checker)] == codes


@pytest.mark.parametrize(
    "text",
    [
        *("Этого я не знаю.", "У меня нет информации о ценах.", "К сожалению, не нашёл ответа."),
        *("I don't know that.", "I could not find it.", "There is no information on that."),
    ],
)
def test_ignorance_is_understood(text: str) -> None:
    assert citations.admits_ignorance(text)


@pytest.mark.parametrize("text", ["It costs ten.", "Стоит десять рублей.", "You know the way."])
def test_knowledge_is_no_ignorance(text: str) -> None:
    assert not citations.admits_ignorance(text)
