"""Questions that lean on the ones before: which do, and what they are made of."""

from __future__ import annotations

import pytest

from chat import followups

PRICE_RU = "Сколько стоит тур в Болгар?"
PRICE_EN = "How much is the tour to Bolgar?"

# The last question, the new one, and what it must be understood as.
WHOLE = [
    (PRICE_RU, "а для детей?", "Сколько стоит тур в Болгар для детей"),
    (PRICE_RU, "А в Свияжск?", "Сколько стоит тур в Свияжск"),
    (PRICE_RU, "и в Свияжск?", "Сколько стоит тур в Свияжск"),
    (PRICE_RU, "а с собакой можно?", "Сколько стоит тур в Болгар с собакой можно"),
    (PRICE_RU, "Для пенсионеров?", "Сколько стоит тур в Болгар Для пенсионеров"),
    ("Вы работаете в субботу?", "а в воскресенье?", "Вы работаете в воскресенье"),
    ("Вы работаете в субботу?", "ну а в праздники?", "Вы работаете в праздники"),
    ("Есть ли доставка в Казань?", "А в Москву?", "Есть ли доставка в Москву"),
    ("Есть ли доставка в Казань?", "сколько это стоит?", "Есть ли доставка в Казань сколько стоит"),
    ("Тур в Болгар", "Сколько он длится?", "Тур в Болгар Сколько длится"),
    ("Расскажите про тур в Болгар", "Сколько стоит?", "Расскажите про тур в Болгар Сколько стоит"),
    ("Расскажите про тур в Болгар", "цена?", "Расскажите про тур в Болгар цена"),
    ("Расскажите про тур в Болгар", "а подробнее", "Расскажите про тур в Болгар подробнее"),
    ("Расскажите про тур в Болгар", "Что туда входит?", "Расскажите про тур в Болгар Что входит"),
    ("Где находится офис?", "А как туда доехать?", "Где находится офис как доехать"),
    ("Где находится офис?", "там есть парковка?", "Где находится офис есть парковка"),
    ("Можно ли вернуть билет?", "Почему?", "Можно ли вернуть билет Почему"),
    ("Можно ли вернуть билет?", "когда?", "Можно ли вернуть билет когда"),
    ("Можно ли вернуть билет?", "а после оплаты?", "Можно ли вернуть билет после оплаты"),
    ("Можно ли вернуть билет?", "Это бесплатно?", "Можно ли вернуть билет бесплатно"),
    ("Кормят ли вас в туре?", "И детей?", "Кормят ли вас в туре детей"),
    ("Принимаете ли вы карты?", "или только наличные?", "Принимаете ли вы карты только наличные"),
    ("У вас есть экскурсии на английском?", "А на татарском?", "У вас есть экскурсии на татарском"),
    ("Выдаёте ли вы чек?", "А если оплачу наличными?", "Выдаёте ли вы чек если оплачу наличными"),
    (PRICE_EN, "and for children?", "How much is the tour to Bolgar for children"),
    (PRICE_EN, "And to Sviyazhsk?", "How much is the tour to Sviyazhsk"),
    (PRICE_EN, "What about Sviyazhsk?", "How much is the tour to Bolgar Sviyazhsk"),
    (PRICE_EN, "how about groups", "How much is the tour to Bolgar groups"),
    (PRICE_EN, "what if I pay online?", "How much is the tour to Bolgar I pay online"),
    (PRICE_EN, "How long does it take?", "How much is the tour to Bolgar How long does take"),
    (PRICE_EN, "Is it cheaper for kids?", "How much is the tour to Bolgar Is cheaper for kids"),
    (PRICE_EN, "why?", "How much is the tour to Bolgar why"),
    ("Are you open on Saturday?", "and on Sunday?", "Are you open on Sunday"),
    ("Are you open on Saturday?", "On Monday?", "Are you open On Monday"),
    ("Are you open on Saturday?", "Until when?", "Are you open on Saturday Until when"),
    ("Do you ship to Kazan?", "How much does it cost?", "Do you ship to Kazan How much does cost"),
    ("Do you deliver to Kazan?", "how long?", "Do you deliver to Kazan how long"),
    ("Do you deliver to Kazan?", "And to Moscow?", "Do you deliver to Moscow"),
    ("Can I cancel my booking?", "Is that free?", "Can I cancel my booking Is free"),
    ("Can I cancel my booking?", "How do I do that?", "Can I cancel my booking How do I do"),
    ("Can I cancel my booking?", "after payment?", "Can I cancel my booking after payment"),
    ("Where is your office?", "Can I park there?", "Where is your office Can I park"),
    ("Where is your office?", "when?", "Where is your office when"),
    ("Do you have vegetarian food?", "or vegan?", "Do you have vegetarian food vegan"),
    ("Do you have guides in English?", "and in French?", "Do you have guides in French"),
]  # fmt: skip

ALONE = [
    "Сколько стоит тур в Болгар?",
    "А сколько стоит тур в Болгар для детей?",
    "Как можно оплатить тур?",
    "Вернёте ли вы деньги при отмене?",
    "Есть ли трансфер из аэропорта?",
    "доставка",
    "Парковка?",
    "Контакты",
    "Где находится ваш офис?",
    "Что взять с собой на этой неделе в поход?",
    "Какие туры есть на этой неделе?",
    "Работаете ли вы в эти выходные?",
    "Во сколько работает офис?",
    "Можно ли приехать с собакой?",
    "Спасибо!",
    "да",
    "Нет, спасибо",
    "ок, понятно",
    "Привет",
    "Водите ли вы экскурсии на воздушном шаре?",
    "Хочу поменять дату поездки",
    "Как отменить бронирование?",
    "И всё-таки можно ли получить полный возврат денег за отменённый тур?",
    "Расскажите подробнее про программу тура в Болгар",
    "",
    "?!",
    "How can I pay for a tour?",
    "Will I get a refund?",
    "Is there parking near the office?",
    "Are there tours this weekend?",
    "Do you have anything this summer?",
    "parking",
    "Opening hours",
    "Where is your office?",
    "And yet can I bring my dog on the river cruise?",
    "What should I bring to the hike?",
    "yes",
    "ok thanks",
    "Hello",
    "Can I bring my dog?",
    "Which languages do your guides speak?",
    "How do I change the date of my booking?",
    "There are four of us, which tour fits a family?",
    "What does the river cruise cost?",
]


@pytest.mark.parametrize(("last", "question", "expected"), WHOLE, ids=lambda text: text[:24])
def test_follow_up_is_made_whole_from_the_last_question(
    last: str, question: str, expected: str
) -> None:
    assert followups.looks_like_one(question)
    assert followups.made_whole(question, [last]) == expected


@pytest.mark.parametrize("question", ALONE)
def test_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert not followups.looks_like_one(question)
