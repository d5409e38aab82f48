"""What a message plainly wants beside an answer: so far, a person."""

from __future__ import annotations

import re

# Only plain wishes: a false alarm costs a visitor the assistant and an operator their time.
_PERSON = re.compile(
    r"""
    \b(позов|соедин|переключ|перевед|подключ|дай|вызов)\w*\s+(\w+\s+){0,3}
        (оператор|человек|менеджер|консультант|сотрудник|специалист)\w*
    | \b(хочу|хотел\w*|нужен|нужна|можно|могу)\s+(\w+\s+){0,4}
        (с\s+)?(живы\w+\s+)?(оператор|человек|менеджер|консультант|сотрудник)\w*\s*(\W|$)
    | \bживо(й|го|му|м)\s+(человек|оператор)\w*
    | ^\W*(оператор|человек|менеджер)a?\W*$
    | \b(talk|speak|chat|connect|transfer|switch)\w*\s+(me\s+)?(\w+\s+){0,2}
        (to|with)\s+(\w+\s+){0,3}(human|person|operator|agent|someone|representative|people)\b
    | \b(real|live|actual)\s+(person|human|operator|agent)\b
    | ^\W*(human|operator|agent)\W*(please)?\W*$
    """,
    re.IGNORECASE | re.VERBOSE,
)


def wants_person(text: str) -> bool:
    """Whether the message asks for a person in so many words."""
    return bool(_PERSON.search(text))


_GREETING = re.compile(
    r"^\W*(здравствуйте|здравствуй|привет\w*|добрый\s+(день|вечер)|доброе\s+утро|сәлам|исәнмесез"
    r"|hello|hi|hey|good\s+(morning|afternoon|evening|day))\W*$",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"^\W*(большое\s+)?(спасибо|благодарю|рәхмәт|thanks|thank\s+you|thx)"
    r"(\s+(большое|вам|за\s+помощь|very\s+much|a\s+lot))*\W*$",
    re.IGNORECASE,
)


def is_greeting(text: str) -> bool:
    """Whether the message is a greeting and nothing else."""
    return bool(_GREETING.match(text))


def is_thanks(text: str) -> bool:
    """Whether the message is thanks and nothing else."""
    return bool(_THANKS.match(text))
