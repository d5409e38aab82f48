"""What is never remembered of a person, whatever a model makes of it. Pure.

A filter by words errs to the side of forgetting: a harmless fact that is lost costs a question.
"""

from __future__ import annotations

import re
import unicodedata

# Digits in a row, with what people put between them: telephones, cards, documents, accounts.
_LONG_NUMBER = re.compile(r"(?:\d[\s().+/\\_–-]{0,3}){7,}")
_EMAIL = re.compile(r"\S+\s*(?:@|\(at\)|\[at\])\s*\S+\.\w{2,}", re.IGNORECASE)
_ADDRESS = re.compile(
    r"https?:|www\.|\b[a-z0-9-]+\.(?:ru|com|net|org|io|рф)\b|[<>{}`]", re.IGNORECASE
)

_WORDS = {
    "secret": (
        "парол passw passphrase пинкод пин-код pin pin-code cvv cvc cvv2 токен token секретн "
        "secret api-key apikey sms-код смс-код одноразов otp логин login credential"
    ),
    "payment": "карт iban swift счет счёт реквизит card account bank банк кредит loan debt долг",
    "document": "паспорт passport снилс инн ssn удостоверен licence license водительск полис",
    "health": (
        "болезн болен больн болею диагноз диабет аллерг беремен инвалид лекарств врач вич спид рак "
        "онколог астм эпилеп депресс психи здоров операци лечени травм health ill illness sick "
        "disease diagnos diabet allerg pregnan disab medic hiv aids cancer asthma epilep depress "
        "psych therapy surgery wheelchair celiac"
    ),
    "belief": (
        "религ веру церк мусульман христиан православн католи иуде еврей еврее буддис атеис "
        "мечет халял кошер religio muslim christian jew jewish hindu buddhis atheis church mosque "
        "halal kosher партия политич голосу политик union профсоюз politic voted vote democrat "
        "republican"
    ),
    "intimate": (
        "гей лесби ориентаци секс транс гендер gay lesbian bisexual sexual orientation transgender "
        "судим преступ арест convict criminal arrested национальност этнич раса ethnic race racial"
    ),
}
# A short stem would be found in harmless words, so it must be the whole word.
_WHOLE = 4


def reason(text: str) -> str:
    """The kind of private thing that a text tells of, or nothing where it may be kept."""
    plain = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")
    if _EMAIL.search(plain) or _LONG_NUMBER.search(plain):
        return "contact"
    if _ADDRESS.search(plain):
        return "address"
    words = re.findall(r"[\w-]+", plain.casefold().replace("ё", "е"))
    for kind, stems in _STEMS.items():
        if any(_begins(word, stem) for word in words for stem in stems):
            return kind
    return ""


def _begins(word: str, stem: str) -> bool:
    return word == stem or (len(stem) >= _WHOLE and word.startswith(stem))


_STEMS = {kind: frozenset(words.replace("ё", "е").split()) for kind, words in _WORDS.items()}
