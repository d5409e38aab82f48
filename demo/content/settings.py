"""The demo's organization as its owner would have set it up: agent, widgets, context, people."""

from __future__ import annotations

from typing import Any

from organizations import hours

ORGANIZATION = {"slug": "idel-tour", "name": "Идель Тур"}
TIMEZONE = "Europe/Moscow"
PHONE = "+7 843 000-12-34"
MAIL = "hello@idel-tour.example"

AGENT: dict[str, Any] = {
    "name": "Помощник",
    "instructions": (
        "Ты — приветливый помощник турфирмы «Идель Тур» из Казани. Отвечай на языке гостя, коротко "
        "и по делу: сначала ответ, потом подробности. Цены называй в рублях. О датах, ценах и "
        "свободных местах говори только по фактам. Не обещай скидок и возвратов, которых нет в "
        "правилах, и не советуй другие фирмы. Если гость сердится или пишет о деньгах, которые не "
        "пришли, предложи позвать человека.\n\n"
        "You are the friendly assistant of the tour company Idel Tour in Kazan. Answer in the "
        "guest's language, briefly: the answer first, details after. Give prices in roubles. Speak "
        "of dates, prices and free places only by the facts. Promise no discount or refund that is "
        "not in the rules, and recommend no other company. If the guest is angry or writes of money "
        "that has not arrived, offer a person."
    ),
    "reply_delay": 0.5,
    "suggested_questions": {
        "ru": ["Какие туры есть на выходные?", "Как можно оплатить?", "Как отменить бронирование?"],
        "en": ["Which tours are there this weekend?", "How can I pay?", "How do I cancel?"],
    },
}

WEEKDAYS = {day: [["09:00", "19:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
# Open day and night, so that whoever tries the demo can have a person.
ALWAYS = {day: [["00:00", "24:00"]] for day in hours.DAYS}

WIDGETS: list[dict[str, Any]] = [
    {
        "name": "default",
        "bot_name": "Идель",
        "primary_color": "#0f766e",
        "position": "right",
        "welcome_message": "Здравствуйте! Я Идель. Расскажу о турах, датах и ценах — спрашивайте.",
        "placeholder_text": "Ваш вопрос",
        "offline_message": ("Сейчас никого из людей нет. Оставьте почту — ответим утром."),
        "translations": {
            "en": {
                "bot_name": "Idel",
                "welcome_message": "Hello! I am Idel. Ask me about tours, dates and prices.",
                "placeholder_text": "Your question",
                "offline_message": (
                    "Nobody is here right now. Leave your e-mail and we will answer in the morning."
                ),
            },
        },
        "business_hours": ALWAYS,
        "timezone": TIMEZONE,
        "languages": ["ru", "en"],
    },
    {
        "name": "sales",
        "bot_name": "Идель · туры",
        "primary_color": "#b45309",
        "position": "right",
        "welcome_message": "Вижу, какой тур вы смотрите. Подсказать цену, ближайшую дату или места?",
        "placeholder_text": "Вопрос о туре",
        "offline_message": (
            "Менеджеры отвечают по будням с 9 до 19 по Москве. Оставьте почту — напишем."
        ),
        "translations": {
            "en": {
                "bot_name": "Idel · tours",
                "welcome_message": "I see which tour is open. Shall I tell its price, next date or places left?",
                "placeholder_text": "About the tour",
                "offline_message": (
                    "Our managers answer on weekdays from 9 to 19, Moscow time. Leave your e-mail."
                ),
            },
        },
        "business_hours": WEEKDAYS,
        "timezone": TIMEZONE,
        "languages": ["ru", "en"],
    },
    {
        "name": "support",
        "bot_name": "Идель · поддержка",
        "primary_color": "#4338ca",
        "position": "left",
        "welcome_message": "Помогу с бронью, оплатой и возвратом. Что случилось?",
        "placeholder_text": "Что случилось?",
        "offline_message": ("Сейчас никого из людей нет. Оставьте почту — ответим в течение дня."),
        "translations": {
            "en": {
                "bot_name": "Idel · support",
                "welcome_message": "I help with bookings, payments and refunds. What happened?",
                "placeholder_text": "What happened?",
                "offline_message": (
                    "Nobody is here right now. Leave your e-mail and we will answer within a day."
                ),
            },
        },
        "business_hours": ALWAYS,
        "timezone": TIMEZONE,
        "languages": ["ru", "en"],
    },
]

# The examples of `organizations.kinds`, and the widgets that offer them.
CHAT_TYPES = {
    "ticket": ["default", "support"],
    "lead": ["default", "sales"],
    "plan": ["default"],
}

CONTEXT: list[tuple[str, str, str]] = [
    ("Компания", "«Идель Тур» (Idel Tour), экскурсии и туры по Татарстану с 2011 года", "О фирме"),
    ("Телефон", PHONE, "Контакты"),
    ("Почта", MAIL, "Контакты"),
    ("Офис", "Казань, ул. Баумана, 44, 2-й этаж (44 Bauman Street)", "Контакты"),
    ("Часы работы офиса", "ежедневно 9:00–20:00 по Москве", "Контакты"),
    ("Валюта", "российский рубль", "Расчёты"),
    ("Часовой пояс", TIMEZONE, "Расчёты"),
    ("Языки", "русский и английский; гиды говорят и по-татарски", "О фирме"),
]

CATEGORIES = {
    "services": "Услуги",
    "payment": "Оплата",
    "booking": "Бронирование",
    "cancellation": "Отмена и возврат",
    "places": "Места",
    "people": "Дети и доступность",
    "documents": "Документы",
    "comfort": "Погода и питание",
    "contacts": "Контакты",
}

PEOPLE: list[tuple[str, str, str, str]] = [
    ("owner", "owner", "Лилия", "Сафина"),
    ("aigul", "operator", "Айгуль", "Хасанова"),
    ("timur", "operator", "Тимур", "Галеев"),
]

# What operators say often, by shortcut.
READY_REPLIES = {
    "привет": "Здравствуйте! Меня зовут {operator}, сейчас посмотрю.",
    "минуту": "Спасибо, что ждёте. Уточню у гида и вернусь к вам через пару минут.",
    "бронь": (
        "Готово, место за вами. Подтверждение придёт на почту; если письма нет, загляните в «Спам»."
    ),
    "hello": "Hello! My name is {operator}, let me have a look.",
}
