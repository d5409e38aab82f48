"""Who wants a person, and who has had enough, by their words."""

from __future__ import annotations

import pytest

from chat import intents

WANTS = """
оператор|Оператора!|позовите оператора|позовите менеджера|Позови человека|соедините с оператором
Соедините меня, пожалуйста, с живым человеком|переключите на оператора|переведите на менеджера
подключите консультанта|дайте человека|дайте мне оператора|вызовите специалиста
свяжите меня с оператором
хочу поговорить с человеком|хочу общаться с живым человеком|можно поговорить с оператором?
можно оператора?
мне нужен человек|нужен оператор|нужен живой человек
Нужна помощь оператора, позовите кого-нибудь: оператора
могу я поговорить с менеджером|хотел бы пообщаться с консультантом|живой человек
живого оператора пожалуйста
человека|менеджера плиз|опператор|аператор|менеджр, позовите менеджра|операторa|ОПЕРАТОР!!!
эй, оператор
есть кто живой? дайте человека|не хочу говорить с ботом|не хочу общаться с роботом
хватит, дай человека
я хочу говорить с реальным человеком|реальный человек есть?|позовите кого-то: нужен менеджер!
пригласите сотрудника|пожалуйста, переключите меня на живого оператора
да дайте же мне человека, наконец
хочу задать вопрос живому человеку|требую оператора|прошу соединить с оператором|есть кто-нибудь?
связать меня с менеджером можно?|как связаться с оператором?|как поговорить с оператором
Оператор, пожалуйста
talk to a human|I want to talk to a human please|can I speak to a person?|real human pls|human
operator
connect me to an operator|transfer me to an agent|I need a real person|get me a manager|agent please
let me speak with someone|speak to a representative|can I chat with a live agent|live person
actual human
I'd like to talk to customer service|put me through to a human|switch me to a human agent
human please!
could you connect me with someone from support|I don't want to talk to a bot
not a bot, give me a human
is there anyone there?|give me a real person now|please hand me over to a person|I want a human
need human
can you get me a supervisor|let me talk to your manager|please transfer me to a real person
operater please
can i talk to an actual person about my booking|I would rather talk to a human|connect to agent
real person
"""
NOT = """
does a person need a visa?|How much per person?|How many people fit in the bus?
Is it for one person?
Can one person book for two?|What does an agent cost?|Who is the tour operator?
Are you a travel agent?
How much is the tour for 4 people?|Can a person with a wheelchair come?|Is a guide there?
What is human rights day?
Do I need a passport?|What do people say about it?|Is the museum good for people over 60?
human resources office
Can I bring another person?|What is the price for each person?|Do people tip here?
Is there a discount for a third person?
Does the operator refund?|I talk to my wife first|Can I talk on the bus?|I want to switch the date
connect to wi-fi
How do I get to the station?|Give me the price|I need a ticket|What do I need to bring?
Where do I meet the group?
Can I give a gift?|I want to speak Tatar, do you teach it?|Is support included in the price?
live music?
Is it real?|Actual prices please|Is the fortress alive with people?|agent 007 museum
Do you have a manager discount?
сколько человек в группе?|цена за человека|сколько стоит на двух человек?
для одного человека дешевле?
на 5 человек есть скидка?|нужна ли виза человеку с паспортом РФ?|какой туроператор?|кто туроператор?
человек может взять собаку?|сколько людей в автобусе?|можно ли с собакой?|мы хотим тур на 10 человек
можно взять ещё одного человека?|есть ли живая музыка?|дайте скидку|дайте адрес|дай цену
хочу тур в Казань
нужен паспорт?|нужна ли справка?|можно оплатить картой?|как связаться с отелем?
соедините два тура в один
переведите на татарский|переключите язык на английский|вызовите такси|поддерживаете оплату картой?
кто ведёт экскурсию?|есть ли у вас экскурсии для пожилых людей?
какие специалисты проводят мастер-класс?
позовите собаку|что говорят люди о туре?|менеджерам скидки есть?|человек-паук есть на празднике?
подключена ли страховка?|можно с ребёнком?|людей много бывает?|что нужно человеку в поход?
оператор связи МТС ловит?
"""
ANNOYED = """
ты не понимаешь|вы меня не понимаете|ты тупой|тупой бот|бесполезный бот|это бред|я же спросил другое
в сотый раз спрашиваю|сколько можно повторять одно и то же|не то, что я спросил|полный бред
от бота никакого толку
ты вообще читаешь?|бот тупой|вы издеваетесь|задолбали|что за чушь|бесит|я уже три раза писал
you don't understand|you are useless|stupid bot|this is ridiculous|I already told you
that's not what I asked
how many times do I have to ask|useless assistant|you're not helping|I'm so frustrated
what a waste of time
are you even reading?|you never answer|this is useless|for the third time, what is the price
"""
CALM = """
Сколько стоит тур?|Я не понимаю, как оплатить|не могу найти адрес|Где вы?|Это далеко?|Спасибо!
Я уже купил билет
Вы работаете в воскресенье?|Дети бесплатно?|Можно повторить бронь?
Третий раз еду с вами, есть скидка?
I don't understand the price|Is it useful?|I already booked, can I change the date?|How much is it?
Thanks!
Can you read Tatar?|Is it a silly question?|I was told to come at nine
How many times a day does it run?
"""


def rows(table: str) -> list[str]:
    return [row for line in table.strip().splitlines() for row in line.split("|")]


def test_the_tables_are_long_enough() -> None:
    assert len(rows(WANTS)) >= 60
    assert len(rows(NOT)) >= 60


@pytest.mark.parametrize("text", rows(WANTS))
def test_a_wish_for_a_person_is_heard(text: str) -> None:
    assert intents.wants_person(text)


@pytest.mark.parametrize("text", rows(NOT))
def test_a_question_about_people_is_no_wish_for_one(text: str) -> None:
    assert not intents.wants_person(text)


@pytest.mark.parametrize("text", rows(ANNOYED))
def test_a_visitor_who_has_had_enough_is_heard(text: str) -> None:
    assert intents.is_annoyed(text)


@pytest.mark.parametrize("text", rows(CALM))
def test_a_calm_visitor_is_not_taken_for_an_annoyed_one(text: str) -> None:
    assert not intents.is_annoyed(text)
    assert not intents.is_shouted(text)


@pytest.mark.parametrize(
    ("text", "is_shouted"),
    [
        ("СКОЛЬКО СТОИТ ТУР В КАЗАНЬ", True),
        ("WHERE IS MY TICKET", True),
        ("Где мой билет???", True),
        ("Ну сколько можно!?!?", True),
        ("UNESCO", False),
        ("НДС и ООО", False),
        ("Какая цена?!", False),
    ],
)
def test_shouting(text: str, is_shouted: bool) -> None:
    assert intents.is_shouted(text) is is_shouted
