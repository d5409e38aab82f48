"""Whether a question asks what a wording asks, nothing more and nothing else; pure.

A sure answer is given word for word with nobody looking, so this is strict: "tours on Saturday" is
not "tours on Sunday", however near the two are by any score. Words may be in another form, order or
language, have a slip of the finger, or be other words for the same; see `ai.concepts`. A question
may leave out words of the wording ("Refund?"), but none by which it is told from its like: "How
much is a ticket?" is not "How much is a ticket for children?".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from enum import StrEnum

from ai.concepts import concepts
from ai.words import STOP_WORDS, stem, words
from knowledge.slips import SHORTEST, is_one_slip


class Difference(StrEnum):
    """In what a question differs from a wording."""

    NEGATION = "negation"
    ASKS_ELSE = "asks_else"
    NUMBERS = "numbers"
    MORE = "more"
    LESS = "less"


# Words around a question that ask for nothing themselves.
_FILLERS = (
    "hi hello hey dear thanks thank ok sorry excuse tell know want wish like need wonder "
    "wondering question get got give say help let lets us there here too also just really "
    "actually maybe possible into am been being did had were he she they them these those and but "
    "some all every each own привет здравствуйте добрый скажите скажи подскажите подскажи "
    "пожалуйста узнать знать хочу хотел хотела хотелось хотим интересует интересно вопрос нужен "
    "нужна надо возможно могу может могут могли мочь будет будут буду есть быть сам свой своего "
    "себе себя тоже вообще просто вдруг ваше вашу вашем вашей вашего моего моей моем мою моих эта "
    "эти этого этой этом тот той туда нами спасибо сюда либо"
)
FILLERS = {stem(word) for word in (*_FILLERS.split(), *STOP_WORDS)}
_NEGATIONS = (
    "не нет без кроме нельзя никак never no not without except cannot cant dont doesnt didnt isnt "
    "arent wasnt werent wont wouldnt couldnt shouldnt havent hasnt none nothing"
)
NEGATIONS = frozenset(_NEGATIONS.split())
# "Не подскажете?" and "Нет ли у вас" deny nothing.
POLITE_NEGATIONS = (("не", "подскаж"), ("не", "скаж"), ("не", "мог"), ("нет", "ли"), ("не", "зна"))
# Where two ask by different ones of these, they ask for different things.
ASKING = {
    "when": "when когда",
    "where": "where где",
    "whither": "куда",
    "whence": "откуда",
    "who": "who whom кто кому кого",
    "why": "why почему зачем отчего",
}
# Words of one kind that exclude each other: what is so for one of them may not be so in general.
_EXCLUDING = (
    "monday tuesday wednesday thursday friday saturday sunday weekend weekday january february "
    "march april may june july august september october november december spring summer autumn "
    "winter morning noon evening night today tomorrow yesterday child children kid kids baby "
    "toddler adult senior pensioner student disabled wheelchair dog cat pet first last early late "
    "before after foreign abroad international private group free понедельник вторник среда среду "
    "четверг пятница суббота воскресенье выходной будни январь февраль март апрель май июнь июль "
    "август сентябрь октябрь ноябрь декабрь весна весной лето летом осень осенью зима зимой утро "
    "утром полдень вечер вечером ночь ночью сегодня завтра вчера ребенок дети детей детям детьми "
    "малыш взрослый пенсионер студент школьник инвалид собака кошка первый последний рано поздно "
    "до после иностранный заграница международный частный групповой индивидуальный бесплатно"
)
EXCLUDING = {stem(word) for word in _EXCLUDING.split()}
# A name inside a sentence: a city, a brand.
_NAME = re.compile(r"(?<=[^.!?…]\s)[A-ZА-ЯЁ]\w+")
# Ways to ask for one thing that have no word in common.
PHRASES = tuple(
    (re.compile(rf"\b(?:{said})", re.IGNORECASE), f" {meant} ")
    for said, meant in (
        (r"how much(?=\s+(?:is|are|am|does|do|did|for|to|will|would|it|the|a|an)\b)", "price"),
        (r"how much$", "price"),
        (r"сколько\s+(?:это\s+|будет\s+)?сто[ия]\w+", "цена"),
        (r"(?:how long|for how long)\b", "duration"),
        (r"(?:как долго|сколько\s+(?:по\s+)?(?:времени\b|дл[ия]\w+))", "длительность"),
        (r"(?:at )?what time\b", "when"),
        (r"(?:во сколько|в котором часу)\b", "когда"),
    )
)
_ASKING = {word: name for name, said in ASKING.items() for word in said.split()}


def difference(question: str, wording: str, also: Iterable[str] = ()) -> Difference | None:
    """How the question differs from the wording; None when the wording's answer is the question's.

    `also` are words which belong to the wording without being in it, like the entry's keywords.
    """
    asked, known = _said(question), _said(wording)
    if denies(asked) != denies(known):
        return Difference.NEGATION
    if _asks_else(_ways(asked), _ways(known)):
        return Difference.ASKS_ELSE
    if _numbers(asked) != _numbers(known):
        return Difference.NUMBERS
    said, content = _content(asked), _content(known)
    belongs = content + _content([word for text in also for word in words(text)])
    if not said or not all(any(is_same_word(one, other) for other in belongs) for one in said):
        return Difference.MORE
    unsaid = [other for other in content if not any(is_same_word(one, other) for one in said)]
    if 2 * len(unsaid) > len(content) or any(_excludes(one, wording) for one in unsaid):
        return Difference.LESS
    return None


def denies(said: list[str]) -> bool:
    """Whether something is denied or left out in these words."""
    count = sum(word in NEGATIONS for word in said)
    for first, second in itertools.pairwise(said):
        count -= any(first == no and second.startswith(word) for no, word in POLITE_NEGATIONS)
    return count > 0


def is_same_word(one: str, other: str) -> bool:
    """Whether two words say the same: forms of one, words of one meaning, or a slip apart."""
    root, other_root = stem(one), stem(other)
    if root == other_root or set(concepts(root)) & set(concepts(other_root)):
        return True
    # A slip makes no known word of a known word.
    if concepts(root) and concepts(other_root):
        return False
    return min(len(one), len(other)) >= SHORTEST and is_one_slip(root, other_root)


def _said(text: str) -> list[str]:
    """The words of a text, with what is asked in several words put into one."""
    text = " ".join(text.replace("?", " ").split())
    for said, meant in PHRASES:
        text = said.sub(meant, text)
    return words(text)


def _asks_else(ways: set[str], known: set[str]) -> bool:
    # Why something is done is another question than whether, when or where.
    return ("why" in ways) != ("why" in known) or bool(ways and known and ways != known)


def _excludes(word: str, wording: str) -> bool:
    """Whether the word tells the wording from others of its kind."""
    names = (name for found in _NAME.findall(wording) for name in words(found))
    return stem(word) in EXCLUDING or word in names


def _ways(said: list[str]) -> set[str]:
    return {_ASKING[word] for word in said if word in _ASKING}


def _numbers(said: list[str]) -> set[str]:
    return {word for word in said if any(map(str.isdigit, word))}


def _content(said: list[str]) -> list[str]:
    """The words that say what is asked for."""
    return [
        word
        for word in said
        if stem(word) not in FILLERS and word not in NEGATIONS and not word.isdigit()
    ]
