"""The demo's organization as its owner would have set it up: agent, widgets, context, people."""

from __future__ import annotations

from typing import Any

ORGANIZATION = {"slug": "idel-tour", "name": "Идель Тур"}

AGENT: dict[str, Any] = {
    "name": "Помощник",
    "instructions": (
        "Ты — приветливый помощник турфирмы «Идель Тур» из Казани. Отвечай коротко и по делу, на "
        "языке гостя. Цены называй в рублях. Если спрашивают о свободных местах или датах, "
        "смотри факты. Не обещай скидок, которых нет в базе знаний.\n"
        "You are the friendly assistant of the tour company Idel Tour in Kazan. Answer briefly, in "
        "the guest's language."
    ),
    "reply_delay": 0.5,
}

EVERY_DAY = {day: [["09:00", "19:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}

WIDGETS: list[dict[str, Any]] = [
    {
        "name": "default",
        "bot_name": "Идель",
        "primary_color": "#0f766e",
        "position": "right",
        "welcome_message": "Здравствуйте! Я Идель, помощник «Идель Тур». Расскажу о турах, датах и "
        "ценах — спрашивайте по-русски или in English.",
        "offline_message": "Сейчас никого из людей нет. Оставьте почту — ответим утром.",
        "business_hours": {},
    },
    {
        "name": "sales",
        "bot_name": "Идель · туры",
        "primary_color": "#b45309",
        "position": "right",
        "welcome_message": "Подсказать по этому туру? Знаю цену, ближайшие даты и сколько осталось "
        "мест.",
        "offline_message": "Менеджеры отвечают по будням с 9 до 19. Оставьте почту — напишем.",
        "business_hours": EVERY_DAY,
    },
    {
        "name": "support",
        "bot_name": "Идель · поддержка",
        "primary_color": "#4338ca",
        "position": "left",
        "welcome_message": "Помогу с бронью, оплатой и возвратом. Чем помочь?",
        "offline_message": "Сейчас никого из людей нет. Оставьте почту — ответим в течение дня.",
        "business_hours": {},
    },
]

CONTEXT: list[tuple[str, str, str]] = [
    ("Компания", "«Идель Тур», экскурсии и туры по Татарстану с 2011 года", "О фирме"),
    ("Телефон", "+7 843 200-00-00", "Контакты"),
    ("Почта", "hello@idel-tour.example", "Контакты"),
    ("Офис", "Казань, ул. Баумана, 44, 2-й этаж", "Контакты"),
    ("Часы работы офиса", "ежедневно 9:00–20:00 по Москве", "Контакты"),
    ("Валюта", "российский рубль", "Расчёты"),
    ("Часовой пояс", "Europe/Moscow", "Расчёты"),
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
