"""Experiments: who is sent where, what the turn says of it, and how sure a difference is."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat import turns, visitor
from chat.answering import brief
from chat.models import Chat, Experiment, Handoff, Message, Session, Turn
from chat.trials import experiments, intervals
from knowledge.models import ContextEntry
from organizations import agents
from organizations.models import Agent
from tests.conftest import House, client_of

pytestmark = pytest.mark.django_db(transaction=True)


def begin(house: House, share: int = 50, **settings: Any) -> Experiment:
    """An experiment with the draft."""
    agents.keep_draft(
        house.agent, agents.drafted(house.agent) | {"instructions": "Purr."} | settings
    )
    return experiments.start(house.agent, None, share, by=house.owner)


def new_chat(house: House) -> Chat:
    return visitor.say(house.visitor(), house.visit, "How are tours?", uuid.uuid4()).chat


def brief_of(chat: Chat) -> brief.Brief:
    claim = turns.claim(Turn.unscoped.get(chat=chat).pk)
    assert isinstance(claim, turns.Claim)
    found = brief.read(claim)
    assert found
    return found


def agent_of(chat: Chat) -> Agent:
    found: Agent = brief_of(chat).turn.chat.session.widget.agent
    return found


# --- sharing out ----------------------------------------------------------------------------------


def test_share_of_new_chats_meets_the_variant(acme: House) -> None:
    experiment = begin(acme, share=50)
    told = Counter(agent_of(new_chat(acme)).instructions for _number in range(40))
    assert set(told) == {"", "Purr."}
    variants = Counter(agent_of_again(chat).version_id for chat in Chat.unscoped.all())
    assert set(variants) == {acme.agent.version_id, experiment.variant_id}


def agent_of_again(chat: Chat) -> Agent:
    """The agent of a chat that is asked about once more."""
    Turn.unscoped.filter(chat=chat).update(status="queued", lease_token=None)
    return agent_of(chat)


def test_chat_never_changes_sides(acme: House) -> None:
    begin(acme)
    chats = [new_chat(acme) for _number in range(8)]
    first = [agent_of(chat).version_id for chat in chats]
    assert [agent_of_again(chat).version_id for chat in chats] == first


def test_hash_shares_out_evenly(acme: House) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FILTER (WHERE {brief.IN_VARIANT}) FROM (SELECT 7 AS id, 30 AS share) "
            "AS experiment, "
            "(SELECT md5(n::text)::uuid AS chat_id FROM generate_series(1, 20000) n) AS chat"
        )
        count = cursor.fetchone()[0]
    # Five standard deviations of a fair draw.
    assert abs(count - 6000) < 5 * math.sqrt(20000 * 0.3 * 0.7)


def test_older_chats_and_stopped_experiments_are_left_alone(acme: House) -> None:
    old = new_chat(acme)
    Chat.unscoped.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=1))
    experiment = begin(acme, share=90)
    assert agent_of(old).version_id == acme.agent.version_id
    assert experiments.stop(experiment)
    assert not experiments.stop(experiment)
    assert {agent_of(new_chat(acme)).version_id for _n in range(6)} == {acme.agent.version_id}


def test_no_statement_more_is_made(acme: House) -> None:
    def statements(chat: Chat) -> int:
        claim = turns.claim(Turn.unscoped.get(chat=chat).pk)
        assert isinstance(claim, turns.Claim)
        with CaptureQueriesContext(connection) as made:
            brief.read(claim)
        return len(made)

    assert statements(new_chat(acme)) == 1
    begin(acme, share=90)
    assert {statements(new_chat(acme)) for _number in range(4)} == {1}


def test_another_agents_version_brings_its_own_facts(acme: House) -> None:
    other = Agent.unscoped.create(
        organization=acme.organization, name="other", instructions="Bark.", reply_delay=0
    )
    version = agents.publish(other)
    for agent, word in ((acme.agent, "mine"), (other, "theirs")):
        ContextEntry.unscoped.create(
            organization=acme.organization, agent=agent, key="k", value=word
        )
    experiments.start(acme.agent, version, 90)
    told = {
        (known.turn.chat.session.widget.agent.instructions, known.settings[0][1])
        for known in (brief_of(new_chat(acme)) for _number in range(12))
    }
    assert ("Bark.", "theirs") in told
    assert told <= {("Bark.", "theirs"), ("", "mine")}


def test_draft_of_an_experiment_is_not_published(acme: House) -> None:
    experiment = begin(acme)
    acme.agent.refresh_from_db()
    assert acme.agent.instructions == ""
    assert acme.agent.version_id != experiment.variant_id
    assert not experiment.variant.was_published
    assert agents.roll_back(acme.agent, experiment.variant).was_published
    acme.agent.refresh_from_db()
    assert acme.agent.instructions == "Purr."


def test_one_experiment_an_agent(acme: House, globex: House) -> None:
    begin(acme)
    acme.agent.refresh_from_db()
    for agent, variant, code in (
        (acme.agent, None, "is_running"),
        (acme.agent, acme.agent.version, "same_version"),
        (globex.agent, None, "no_draft"),
    ):
        with pytest.raises(ValidationError) as refused:
            experiments.start(agent, variant, 50)
        assert refused.value.code == code
    foreign = Experiment.unscoped.get().variant
    with pytest.raises(ValidationError):
        experiments.start(globex.agent, foreign, 50)
    assert Experiment.unscoped.count() == 1


# --- comparing ------------------------------------------------------------------------------------


def test_wilson_is_that_of_the_books() -> None:
    # Newcombe (1998), table I: 81 of 263.
    found = intervals.wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert intervals.wilson(0, 20).low == 0


def test_difference_of_shares_is_that_of_the_books() -> None:
    # Newcombe (1998), table II, method 10: 56 of 70 against 48 of 80.
    found = intervals.of_shares((48, 80), (56, 70))
    assert found
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)]
)
def test_students_quantile(freedom: int, quantile: float) -> None:
    assert intervals.student(freedom) == pytest.approx(quantile, abs=0.002)


def test_welch_by_hand() -> None:
    old, new = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8]
    found = intervals.of_means(old, new)
    assert found
    # Variances 4.581 and 15.724, 7.42 degrees of freedom, where t (by integration) is 2.3376.
    assert found.value == pytest.approx(2.7143, abs=0.001)
    assert found.low == pytest.approx(-1.5161, abs=0.001)
    assert found.high == pytest.approx(6.9447, abs=0.001)
    assert not found.excludes_zero


def test_few_or_alike_numbers_name_no_winner() -> None:
    assert intervals.of_means([1.0] * 4, [5.0] * 40) is None
    assert intervals.of_shares((0, 4), (40, 40)) is None
    same = intervals.of_means([3.0] * 9, [3.0] * 9)
    assert same
    assert not same.excludes_zero
    without_spread = intervals.of_means([3.0] * 9, [4.0] * 9)
    assert without_spread
    assert not without_spread.excludes_zero


def fill_sides(experiment: Experiment, house: House, count: int = 60) -> dict[bool, int]:
    """Finished chats, of which the variant's are shorter, better rated, and handed over less."""
    made = {True: 0, False: 0}
    for number in range(count):
        person = house.visitor()
        session = Session.unscoped.create(
            organization=house.organization, widget=house.widget, visitor=person, language="en"
        )
        chat = Chat.unscoped.create(organization=house.organization, session=session, seq=2)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {brief.IN_VARIANT} FROM chat_chat chat, chat_experiment experiment "
                "WHERE chat.id = %s AND experiment.id = %s",
                [chat.pk, experiment.pk],
            )
            is_variant = cursor.fetchone()[0]
        made[is_variant] += 1
        Session.unscoped.filter(pk=session.pk).update(
            satisfaction_rating=4 + number % 2 if is_variant else 1 + number % 2
        )
        turn = Turn.unscoped.create(
            organization=house.organization,
            chat=chat,
            from_seq=1,
            upto_seq=1,
            epoch=1,
            due_at=timezone.now(),
            status="done",
            cost="0.01",
            timings={"first_text": 300 + number},
        )
        Message.unscoped.create(
            organization=house.organization,
            chat=chat,
            seq=2,
            role="assistant",
            sender="assistant",
            turn=turn,
            content="word " * (10 + number % 3 if is_variant else 60 + number % 5),
        )
        if not is_variant:
            Handoff.unscoped.create(
                organization=house.organization,
                chat=chat,
                reason="asked",
                requested_at=timezone.now(),
            )
    return made


def test_sides_are_compared_with_intervals(acme: House) -> None:
    experiment = begin(acme)
    made = fill_sides(experiment, acme)
    found = experiments.compare(experiment)
    assert (found.base_chats, found.variant_chats) == (made[False], made[True])
    verdicts = {line.measure.name: line.verdict for line in found.lines}
    assert verdicts["rating"] == "better"
    assert verdicts["handoff"] == "better"
    assert verdicts["length"] == "other"
    # Without a spread, or without a number, nothing is said.
    assert verdicts["cost"] == ""
    assert verdicts["helped"] == ""
    cost = next(line for line in found.lines if line.measure.name == "cost")
    assert cost.base.value == pytest.approx(0.01)


def test_people_who_are_called_after_the_end_are_not_counted(acme: House) -> None:
    experiment = begin(acme)
    fill_sides(experiment, acme, 12)
    assert experiments.stop(experiment)
    experiment.refresh_from_db()

    def handed_over() -> list[float | None]:
        line = next(
            one for one in experiments.compare(experiment).lines if one.measure.name == "handoff"
        )
        return [line.base.value, line.variant.value]

    assert handed_over() == [1, 0]
    Handoff.unscoped.update(requested_at=timezone.now())
    assert handed_over() == [0, 0]


def test_other_houses_and_other_times_do_not_count(acme: House, globex: House) -> None:
    experiment = begin(acme)
    fill_sides(experiment, globex, 6)
    assert experiments.compare(experiment).base_chats == 0
    fill_sides(experiment, acme, 6)
    Chat.unscoped.update(created_at=timezone.now() - timedelta(days=1))
    after = experiments.compare(experiment)
    assert after.base_chats + after.variant_chats == 0


def test_figures_are_written_as_the_reader_writes_them(acme: House) -> None:
    experiment = begin(acme)
    fill_sides(experiment, acme)
    address = reverse("admin:chat_experiment_change", args=[experiment.pk])
    page = client_of(acme.owner).get(address, headers={"accept-language": "ru"})
    shown = {row["label"]: row for row in page.context["rows"]}
    cost = shown["Стоимость чата"]
    assert (cost["unit"], cost["sides"][0]["value"]) == ("USD", "0,01000")
    assert shown["Доля чатов, переданных людям"]["sides"][0]["value"] == "100,0 %"
    assert shown["Доля чатов, переданных людям"]["difference"].startswith(
        "\u2212100,0 п.\u00a0п. ("
    )
    assert "Стоимость чата, USD" in page.text
