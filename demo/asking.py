"""What a visitor's question says about tours: which one it names, and what it wants to know."""

from __future__ import annotations

import re

from demo.content.tour import Tour
from demo.tours import TOURS

# A shorter name is one slip away from too many other words.
SHORTEST_NAME = 6
# A question this short that names a tour is about the tour itself.
BARE = 4

_TOURS = re.compile(
    r"\b(тур(ы|ов|а|ам|ами|ах|у)?|экскурси\w*|поездк\w*|съездить|поехать|путешеств\w*"
    r"|ближайш\w+ дат\w+|tours?|trips?|excursions?|next (dates|departures))\b"
)
# What the page of a tour tells.
_PARTICULARS = re.compile(
    r"\b(цен[аыуе]\w*|стоит|стоят|стоимост\w*|поч[её]м|когда|дат[аыуе]|свободн\w*|остал\w*|места"
    r"|сколько (мест|длит\w*|времени)|длится|длительност\w*|программ\w*|подробн\w*|расскаж\w*"
    r"|во сколько|брон\w*|забронир\w*|заказ\w*|запис\w*|хочу|хотим|хотел\w*|тур"
    r"|price|cost|how (much|long)|when|dates?|places left|seats?|spots?|available|duration"
    r"|program(me)?|details|tell me|tour|trip|book|want|would like)\b"
)
# Wishes for tours at large.
_WISH = re.compile(
    r"\b(как(ие|ой|ая|ую)|ближайш\w*|когда|куда|что есть|есть ли|есть|посовет\w*|порекоменд\w*"
    r"|предлож\w*|предлага\w*|хочу|хотим|хотел\w*|выходны\w*|завтра|недел\w*|список|все|покаж\w*"
    r"|сколько стоит|сколько стоят|цены|стоимость|свободн\w*|брон\w*|забронир\w*|заказ\w*|запис\w*"
    r"|what|which|when|next|recommend|suggest|list|show|available|want|would like|book|weekend"
    r"|tomorrow|prices?|how much|do you have|any)\b"
)
# The rules of the house are in the knowledge, and the sights too.
_RULES = re.compile(
    r"\b(отмен\w*|возвр\w*|верн\w*|верните|перен\w*|передат\w*|переоформ\w*|оплат\w*|оплач\w*"
    r"|плат\w*|предоплат\w*|карт(а|ой|у|ы)|наличн\w*|рассроч\w*|скид\w*|чек|чека|входит|включен\w*"
    r"|дет(и|ей|ям|ьми|ьм)|реб[её]н\w*|малыш\w*|школ\w*|группы?|группе|групп|индивидуальн\w*"
    r"|коляск\w*|пожил\w*|собак\w*|одет\w*|надет\w*|документ\w*|паспорт\w*|страхов\w*"
    r"|трансфер\w*|аэропорт\w*|гостиниц\w*|отел\w*|забира\w*|заб[её]р\w*|чемодан\w*|багаж\w*"
    r"|халял\w*|вегетар\w*|обед\w*|туалет\w*|дожд\w*|погод\w*|гид|наушник\w*|язык\w*"
    r"|английск\w*|опозда\w*|забол\w*|ваучер\w*|сертификат\w*|за сколько дней|зимой|сезон\w*"
    r"|cancel\w*|refund\w*|money|pay\w*|cards?|cash|deposit|discounts?|included?|child\w*|kids?"
    r"|wheelchair|dogs?|wear|passports?|documents?|insur\w*|transfers?|airport|hotels?|pick\w*"
    r"|halal|vegetar\w*|lunch|rain\w*|weather|guide|english|private|change|move|ahead|season)\b"
)
_SIGHTS = re.compile(
    r"\b(чем интерес\w*|что такое|что посмотр\w*|как (добр\w*|доех\w*|попасть)|где|зачем|почему"
    r"|как узнать|на каких|можно ли зайти|трудно|сколько (человек|людей|ехать)"
    r"|why|what (is|can)|how (to|do i|can i) get|where)\b"
)
_HOW_TO_BOOK = re.compile(
    r"^\W*(а )?(как|how (to|do i|can i|do we)) (\w+ ){0,2}(забронир\w*|заказ\w*|book)"
)
# "This tour" is the one on the page, of which the page itself tells.
_THIS = re.compile(
    r"\b(эт\w+ (тур|экскурси|поездк|круиз)\w*|this (tour|trip|one|excursion|cruise)|it)\b"
)
_ELSEWHERE = re.compile(
    r"\b(?:тур\w{0,3}|экскурси\w*|поездк\w*|съездить|поехать|полететь|путешестви\w*)\s+(?:в|во|на|по)\s+"
    r"(?!казан|татарстан|республик|город|волг|кам|выходн|будн|понед|вторн|сред|четв|пятн|субб|воскр"
    r"|янв|фев|март|апр|ма[йея]|июн|июл|авг|сент|окт|нояб|дек|завтра|послезавтра|сегодня|недел"
    r"|следующ|эт|ближайш|праздник|новый|нов\w+ год|вечер|утр|один|одно|дв|тр[ие]|день|русск|свежем"
    r"|природ|автобус|теплоход|\d)\w"
    r"|\b(?:tours?|trips?|excursions?)\s+(?:to|in|of|around)\s+"
    r"(?!kazan|tatarstan|the (city|weekend|region)|january|february|march|april|may|june|july"
    r"|august|september|october|november|december|advance|russian|\d)\w"
    r"|\b(продаж\w*|продаете|flights?|visas?|виз[аыуе]|авиа\w*|билет\w* на самол\w*)\b"
)


# Asked on the page of a tour, these are about that tour.
_BARE_DATES = re.compile(r"^\W*(а )?(когда )?(ближайш\w+ дат\w+|next (dates?|departures?))\W*$")
_DAYS = {
    0: r"понедельник\w*|mondays?",
    1: r"вторник\w*|tuesdays?",
    2: r"сред[ыуе]|средам|wednesdays?",
    3: r"четверг\w*|thursdays?",
    4: r"пятниц\w*|fridays?",
    5: r"суббот\w*|saturdays?|выходн\w*|weekends?",
    6: r"воскресен\w*|sundays?|выходн\w*|weekends?",
}


def plain(question: str) -> str:
    """The question in small letters, one space between words."""
    return " ".join(question.lower().replace("ё", "е").split())


def tours_named(question: str) -> list[Tour]:
    """The tours that a plain question names, one slip of the finger forgiven."""
    words = [word for word in re.findall(r"\w+", question) if len(word) >= SHORTEST_NAME - 1]
    return [
        tour
        for tour in TOURS
        if any(re.search(rf"\b(?:{name})\b", question) for name in tour.names)
        or any(_is_slip(word, place) for place in tour.places for word in words)
    ]


def asks_particulars(question: str) -> bool:
    """Whether a plain question that names a tour asks for what its page tells."""
    if _RULES.search(question) or _SIGHTS.search(question):
        return False
    return bool(_PARTICULARS.search(question)) or len(question.split()) <= BARE


def asks_for_tours(question: str, *, on_tour_page: bool = False) -> bool:
    """Whether a plain question that names none asks for tours at large."""
    if on_tour_page and _BARE_DATES.search(question):
        return False
    if _RULES.search(question) or _SIGHTS.search(question) or _THIS.search(question):
        return False
    if _ELSEWHERE.search(question) or _HOW_TO_BOOK.search(question):
        return False
    return bool(_TOURS.search(question) and _WISH.search(question))


def weekdays_named(question: str) -> set[int]:
    """The days of the week that a plain question names; Monday is 0."""
    return {day for day, names in _DAYS.items() if re.search(rf"\b({names})\b", question)}


def _is_slip(word: str, name: str) -> bool:
    """Whether a word is a name with one letter wrong, missing or added; case endings allowed."""
    forms = [word, word[:-1]] if word[-1] in "аеуы" else [word]
    return any(_one_edit(form, name) for form in forms if len(form) >= SHORTEST_NAME - 1)


def _one_edit(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1:
        return False
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    rest, other_rest = one[same:], other[same:]
    return rest[1:] == other_rest[1:] or rest == other_rest[1:] or rest[1:] == other_rest
