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
Можно мне поговорить с кем-нибудь из сотрудников?|Есть кто живой?|Мне бы с человеком поговорить
Позовите, пожалуйста, администратора|Хочу живого собеседника|Соедините с отделом продаж
Переключите на специалиста поддержки|А можно с реальным человеком?
Дайте номер менеджера, пусть перезвонит|Пусть мне позвонит менеджер|Перезвоните мне
Свяжите с руководителем|Я хочу пожаловаться вашему начальнику|Мне нужна помощь живого человека
Бот, позови оператора|Оператора позовите|Человека позови|Можете позвать менеджера?
Не могли бы вы соединить меня с консультантом?|Хватит роботов, дайте человека
Поговорить с оператором|Связаться с поддержкой|Как мне связаться с живым оператором|нужен админ
позови админа|нужен менеджер срочно|Мне нужен специалист|Пригласите консультанта в чат
Подключите, пожалуйста, оператора к чату|Передайте меня человеку|Переведите на живого оператора
хочу к оператору|давайте оператора|оператор нужен|человек нужен|есть живые люди?
тут есть живые люди|я хочу разговаривать только с человеком|с ботом говорить не буду
позвоните мне|Could I talk to someone?|Can you get a human on the line?
I need to speak with a representative|Please connect me with customer support
Transfer me to a live agent|I'd rather speak to a real person
Is there a real person I can talk to?|Let me talk to a manager|Put me through to someone
Get me a human|I want a supervisor|Agent!|Human agent|Speak to agent|Representative please
Can someone call me back?|Have someone call me|Please call me back|operator, please
I need help from a real person|can a human help me?|no more bots, I want a person
I want to speak to someone in charge|escalate this|Escalate to a human|hand me over to support
talk to support|may I speak with an operator|can I have a human please|live chat with a person
connect me with your team|I wish to talk to a staff member|get me someone who can help
Is anyone there?|anybody there?|I don't want a bot|stop the bot, give me a person
who can I talk to?|с кем можно поговорить?|С кем я могу связаться?
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
Сколько человек в группе?|Оператор тура кто?|Кто ваш туроператор?
Сколько людей помещается в лодку?|На сколько человек рассчитан номер?|Скидка на человека?
Цена с человека?|Какой оператор сотовой связи ловит у вас?|Какие специалисты работают в клинике?
У вас работает менеджер по продажам?|Вакансия оператора ещё открыта?
Я менеджер, мне нужен отчёт для директора|Как стать консультантом?|Сколько зарабатывает оператор?
Мой менеджер сказал, что скидка 10%|Оператор вчера обещал перезвонить, какой был номер заказа?
Нужен тур на одного человека|Хочу билет для человека с инвалидностью
Можно прийти с человеком без билета?|Может ли один человек забронировать на группу?
Есть ли гид, говорящий по-английски?|Хочу поговорить с мужем и потом забронировать
Сколько сотрудников в компании?|Люди с детьми проходят бесплатно?|Подходит ли для пожилых людей?
Для людей с аллергией есть меню?|Живая музыка будет?|Реальная цена какая?|Настоящий мёд?
Обычный человек справится с маршрутом?|Нужен ли человеку паспорт?|Дайте скидку на двух человек
Дай расписание|Мне нужен билет|Где находится администратор гостиницы?
Чем занимается менеджер по туризму?|Курсы операторов ЧПУ есть?
Требуется ли специальное образование?|Есть курс для операторов колл-центра?
Программа подходит руководителям?|Обучаете ли сотрудников?
Хочу научить сотрудников работать в Excel|Сколько операторов может работать в системе?
Как добавить оператора в систему?|Как сменить менеджера в настройках?
Хочу пригласить человека в гости, нужна виза?|How many people fit in the boat?
How many people are in a group?|Who is the tour operator?|Is the price per person?
Can a person bring a dog?|What does a travel agent charge?|Do agents get a discount?
Are your agents certified?|How do I become an agent?|How do I add an operator to my account?
Do you have a course for managers?|My manager told me there is a discount
What is a human resources course?|Does the human body need salt?|Is it real leather?
Is there live music?|Do you support people with disabilities?|Can people over 60 get a discount?
I need a ticket for one person|I want to book for four people|I need a room for two people
I want a tour for a group of people|Do I need to speak English?
Can I talk to the guide during the tour?|Can I call you by phone?|Call of Duty, do you sell it?
What is your support e-mail?|Is customer support included in the plan?|What are support hours?
How many support agents can I add?|real estate agent course|How much does a consultant earn?
Who is the manager of the hotel?|When does the manager work?|I need a manager account
Can someone under 18 join?|Is someone meeting us at the airport?
Someone told me it's free, is it?|I want to transfer to another group of people
Can I bring someone with me?|Is anyone under 12 free?|Does anybody speak Russian there?
Give me the names of people on the board
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
