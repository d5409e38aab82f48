"""A row of every model for one organization, each marked with the organization's own word."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils import timezone

from chat.models import (
    Chat,
    ChatResult,
    ContactRequest,
    Customer,
    Experiment,
    Gate,
    Handoff,
    MemoryFact,
    Message,
    ModelCall,
    Note,
    Reservation,
    Session,
    TestCase,
    TestResult,
    TestRun,
    TestSet,
    ToolCall,
    Turn,
    Visitor,
)
from knowledge.models import (
    Article,
    AskedQuestion,
    Category,
    ContextEntry,
    Document,
    Entity,
    FAQEntry,
    Import,
    ImportRow,
    Mention,
    Passage,
    Reading,
    Relation,
    Revision,
    SearchIndex,
    Suggestion,
    WebPage,
    WebSource,
    Word,
)
from operators.models import Availability, ReadyReply
from organizations.models import (
    Agent,
    AgentVersion,
    Budget,
    ChatType,
    ContextProvider,
    Member,
    ModelHealth,
    ModelPrice,
    Moderation,
    Provider,
    Tool,
    ToolRevision,
    Widget,
)
from organizations.scoping import OrganizationOwned
from tests.conftest import House

Rows = dict[type[Model], Any]


def owned_models() -> Iterable[type[OrganizationOwned]]:
    """Every model whose rows belong to an organization."""
    return [model for model in apps.get_models() if issubclass(model, OrganizationOwned)]


def word_of(house: House) -> str:
    """The word that stands in every text of the organization, and nowhere else."""
    return f"{house.organization.slug}word"


def fill(house: House) -> Rows:
    """One row of every model, with the organization's word in its texts."""
    word = word_of(house)
    rows: Rows = {Member: house.operator, Agent: house.agent, Widget: house.widget}
    rows[AgentVersion] = house.agent.version

    def add(model: type[Any], /, **fields: Any) -> Any:
        rows[model] = model.unscoped.create(organization=house.organization, **fields)
        return rows[model]

    Member.objects.of(house.organization).update(display_name=word)
    Agent.objects.of(house.organization).update(name=word, model=word, instructions=word)
    Widget.objects.of(house.organization).update(name=word, bot_name=word, welcome_message=word)
    for row in (house.owner, house.operator, house.agent, house.widget):
        row.refresh_from_db()
    house.widget.agent = house.agent
    AgentVersion.objects.of(house.organization).update(note=word, settings={"model": word})
    provider = add(Provider, name=word, kind="other", base_url=f"https://{word}.example/v1")
    # In the model's words and the people's, and in an address.
    site = f"https://{word}.example/"
    tool = add(Tool, name=word, label=word, description=word, url=site, keep=word)
    add(
        ToolRevision,
        tool=tool,
        number=1,
        content={"url": site, "label": word, "headers": {"names": [], "since": 1}},
    )
    add(ContextProvider, name=word, agent=house.agent, url=site, words=[word])

    add(Moderation, blocked_words=[word], topics=[word])
    add(ModelPrice, provider=provider, model=word, input_price=1, output_price=2)
    add(
        ModelHealth,
        provider=provider,
        model=word,
        error="ai_timeout",
        since=timezone.now(),
        failed_at=timezone.now(),
    )
    today = timezone.localdate()
    budget = add(Budget, scope="agent", key=str(house.agent.pk), since=today, tokens=3)

    kind = add(
        ChatType,
        slug=word,
        names={"en": word, "ru": word},
        opening="text",
        opening_texts={"en": word},
        instructions=word,
        result_names={"en": word},
        schema={"type": "object", "properties": {"subject": {"type": "string", "title": word}}},
    )
    house.widget.kinds.add(kind)

    category = add(Category, name=word)
    category.agents.add(house.agent)
    knowledge = {"category": category, "status": "ready"}
    faq = add(FAQEntry, question=word, answer=word, **knowledge)
    add(Article, title=word, body=word, **knowledge)
    add(Document, title=word, file=f"documents/{word}.txt", **knowledge)
    address = f"https://{word}.example/page"
    source = add(WebSource, url=address, category=category)
    add(WebPage, source=source, url=address, title=word, body=word, **knowledge)
    add(Revision, faq=faq, number=1, content={"question": word}, author=house.owner)
    batch = add(Import, file=f"imports/{word}.csv", author=house.owner)
    add(ImportRow, batch=batch, number=2, action="new", title=word, values={"question": word})
    suggestion = add(Suggestion, origin="gap", language="en", question=word, answer=word)
    add(
        AskedQuestion,
        suggestion=suggestion,
        text=word,
        language="en",
        reason="no_knowledge",
        chat_id=uuid.uuid4(),
        seq=1,
    )
    add(
        Passage,
        faq=faq,
        heading=word,
        text=word,
        language="en",
        category=category,
        embedder=word,
        embedding=[0.0] * 1024,
    )
    # The demo's indexing has made one already.
    SearchIndex.unscoped.filter(organization=house.organization).delete()
    add(SearchIndex, embedder=word)
    add(Word, word=word, passages=1)
    entity = add(Entity, name=word, key=word, kind="name")
    place = {"passage": rows[Passage], "organization": house.organization}
    rows[Mention] = Mention.unscoped.create(entity=entity, **place)
    rows[Reading] = Reading.unscoped.create(digest=word, reader=word, **place)
    rows[Relation] = Relation.unscoped.create(source=entity, target=entity, label=word, **place)
    add(ContextEntry, key=word, value=word, category=word, agent=house.agent)
    add(Availability, member=house.operator)
    add(ReadyReply, shortcut=word, text=word)

    customer = add(Customer, name=word, username=word, email=f"{word}@example.com")
    visitor = house.visitor()
    Visitor.objects.of(house.organization).update(
        customer=customer, browser=word, user_agent=word, device_type=word
    )
    visitor.refresh_from_db()
    rows[Visitor] = visitor
    session = add(
        Session,
        widget=house.widget,
        visitor=visitor,
        customer=customer,
        title=word,
        language="en",
        page_url=f"https://{word}.example/",
        satisfaction_rating=5,
        rating_comment=word,
    )
    chat = add(
        Chat,
        session=session,
        name=word,
        kind=kind,
        seq=2,
        mode="operator",
        operator=house.operator,
    )
    turn = add(
        Turn,
        chat=chat,
        from_seq=1,
        upto_seq=1,
        epoch=1,
        due_at=timezone.now(),
        status="done",
        model=word,
        sources=[{"title": word, "score": 1}],
    )
    add(
        ModelCall,
        key=uuid.uuid4(),
        chat=chat,
        turn=turn,
        agent=house.agent,
        provider=provider,
        purpose="answer",
        model=word,
        prompt_tokens=3,
        day=today,
    )
    add(Reservation, bill=uuid.uuid4(), turn=turn, attempt=1, tokens=1, cost=0, budgets=[budget.pk])
    line = {"chat": chat, "content": word}
    add(Message, **line, seq=1, role="user", sender=visitor.sender, client_id=uuid.uuid4())
    add(Message, **line, seq=2, role="assistant", sender="assistant", turn=turn, model=word)
    add(MemoryFact, visitor=visitor, customer=customer, text=word, expires_at=timezone.now())
    add(
        ToolCall,
        chat=chat,
        turn=turn,
        attempt=1,
        tool=tool,
        name=word,
        label=word,
        arguments={"name": word},
        is_changing=True,
        status="pending",
    )
    add(Note, **line, author=house.operator, client_id=uuid.uuid4(), after_seq=2)
    add(Handoff, chat=chat, reason="asked", operator=house.operator, requested_at=timezone.now())
    add(
        ChatResult,
        chat=chat,
        kind=kind,
        name=word,
        schema=kind.schema,
        version=1,
        status="done",
        data={"subject": word},
        author=house.operator,
        upto_seq=2,
        due_at=timezone.now(),
        finished_at=timezone.now(),
    )
    add(
        ContactRequest,
        chat=chat,
        client_id=uuid.uuid4(),
        name=word,
        text=word,
        email=f"{word}@example.com",
    )
    test_set = add(TestSet, name=word, note=word)
    case = add(
        TestCase, test_set=test_set, question=word, language="en", all_of=[word], faq=faq, turn=turn
    )
    run = add(
        TestRun,
        test_set=test_set,
        agent=house.agent,
        settings={"instructions": word},
        is_draft=True,
        status="done",
        touched_at=timezone.now(),
        author=house.owner,
    )
    receipt = {"text": word, "outcome": "answer", "model": word}
    add(
        TestResult,
        run=run,
        number=1,
        case=case,
        question=word,
        language="en",
        receipt=receipt,
        base_receipt=receipt,
        problems=[{"code": "not_cited", "about": f"faq:{faq.pk}"}],
    )
    add(Gate, agent=house.agent, test_set=test_set)
    add(
        Experiment,
        agent=house.agent,
        variant=house.agent.version,
        note=word,
        started_at=timezone.now(),
    )
    return rows


def snapshot(house: House) -> dict[str, list[Any]]:
    """Everything an organization owns, to be compared with later."""
    return {
        model.__name__: list(model.objects.of(house.organization).order_by("pk").values())
        for model in owned_models()
    }
