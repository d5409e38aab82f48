"""Near misses: what is nearly asked is never given word for word."""

from __future__ import annotations

import pytest

from knowledge import entries, indexing, retrieval
from knowledge.sameness import Difference, difference
from tests.conftest import House

# What is asked, and the only wording there is.
NEAR_MISSES = {
    "weekday": [
        ("Do you have tours on Saturday?", "Do you have tours on Sunday?"),
        ("Do you have tours on Saturday at all, and which are long?", "Are there tours on Sunday?"),
        ("Вы работаете в субботу?", "Вы работаете в воскресенье?"),
        ("Do you have tours?", "Do you have tours on Sunday?"),
    ],
    "city": [
        ("Do you deliver to Moscow?", "Do you deliver to Kazan?"),
        ("Do you deliver?", "Do you deliver to Kazan?"),
        ("Доставляете ли вы в Москву?", "Доставляете ли вы в Казань?"),
        ("Сколько стоит доставка?", "Сколько стоит доставка в Казань?"),
    ],
    "price and duration": [
        ("How much is the tour?", "How long is the tour?"),
        ("How long does delivery take?", "How much does delivery cost?"),
        ("Сколько длится экскурсия?", "Сколько стоит экскурсия?"),
        ("Сколько стоит экскурсия?", "Как долго длится экскурсия?"),
    ],
    "place and time": [
        ("Where does the tour start?", "When does the tour start?"),
        ("Где начинается экскурсия?", "Во сколько начинается экскурсия?"),
    ],
    "negation": [
        ("Can I pay without a card?", "Can I pay with a card?"),
        ("What is not included in the price?", "What is included in the price?"),
        ("Можно ли оплатить без карты?", "Можно ли оплатить картой?"),
        ("Что не входит в стоимость?", "Что входит в стоимость?"),
    ],
    "adults and children": [
        ("Is there a discount for adults?", "Is there a discount for children?"),
        ("How much is a ticket?", "How much is a ticket for children?"),
        ("Есть ли скидка для взрослых?", "Есть ли скидка для детей?"),
        ("Сколько стоит билет?", "Сколько стоит детский билет для детей?"),
    ],
    "number": [
        ("Is there a tour for 3 days?", "Is there a tour for 5 days?"),
        ("Есть ли тур на 3 дня?", "Есть ли тур на 5 дней?"),
    ],
    "reason": [
        ("Do I have to show my passport?", "Why do I have to show my passport?"),
        ("Нужно ли показывать паспорт?", "Зачем показывать паспорт?"),
    ],
}
# These ask the same as the wording.
SAME = [
    ("do you have tours on sunday", "Do you have tours on Sunday?"),
    ("Tours on Sunday?", "Do you have tours on Sunday?"),
    ("Hello! Please tell me, how much does delivery cost?", "How much is delivery?"),
    ("delivery cost", "How much does delivery cost?"),
    ("Does the price include lunch?", "Is lunch included in the price?"),
    ("Do kids get a discount?", "Is there a discount for children?"),
    ("сколько стоит даставка", "Сколько стоит доставка?"),
    ("Не подскажете, сколько стоит доставка?", "Сколько стоит доставка?"),
    ("почём экскурсия", "Сколько стоит экскурсия?"),
    ("есть скидки детям?", "Есть ли скидка для детей?"),
    ("рассрочка", "Можно ли оплатить в рассрочку?"),
]


@pytest.mark.parametrize(
    ("asked", "wording"), [pair for pairs in NEAR_MISSES.values() for pair in pairs]
)
def test_near_miss_is_never_sure(acme: House, asked: str, wording: str) -> None:
    assert difference(asked, wording) is not None
    assert not is_sure(acme, asked, wording)


@pytest.mark.parametrize(("asked", "wording"), SAME)
def test_same_question_in_other_words_is_sure(acme: House, asked: str, wording: str) -> None:
    assert difference(asked, wording) is None
    assert is_sure(acme, asked, wording)


def is_sure(house: House, asked: str, wording: str) -> bool:
    """Whether the question is answered word for word where there is one entry only."""
    language = retrieval.language_of(wording)
    entry = entries.create_faq(
        house.organization, question=wording, answer="Yes.", language=language
    )
    assert indexing.index("faq", entry.pk, entry.content_hash)
    return retrieval.search(house.organization, asked).is_sure


def test_what_differs_is_told() -> None:
    assert difference("Can I pay without it?", "Can I pay?") == Difference.NEGATION
    assert difference("Where do we start?", "When do we start?") == Difference.ASKS_ELSE
    assert difference("For 3 days?", "For 5 days?") == Difference.NUMBERS
    assert difference("A tour for dogs?", "A tour?") == Difference.MORE
    assert difference("A tour?", "A tour for dogs?") == Difference.LESS


def test_keyword_belongs_to_the_wording() -> None:
    assert difference("Gift vouchers?", "Do you sell vouchers?") == Difference.MORE
    assert difference("Gift vouchers?", "Do you sell vouchers?", also=["gift"]) is None


def test_question_that_says_nothing_is_the_same_as_none() -> None:
    for empty in ("", "?", "what is it", "а вы"):
        assert difference(empty, "How do I pay?") is not None
