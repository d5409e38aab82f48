"""Types of chats to begin with: three examples that an owner takes and changes."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from organizations.models import ChatType, Organization
from organizations.schemas import Schema


def text(ru: str, en: str, **more: Any) -> Schema:
    """A field for a text, with what people call it."""
    return {"type": "string", "titles": {"ru": ru, "en": en}, **more}


CONTACT: dict[str, Schema] = {
    "name": text("Имя", "Name", maxLength=120, **{"from": "visitor.name"}),
    "email": text("Почта", "E-mail", maxLength=254, **{"from": "visitor.email"}),
    "phone": text("Телефон", "Phone", maxLength=32, **{"from": "visitor.phone"}),
}

TICKET: dict[str, Any] = {
    "slug": "ticket",
    "icon": ChatType.Icon.TICKET,
    "names": {"ru": "Обращение в поддержку", "en": "Support ticket"},
    "opening": ChatType.Opening.TEXT,
    "opening_texts": {
        "ru": "Расскажите, что случилось: что вы делали, что ожидали увидеть и что вышло на самом "
        "деле. Когда опишете всё важное, нажмите «Оформить обращение».",
        "en": "Tell me what happened: what you did, what you expected, and what you got instead. "
        "When you have said everything that matters, press “Make a ticket”.",
    },
    "instructions": (
        "Help with the trouble if the sources know how. If not, find out what is missing for a "
        "ticket: what happened, when, on which page or order, and how to reach the visitor. Ask one"
        " question at a time."
    ),
    "result_names": {"ru": "Обращение", "en": "Ticket"},
    "button_texts": {"ru": "Оформить обращение", "en": "Make a ticket"},
    "schema": {
        "type": "object",
        "required": ["subject", "description", "priority"],
        "properties": {
            "subject": text("Тема", "Subject", maxLength=120, **{"from": "first_message"}),
            "description": text(
                "Описание",
                "Description",
                maxLength=4000,
                description="What happened, in full, for somebody who has not read the dialogue.",
                **{"from": "dialogue"},
            ),
            "priority": text(
                "Срочность",
                "Priority",
                enum=["low", "normal", "high"],
                default="normal",
                labels={
                    "ru": {"low": "низкая", "normal": "обычная", "high": "высокая"},
                    "en": {"low": "low", "normal": "normal", "high": "high"},
                },
            ),
            "steps": {
                "type": "array",
                "titles": {"ru": "Что уже пробовали", "en": "Tried already"},
                "maxItems": 10,
                "items": {"type": "string", "maxLength": 300},
            },
            **CONTACT,
        },
    },
}

LEAD: dict[str, Any] = {
    "slug": "lead",
    "icon": ChatType.Icon.CART,
    "names": {"ru": "Подобрать и купить", "en": "Choose and buy"},
    "opening": ChatType.Opening.TEXT,
    "opening_texts": {
        "ru": "Помогу выбрать. Что вы ищете, для кого и когда? Если захотите, чтобы с вами "
        "связались, нажмите «Отправить заявку».",
        "en": "Let me help you choose. What are you looking for, for whom, and when? If you would "
        "like us to get in touch, press “Send a request”.",
    },
    "instructions": (
        "Find out what the visitor wants, for how many people, when, and for how much. Suggest only"
        " what the sources and facts know. Before the end ask how to reach the visitor."
    ),
    "result_names": {"ru": "Заявка", "en": "Request"},
    "button_texts": {"ru": "Отправить заявку", "en": "Send a request"},
    "schema": {
        "type": "object",
        "required": ["interest", "readiness"],
        "properties": {
            "interest": text("Интерес", "Interest", maxLength=1000, **{"from": "dialogue"}),
            "people": {
                "type": "integer",
                "titles": {"ru": "Сколько человек", "en": "People"},
                "minimum": 1,
                "maximum": 1000,
            },
            "when": text("Когда", "When", maxLength=200),
            "budget": text("Бюджет", "Budget", maxLength=100),
            "readiness": text(
                "Готовность",
                "Readiness",
                enum=["looking", "choosing", "ready"],
                default="looking",
                labels={
                    "ru": {"looking": "присматривается", "choosing": "выбирает", "ready": "готов"},
                    "en": {"looking": "looking", "choosing": "choosing", "ready": "ready to buy"},
                },
            ),
            "page": text("Страница", "Page", maxLength=1000, **{"from": "page.url"}),
            **CONTACT,
        },
    },
}

PLAN: dict[str, Any] = {
    "slug": "plan",
    "icon": ChatType.Icon.BOOK,
    "names": {"ru": "План обучения", "en": "Learning plan"},
    "opening": ChatType.Opening.MODEL,
    "opening_texts": {
        "ru": "Составим план обучения. Чему вы хотите научиться и что об этом уже знаете? Сколько "
        "часов в неделю есть на учёбу?",
        "en": "Let us make a learning plan. What would you like to learn, and what do you know of "
        "it already? How many hours a week can you give to it?",
    },
    "instructions": (
        "You plan somebody's learning. Find out the goal, what the visitor knows already, the hours"
        " a week, and the date by which it should be done; ask one question at a time. Then propose"
        " modules from the easy to the hard, each with topics and a task to practise, and change "
        "them as the visitor wishes. You may plan from general knowledge; facts about the "
        "organization come from the sources alone. In the result, compose whole modules from what "
        "was agreed."
    ),
    "result_names": {"ru": "План обучения", "en": "Learning plan"},
    "button_texts": {"ru": "Составить план", "en": "Make the plan"},
    "schema": {
        "type": "object",
        "required": ["goal", "modules"],
        "properties": {
            "goal": text("Цель", "Goal", maxLength=300),
            "level": text(
                "Начальный уровень",
                "Level to begin with",
                enum=["beginner", "intermediate", "advanced"],
                labels={
                    "ru": {"beginner": "с нуля", "intermediate": "средний", "advanced": "высокий"},
                    "en": {},
                },
            ),
            "hours_a_week": {
                "type": "number",
                "titles": {"ru": "Часов в неделю", "en": "Hours a week"},
                "minimum": 0.5,
                "maximum": 80,
            },
            "modules": {
                "type": "array",
                "titles": {"ru": "Модули", "en": "Modules"},
                "minItems": 1,
                "maxItems": 12,
                "items": {
                    "type": "object",
                    "required": ["title", "topics"],
                    "properties": {
                        "title": text("Название", "Title", maxLength=120),
                        "weeks": {
                            "type": "integer",
                            "titles": {"ru": "Недель", "en": "Weeks"},
                            "minimum": 1,
                            "maximum": 52,
                        },
                        "topics": {
                            "type": "array",
                            "titles": {"ru": "Темы", "en": "Topics"},
                            "minItems": 1,
                            "maxItems": 12,
                            "items": {"type": "string", "maxLength": 200},
                        },
                        "task": text("Задание", "Task", maxLength=600),
                    },
                },
            },
            "advice": text("Советы", "Advice", maxLength=1000),
        },
    },
}

TEMPLATES: dict[str, dict[str, Any]] = {one["slug"]: one for one in (TICKET, LEAD, PLAN)}
ABOUT = {
    "ticket": _("What happened, how urgent it is and whom to answer; works without a model, too."),
    "lead": _("What somebody wants to buy and how to reach them; works without a model, too."),
    "plan": _("A goal and modules with topics and tasks; needs a model."),
}


def from_template(organization: Organization, slug: str) -> ChatType:
    """A new type by one of the examples; its short name gets a number where it is taken.

    Raises KeyError for no example of ours.
    """
    taken = set(ChatType.objects.of(organization).values_list("slug", flat=True))
    names = [slug, *(f"{slug}-{number}" for number in range(2, len(taken) + 3))]
    free = next(name for name in names if name not in taken)
    kind = ChatType(
        organization=organization,
        **{**TEMPLATES[slug], "slug": free},
        position=list(TEMPLATES).index(slug),
    )
    kind.full_clean()
    kind.save()
    return kind
