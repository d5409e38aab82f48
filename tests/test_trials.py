"""Test sets, their runs, replay and the gate: what passes, what is compared, what is held up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from kombu.exceptions import OperationalError

from chat.models import (
    Gate,
    Message,
    ModelCall,
    TestCase,
    TestResult,
    TestRun,
    TestSet,
    Turn,
    Visitor,
)
from chat.trials import candidates, cases, comparing, judging, receipts, replay, runs, tables
from chat.trials.receipts import Receipt
from knowledge.models import FAQEntry
from organizations import agents, definitions
from organizations.models import AgentVersion, Budget, Organization, Tool
from tests.answering import answer
from tests.conftest import House, client_of
from tests.openai_server import OpenAIServer
from tests.processes import started
from tests.product import wait_until
from tests.test_chat_assistant import ask as ask
from tests.test_chat_assistant import teach
from tests.test_playground import write
from webassistant.boot import processes
from webassistant.boot.child import Child

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def test_set(acme: House) -> TestSet:
    """A set without a case."""
    return TestSet.unscoped.create(organization=acme.organization, name="Basics")


@pytest.fixture(autouse=True)
def unsent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The runs that the worker was told of; tests with a worker of their own send them again."""
    sent: list[int] = []
    monkeypatch.setattr(runs, "send", sent.append)
    return sent  # type: ignore[return-value]


def add(test_set: TestSet, question: str, **fields: Any) -> TestCase:
    case = TestCase(
        organization=test_set.organization,
        test_set=test_set,
        question=question,
        language="en",
        **fields,
    )
    case.full_clean()
    return cases.save(case)


def draft(house: House, **settings: Any) -> candidates.Candidate:
    """The house's draft with these settings."""
    agents.keep_draft(house.agent, agents.drafted(house.agent) | settings)
    house.agent.refresh_from_db()
    return candidates.Candidate(house.agent, agents.drafted(house.agent), True)


def published(house: House) -> candidates.Candidate:
    return candidates.Candidate(house.agent, agents.published(house.agent), False)


def run_through(run: TestRun) -> TestRun:
    """Ask all of a run, as a worker would."""
    while run.is_under_way:
        runs.work(run.pk)
        run.refresh_from_db()
    return run


def problems(test_set: TestSet, house: House) -> dict[str, list[str]]:
    """A run of the published agent: each question's problems, by code."""
    run = run_through(runs.begin(test_set, published(house), with_base=False))
    return {
        result.question: [problem["code"] for problem in result.problems]
        for result in TestResult.unscoped.filter(run=run)
    }


# --- limits ---------------------------------------------------------------------------------------


def test_limit_stops_a_run_and_fails_no_case(acme: House, test_set: TestSet, settings: Any) -> None:
    teach(acme, "How can I pay?", "By card.")
    write(acme, "The tour of Kazan", "The long tour takes three hours.")
    add(test_set, "How can I pay?", all_of=["card"])
    add(test_set, "Does the long tour take three hours or four?", all_of=["three hours"])
    add(test_set, "Is the long tour of Kazan three hours long?", all_of=["three hours"])
    Organization.objects.update(daily_tokens=1)
    with OpenAIServer() as server:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODEL = server.base_url, "fake"
        run = run_through(runs.begin(test_set, published(acme), with_base=False))
        assert len(server.requests) == 1
    # The entry needs no model, the next question has used the limit up, and the last found it so.
    assert (run.status, run.error, run.done, run.passed) == ("limit", "limit_day", 2, 2)
    last = TestResult.unscoped.get(run=run, number=3)
    assert (last.passed, last.receipt, last.finished_at, last.lease_token) == (None, {}, None, None)
    assert runs.share(run) is None
    assert ModelCall.unscoped.get().purpose == "trial"
    assert (Budget.unscoped.get(scope="day").held_tokens, runs.resume()) == (0, 0)
    page = client_of(acme.owner).get(reverse("admin:chat_testrun_change", args=[run.pk]))
    assert b"The run was stopped: a limit is used up" in page.content
    assert b"The organization&#x27;s limit of the day is used up" in page.content


# --- what passes ----------------------------------------------------------------------------------


def test_cases_pass_or_say_why(acme: House, test_set: TestSet) -> None:
    teach(acme, "How can I pay?", "By **card** or in cash: 3 800 roubles.")
    teach(acme, "Where is the office?", "At 7 Bauman Street.")
    pay = FAQEntry.unscoped.get(question="How can I pay?")
    add(test_set, "How can I pay?", all_of=["by CARD", "3800"], any_of=["cash", "gold"], faq=pay)
    add(test_set, "How can I pay", none_of=["cash"], all_of=["gold"])
    add(test_set, "Where is the office?", faq=pay)
    add(test_set, "What is the weather on Mars?", outcome="unknown")
    add(test_set, "I want to talk to a human", outcome="handoff", handoff_reason="asked")
    add(test_set, "Talk to a human please", outcome="handoff", handoff_reason="error")
    add(test_set, "Where is the office", outcome="unknown")
    assert problems(test_set, acme) == {
        "How can I pay?": [],
        "How can I pay": ["not_said", "said"],
        "Where is the office?": ["not_cited"],
        "What is the weather on Mars?": [],
        "I want to talk to a human": [],
        "Talk to a human please": ["other_reason"],
        "Where is the office": ["not_unknown"],
    }
    run = TestRun.unscoped.get()
    assert (run.status, run.done, run.total, run.passed) == ("done", 7, 7, 3)
    shown = client_of(acme.owner).get(reverse("admin:chat_testrun_change", args=[run.pk]))
    text = shown.content.decode()
    assert "3 of 7 passed" in text
    assert "Not among the sources: How can I pay?" in text
    assert "Another reason of the handoff: Asked for a person" in text


def test_what_was_said_before_counts(acme: House, test_set: TestSet) -> None:
    teach(acme, "How much is the Kazan tour?", "It is 3800 roubles.")
    teach(acme, "How long is the Kazan tour?", "It lasts three hours.")
    history = [{"role": "user", "text": "How much is the Kazan tour?"}]
    add(test_set, "And how long?", history=history, all_of=["three hours"])
    assert problems(test_set, acme) == {"And how long?": []}


def test_deleted_piece_leaves_a_failing_case(acme: House, test_set: TestSet) -> None:
    teach(acme, "How can I pay?", "By card.")
    add(test_set, "How can I pay?", faq=FAQEntry.unscoped.get())
    FAQEntry.unscoped.all().delete()
    teach(acme, "How can I pay?", "By card.")
    assert problems(test_set, acme) == {"How can I pay?": ["nothing_expected"]}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "nothing_expected"),
        ({"outcome": "handoff", "all_of": ["x"]}, "handoff_says_nothing"),
        ({"all_of": ["x"], "handoff_reason": "asked"}, "needless_reason"),
        ({"all_of": [""]}, "phrases"),
        ({"all_of": ["x"] * 21}, "phrases"),
        ({"all_of": ["x"], "history": [{"role": "system", "text": "x"}]}, "history"),
    ],
)
def test_contradicting_cases_are_refused(
    test_set: TestSet, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        add(test_set, "How?", **fields)
    codes = [error.code for errors in refused.value.error_dict.values() for error in errors]
    assert codes == [code]


def test_phrases_are_compared_as_people_read() -> None:
    assert judging.plain("Цена **3\u00a0800** руб.,  ЕЩЁ") == "цена 3800 руб., еще"


# --- runs -----------------------------------------------------------------------------------------


def test_draft_is_compared_with_what_is_published(acme: House, test_set: TestSet) -> None:
    teach(acme, "How can I pay?", "By card.")
    add(test_set, "I want to talk to a human", outcome="handoff")
    add(test_set, "How can I pay?", all_of=["card"])
    run = run_through(runs.begin(test_set, draft(acme, handoff_on=[]), with_base=True))
    found = comparing.compared(TestResult.unscoped.filter(run=run))
    assert [(one.result.question, one.change) for one in found] == [
        ("I want to talk to a human", "worse"),
        ("How can I pay?", "same"),
    ]
    assert run.passed == 1
    page = reverse("admin:chat_testrun_change", args=[run.pk])
    text = client_of(acme.owner).get(page, {"rows": "worse"}).content.decode()
    assert "I want to talk to a human" in text
    assert "How can I pay?" not in text
    assert "<ins>" in text


def test_run_without_a_difference_asks_once(acme: House, test_set: TestSet) -> None:
    add(test_set, "How?", outcome="unknown")
    assert runs.begin(test_set, published(acme), with_base=True).base is None


def test_cancelled_run_asks_no_more(acme: House, test_set: TestSet) -> None:
    add(test_set, "How?", outcome="unknown")
    run = runs.begin(test_set, published(acme), with_base=False)
    page = reverse("admin:chat_testrun_change", args=[run.pk])
    assert client_of(acme.operator).post(page, {"cancel": "1"}).status_code == 403
    client_of(acme.owner).post(page, {"cancel": "1"})
    runs.work(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done) == ("cancelled", 0)
    assert not runs.cancel(run)


def test_each_case_is_recorded_once(
    acme: House, test_set: TestSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(test_set, "How?", outcome="unknown")
    run = runs.begin(test_set, published(acme), with_base=False)
    first = runs._take(run.pk)
    assert first
    assert runs._take(run.pk) is None
    TestResult.unscoped.update(lease_until=first.run.created_at - timedelta(hours=1))
    second = runs._take(run.pk)
    assert second
    assert runs._write(second, Receipt(outcome=receipts.UNKNOWN), None)
    assert not runs._write(first, Receipt(outcome=receipts.FAILED), None)
    runs.work(run.pk)
    run.refresh_from_db()
    assert (run.done, run.passed, run.status) == (1, 1, "done")


def test_lost_run_is_sent_again(acme: House, test_set: TestSet, unsent: list[int]) -> None:
    add(test_set, "How?", outcome="unknown")
    run = runs.begin(test_set, published(acme), with_base=False)
    assert unsent == [run.pk]
    assert runs.resume() == 0
    TestRun.unscoped.update(touched_at=run.created_at - timedelta(minutes=1))
    assert runs.resume() == 1
    assert runs.resume() == 0
    assert unsent == [run.pk, run.pk]


def test_failing_model_fails_the_case(acme: House, test_set: TestSet, settings: Any) -> None:
    write(acme, "The tour of Kazan", "The long tour takes three hours.")
    add(test_set, "Is there a long tour in Kazan?", all_of=["x"])
    with OpenAIServer() as server:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODEL = server.base_url, "fake-broken"
        assert problems(test_set, acme) == {"Is there a long tour in Kazan?": ["failed"]}


def worker_of(folder: Path, server: OpenAIServer) -> AbstractContextManager[Child]:
    """The worker of the indexing queue, with a slow model."""
    process = next(p for p in processes.workers(folder) if p.name == "indexing")
    return started(
        "indexing",
        process.arguments,
        folder,
        OPENAI_BASE_URL=server.base_url,
        OPENAI_MODEL="fake-slow",
    )


def test_killed_worker_leaves_every_case_to_be_asked_once(
    tmp_path: Path, acme: House, test_set: TestSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    write(acme, "The tour of Kazan", "The long tour takes three hours. " + "It is long. " * 8)
    for number in range(6):
        add(test_set, f"Is there a long tour number {number} in Kazan?", all_of=["three hours"])

    with OpenAIServer() as server:
        run = runs.begin(test_set, published(acme), with_base=False)

        def done() -> int:
            run.refresh_from_db()
            return run.done

        with worker_of(tmp_path, server) as worker:
            wait_until(lambda: done() >= 1 and len(server.requests) > done(), "some are asked")
            os.killpg(worker.process.pid, signal.SIGKILL)
            worker.process.wait()
        assert done() < 6
        assert run.is_under_way
        monkeypatch.setattr(runs, "PATIENCE", timedelta(seconds=1))

        def is_over() -> bool:
            # What the clock does every quarter of a minute.
            runs.resume()
            run.refresh_from_db()
            return not run.is_under_way

        with worker_of(tmp_path, server):
            wait_until(is_over, "all are asked")
        assert (run.status, run.done, run.passed) == ("done", 6, 6)
        asked = [request["messages"][-1]["content"] for request in server.requests]
        # The one that was being asked when the worker died is asked twice, and recorded once.
        assert len(set(asked)) == 6
        assert len(asked) <= 7


def test_broker_that_is_down_delays_a_run(
    acme: House, test_set: TestSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from celery import current_app

    monkeypatch.undo()
    add(test_set, "How?", outcome="unknown")

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(current_app, "send_task", refuse)
    run = runs.begin(test_set, published(acme), with_base=False)
    assert run.is_under_way


# --- cases from turns and tables ------------------------------------------------------------------


def test_turn_becomes_a_case(acme: House, test_set: TestSet, ask: Any) -> None:
    teach(acme, "How can I pay?", "By card.")
    ask("How can I pay?")
    turn = answer()
    page = reverse("admin:chat_turn_add_case", args=[turn.pk])
    owner = client_of(acme.owner)
    assert owner.get(page).status_code == 200
    assert not TestCase.unscoped.exists()
    assert owner.post(page, {"test_set": test_set.pk}).status_code == 302
    case = TestCase.unscoped.get()
    assert (case.question, case.faq) == ("How can I pay?", FAQEntry.unscoped.get())
    assert client_of(acme.operator).post(page, {"test_set": test_set.pk}).status_code == 403
    # The words are the visitor's, and go with the visitor.
    Visitor.unscoped.all().delete()
    assert not TestCase.unscoped.exists()


def test_export_comes_back_as_it_was(acme: House, test_set: TestSet) -> None:
    teach(acme, "How can I pay?", "By card.")
    pay = FAQEntry.unscoped.get()
    history = [{"role": "user", "text": "Hello"}, {"role": "assistant", "text": "Hi: there"}]
    add(test_set, "=How can I pay?", history=history, any_of=["card", "cash, or"], faq=pay)
    add(test_set, "A human", outcome="handoff", handoff_reason="asked")
    text = tables.export(test_set)
    assert [row.action for row in tables.look(test_set, text)] == ["same", "same"]
    other = TestSet.unscoped.create(organization=acme.organization, name="Other")
    assert tables.bring_in(other, tables.look(other, text)) == 2
    assert tables.export(other) == text


def test_dry_run_says_what_is_wrong(acme: House, globex: House, test_set: TestSet) -> None:
    teach(globex, "Secret of Globex?", "Yes.")
    foreign = FAQEntry.unscoped.get()
    table = (
        "вопрос;expected;reason;all_of;source;before\n"
        "Как оплатить?;;;картой;;\n"
        ";;;x;;\n"
        "Why?;maybe;;x;;\n"
        f"Where?;;;;faq:{foreign.pk};\n"
        "Who?;;;;book: 1;\n"
        "When?;;;x;;nobody said this\n"
        "Как оплатить?;;;картой;;\n"
        "Nothing?;;;;;\n"
    )
    owner = client_of(acme.owner)
    page = reverse("admin:chat_testset_import_csv", args=[test_set.pk])
    response = owner.post(page, {"file": SimpleUploadedFile("t.csv", table.encode("cp1251"))})
    rows = response.context["rows"]
    assert [row.action for row in rows] == ["new", "", "", "", "", "", "", ""]
    columns = [[column for column, _sentence in row.problems] for row in rows]
    assert columns[1:] == [
        ["question"],
        ["expected"],
        ["source", ""],
        ["source", ""],
        ["before"],
        ["question"],
        [""],
    ]
    assert "Secret" not in response.content.decode()
    assert not TestCase.unscoped.exists()
    owner.post(page, {"content": response.context["content"], "bring_in": "1"})
    case = TestCase.unscoped.get()
    assert (case.question, case.language, case.all_of) == ("Как оплатить?", "ru", ["картой"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "no_columns"),
        (b"question,question\nx,y\n", "column_twice"),
        (b'question,all_of\n"never ends,x\n', "broken"),
        (b"PK\x03\x04\0\0", "not_text"),
        (b"question,all_of\n" + b"".join(b"q%d,x\n" % n for n in range(501)), "too_many"),
        (b"x" * (1024 * 1024 + 1), "too_large"),
    ],
)
def test_bad_files_are_refused_in_words(
    acme: House, test_set: TestSet, content: bytes, code: str
) -> None:
    page = reverse("admin:chat_testset_import_csv", args=[test_set.pk])
    file = SimpleUploadedFile("t.csv", content)
    response = client_of(acme.owner).post(page, {"file": file})
    assert response.context["code"] == code
    assert str(response.context["trouble"])
    assert not TestCase.unscoped.exists()


# --- replay ---------------------------------------------------------------------------------------


def test_past_questions_are_asked_of_the_draft(acme: House, ask: Any) -> None:
    teach(acme, "How can I pay?", "By card.")
    for question in ("How can I pay?", "What is the weather on Mars?"):
        ask(question)
        answer()
    FAQEntry.unscoped.update(answer="By card.")
    teach(acme, "What is the weather on Mars?", "Cold and dry.")
    run = replay.begin(draft(acme, instructions="Be kind."), replay.ALL, 50)
    assert run
    run_through(run)
    found = comparing.compared(TestResult.unscoped.filter(run=run))
    assert [(one.result.question, one.change) for one in found] == [
        ("What is the weather on Mars?", "better"),
        ("How can I pay?", "same"),
    ]
    assert found[0].base
    assert "do not know" in found[0].base.text
    # Nothing was said to anybody.
    assert Message.unscoped.count() == 4
    assert Turn.unscoped.count() == 2


def test_what_answers_no_question_is_neither_asked_again_nor_a_case(
    acme: House, ask: Any, test_set: TestSet
) -> None:
    """As when the assistant tells what became of a call that an operator has confirmed."""
    ask("How can I pay?")
    answer()
    turn = Turn.unscoped.get()
    Message.unscoped.filter(chat=turn.chat, seq=turn.from_seq).update(
        role=Message.Role.SYSTEM, event=Message.Event.CALL_DECIDED
    )
    assert replay.begin(published(acme)) is None
    address = reverse("admin:chat_turn_add_case", args=[turn.pk])
    page = client_of(acme.owner).post(address, {"test_set": test_set.pk}, follow=True)
    assert "No question of a visitor was answered here." in page.text
    assert not TestCase.unscoped.exists()


def test_replay_chooses_by_what_came_of_the_answers(acme: House, globex: House, ask: Any) -> None:
    teach(acme, "How can I pay?", "By card.")
    for question in ("How can I pay?", "What is the weather on Mars?"):
        ask(question)
        answer()
    Message.unscoped.filter(content="By card.").update(helpful=False)
    questions = {
        which: [replay.question_of(turn) for turn in replay.past(published(acme), which)]
        for which in replay.CHOICES
    }
    assert questions == {
        "all": ["What is the weather on Mars?", "How can I pay?"],
        "badly_rated": ["How can I pay?"],
        "unanswered": ["What is the weather on Mars?"],
    }
    assert replay.begin(published(globex)) is None
    page = reverse("admin:chat_testrun_replay")
    assert client_of(acme.operator).get(page).status_code == 403
    filled = {"candidate": published(acme).key, "which": "badly_rated", "count": "5"}
    assert client_of(acme.owner).post(page, filled).status_code == 302
    assert TestRun.unscoped.get().total == 1
    assert client_of(globex.owner).post(page, filled).status_code == 200
    assert TestRun.unscoped.count() == 1


# --- the gate -------------------------------------------------------------------------------------


def publish(house: House, **filled: str) -> str:
    """What the owner is told who presses the button."""
    page = reverse("admin:organizations_agent_publish", args=[house.agent.pk])
    response = client_of(house.owner).post(page, {"note": "", **filled}, follow=True)
    house.agent.refresh_from_db()
    return response.content.decode()


def last(house: House) -> AgentVersion:
    """The last version, which answers."""
    version = AgentVersion.unscoped.filter(agent=house.agent).first()
    assert version
    assert version == house.agent.version
    return version


def test_gate_holds_up_what_has_not_passed(acme: House, test_set: TestSet) -> None:
    teach(acme, "How can I pay?", "By card.")
    add(test_set, "How can I pay?", all_of=["gold"])
    add(test_set, "What is the weather on Mars?", outcome="unknown")
    gate = Gate.unscoped.create(
        organization=acme.organization, agent=acme.agent, test_set=test_set, least=100
    )
    candidate = draft(acme, instructions="Be kind.")
    assert "must be run" in publish(acme)
    run_through(runs.begin(test_set, candidate, with_base=False))
    assert "passes 1 of 2" in publish(acme)
    assert last(acme).number == 1
    with pytest.raises(agents.Held):
        agents.publish(acme.agent)
    Gate.unscoped.filter(pk=gate.pk).update(least=50)
    assert "Version 2 answers now" in publish(acme)


def test_gate_asks_for_a_run_of_these_very_settings(acme: House, test_set: TestSet) -> None:
    add(test_set, "What is the weather on Mars?", outcome="unknown")
    Gate.unscoped.create(organization=acme.organization, agent=acme.agent, test_set=test_set)
    run_through(runs.begin(test_set, draft(acme, instructions="Be kind."), with_base=False))
    candidate = draft(acme, instructions="Be kinder.")
    assert "not those that were tested" in publish(acme)
    run_through(runs.begin(test_set, candidate, with_base=False))
    add(test_set, "What is the weather on Venus?", outcome="unknown")
    assert "has changed since" in publish(acme)
    run_through(runs.begin(test_set, candidate, with_base=False))
    assert "Version 2 answers now" in publish(acme)


def test_gate_notices_a_tool_that_has_changed_since(acme: House, test_set: TestSet) -> None:
    tool = Tool(organization=acme.organization, name="look", label="Look", url="https://a.example/")
    definitions.save(tool, acme.owner)
    add(test_set, "What is the weather on Mars?", outcome="unknown")
    Gate.unscoped.create(organization=acme.organization, agent=acme.agent, test_set=test_set)
    run = run_through(runs.begin(test_set, draft(acme, tools=[tool.pk]), with_base=False))
    assert TestRun.unscoped.get(pk=run.pk).tools == {str(tool.pk): 1}
    shown = client_of(acme.owner).get(reverse("admin:chat_testrun_change", args=[run.pk]))
    assert "Look (revision 1)" in shown.text
    tool.description = "Looks better."
    definitions.save(tool, acme.owner)
    assert "A tool of this agent has changed" in publish(acme)
    run_through(runs.begin(test_set, draft(acme, tools=[tool.pk]), with_base=False))
    assert "Version 2 answers now" in publish(acme)


def test_override_is_the_owners_choice_and_leaves_its_reason(
    acme: House, test_set: TestSet
) -> None:
    gate = Gate.unscoped.create(organization=acme.organization, agent=acme.agent, test_set=test_set)
    draft(acme, instructions="Be kind.")
    assert "must be run" in publish(acme, reason="We are in a hurry")
    assert last(acme).number == 1
    Gate.unscoped.filter(pk=gate.pk).update(may_override=True)
    assert "must be run" in publish(acme)
    assert last(acme).number == 1
    publish(acme, reason="We are in a hurry", note="Kindness")
    assert last(acme).note == "Kindness · Published past its gate: We are in a hurry"


def test_way_back_has_no_gate(acme: House, test_set: TestSet) -> None:
    Gate.unscoped.create(organization=acme.organization, agent=acme.agent, test_set=test_set)
    first = AgentVersion.unscoped.get()
    assert agents.roll_back(acme.agent, first).number == 2
    draft(acme, instructions="Be kind.")
    kept = agents.snapshot(acme.agent)
    # What never answered is no way back.
    with pytest.raises(agents.Held):
        agents.roll_back(acme.agent, kept)


def test_gate_of_another_house_holds_up_nothing(
    acme: House, globex: House, test_set: TestSet
) -> None:
    Gate.unscoped.create(organization=acme.organization, agent=acme.agent, test_set=test_set)
    draft(globex, instructions="Be kind.")
    assert "Version 2 answers now" in publish(globex)
